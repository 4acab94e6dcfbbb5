"""What the server predicts, and what onnxruntime makes of the file that it gives."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from volary import AsyncClient, Client, NotFoundError

from .running_server import RunningServer

# It comes for Python 3.11 and newer.
onnxruntime: Any = pytest.importorskip("onnxruntime")

PLACES = ["harbour", "hill", "inland"]


def row(number: int) -> dict[str, Any]:
    size = None if number % 17 == 0 else 20.0 + number * 7 % 90
    return {"size": size, "place": PLACES[number % 3], "new": number % 5 == 0, "floor": number % 8}


def table(count: int = 400) -> bytes:
    lines = ["size,place,new,floor,price,kind"]
    for number in range(count):
        of = row(number)
        size = of["size"]
        price = 1000 + 40 * (size or 50) + 500 * (number % 3) + 300 * of["new"] + number % 11
        kind = "dear" if price > 3700 else "cheap"
        text = "" if size is None else f"{size}"
        lines.append(f"{text},{of['place']},{str(of['new']).lower()},{of['floor']},{price},{kind}")
    return "\n".join(lines).encode()


def train(client: Client, algorithm: str, target: str, model: str) -> None:
    run = client.training_runs.create(
        "flats", target=target, model=model, algorithm=algorithm, features=["size", "place", "new", "floor"]
    )
    client.training_runs.wait(run.id, timeout=300)
    client.deployments.put(model, model=model, version=1)


def feeds(file: bytes, rows: list[dict[str, Any]]) -> tuple[Any, dict[str, Any]]:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    feed = {}
    for wanted in session.get_inputs():
        values = [of[wanted.name] for of in rows]
        if "string" in wanted.type:
            column = np.array(["" if value is None else value for value in values], np.object_)
        else:
            column = np.array([np.nan if value is None else float(value) for value in values])
        feed[wanted.name] = column.reshape(-1, 1)
    return session, feed


@pytest.fixture(scope="module")
def flats(client: Client) -> None:
    client.datasets.upload("flats", table(), format="csv")
    client.datasets.wait("flats", timeout=300)


@pytest.mark.usefixtures("flats")
def test_onnxruntime_predicts_what_the_server_does(client: Client, tmp_path: Path) -> None:
    rows = [*(row(number) for number in range(40)), {**row(1), "place": "elsewhere"}]
    train(client, "gradient_boosting", "price", "flat_price")
    (tmp_path / "flat.onnx").write_bytes(client.models.export_onnx("flat_price", 1))
    session, feed = feeds((tmp_path / "flat.onnx").read_bytes(), rows)
    (prices,) = session.run(["prediction"], feed)
    assert prices.shape == (41, 1)
    assert prices[:, 0].tolist() == pytest.approx(client.predict("flat_price", rows).predictions, rel=1e-6)

    train(client, "logistic_regression", "kind", "flat_kind")
    session, feed = feeds(client.models.export_onnx("flat_kind", 1), rows)
    labels, probabilities = session.run(["label", "probabilities"], feed)
    answers: list[Any] = client.predict("flat_kind", rows).predictions
    assert labels.tolist() == [answer["label"] for answer in answers]
    expected = [answer["probabilities"]["dear"] for answer in answers]
    assert probabilities[:, 1].tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.usefixtures("trained")
def test_both_clients_get_the_same_file(client: Client, server: RunningServer, admin_key: str) -> None:
    async def download() -> bytes:
        async with AsyncClient(server.url, api_key=admin_key) as other:
            return await other.models.export_onnx("price", 1)

    assert asyncio.run(download()) == client.models.export_onnx("price", 1)
    with pytest.raises(NotFoundError):
        client.models.export_onnx("price", 99)
