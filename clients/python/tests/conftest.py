from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from volary import Client, TrainingRun

from .running_server import RunningServer

TABLE = Path(__file__).parents[3] / "demo/california_housing.csv.gz"


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> str:
    """Both clients, one after the other."""
    return str(request.param)


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set around the tests is none of theirs."""
    monkeypatch.delenv("VOLARY_URL", raising=False)
    monkeypatch.delenv("VOLARY_API_KEY", raising=False)


@pytest.fixture(scope="session")
def server() -> Iterator[RunningServer]:
    with RunningServer() as running:
        yield running


@pytest.fixture(scope="session")
def admin_key(server: RunningServer) -> str:
    return server.new_key("admin", "predict:*")


@pytest.fixture(scope="session")
def client(server: RunningServer, admin_key: str) -> Iterator[Client]:
    with Client(server.url, api_key=admin_key) as client:
        yield client


@pytest.fixture(scope="session")
def management(server: RunningServer, admin_key: str) -> Iterator[httpx.Client]:
    """For what the package has no call."""
    url = f"{server.url}/api/v1/projects/default"
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {admin_key}"}) as client:
        yield client


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("table") / "housing.csv"
    path.write_bytes(gzip.decompress(TABLE.read_bytes()))
    return path


@dataclass(frozen=True)
class Trained:
    """Two versions of the model `price`; the deployment `price` has the first."""

    first: TrainingRun
    second: TrainingRun


@pytest.fixture(scope="session")
def trained(client: Client, table: Path) -> Trained:
    client.datasets.upload("housing", table)
    client.datasets.wait("housing", timeout=300)
    # One after the other: two at a time may end in either order.
    first, second = (_train(client, seed) for seed in (1, 2))
    client.deployments.put("price", model="price", version=1)
    return Trained(first, second)


def _train(client: Client, seed: int) -> TrainingRun:
    run = client.training_runs.create(
        "housing",
        target="median_house_value",
        model="price",
        algorithm="linear_regression",
        seed=seed,
    )
    return client.training_runs.wait(run.id, timeout=300)
