"""Whole tables, predicted at once: with answers made up, and against the real server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from volary import AsyncClient, Client, InvalidInputError, JobFailedError, VolaryError

from .mocked import Mocked
from .running_server import RunningServer
from .test_server import ROW

RUN: dict[str, Any] = {
    "id": "r",
    "status": "queued",
    "progress": 0.0,
    "total_rows": 2,
    "rows": 0,
    "rows_failed": 0,
    "refusals": [],
    "dataset": "flats",
    "dataset_version": 1,
    "model": "price",
    "version": 3,
    "output": "flats-price-predictions",
    "prediction_column": "prediction",
    "created_at": "2026-01-01T00:00:00Z",
    "added_by_a_newer_server": True,
}


@pytest.mark.parametrize(("version", "sent"), [(3, 3), ("champion", "@champion"), ("@champion", "@champion")])
def test_a_version_is_a_number_or_an_alias(kind: str, version: Any, sent: Any) -> None:
    mocked = Mocked(kind, [httpx.Response(202, json=RUN)])
    run = mocked.call(lambda client: client.scoring_runs.create("flats", model="price", version=version))
    assert (run.id, run.has_ended, run.output_version) == ("r", False, None)
    assert json.loads(mocked.requests[0].content) == {"dataset": "flats", "model": "price", "version": sent}


def test_a_run_that_ends_badly_says_why(kind: str) -> None:
    error = {"code": "too_large", "message": "the answer is too large.", "fix": "Name fewer keep_columns."}
    mocked = Mocked(kind, [httpx.Response(200, json={**RUN, "status": "failed", "error": error})])
    with pytest.raises(JobFailedError, match=r"too large\. Name fewer") as failed:
        mocked.call(lambda client: client.scoring_runs.result("r"))
    assert failed.value.error_code == "too_large"
    mocked = Mocked(kind, [httpx.Response(200, json={**RUN, "status": "cancelled"})])
    with pytest.raises(JobFailedError) as failed:
        mocked.call(lambda client: client.scoring_runs.wait("r"))
    assert failed.value.error_code == "cancelled"


@pytest.mark.usefixtures("trained")
def test_a_table_is_scored_and_the_answer_is_a_dataset(client: Client) -> None:
    lines = [",".join(str(value) for value in ROW.values())] * 3
    lines[1] = lines[1].replace("37.88", "north")
    client.datasets.upload("flats", "\n".join([",".join(ROW), *lines, ""]).encode(), format="csv")
    client.datasets.wait("flats", timeout=60)
    with pytest.raises(InvalidInputError) as raised:
        # The column holds texts by now, and the model wants numbers.
        client.scoring_runs.create("flats", model="price", version=1)
    assert raised.value.errors

    run = client.scoring_runs.create(
        "housing", model="price", version=1, output="scored", keep_columns=["latitude"], idempotency_key="score"
    )
    assert (run.dataset, run.dataset_version, run.version, run.output) == ("housing", 1, 1, "scored")
    again = client.scoring_runs.create(
        "housing", model="price", version=1, output="scored", keep_columns=["latitude"], idempotency_key="score"
    )
    assert again.id == run.id
    ended = client.scoring_runs.wait(run.id, timeout=120)
    assert (ended.status, ended.rows, ended.rows_failed, ended.output_version) == ("succeeded", 20_640, 0, 1)
    dataset = client.scoring_runs.result(run.id, timeout=120)
    assert (dataset.name, dataset.version, dataset.status, dataset.rows) == ("scored", 1, "ready", 20_640)
    assert [column.name for column in dataset.columns] == ["latitude", "prediction", "prediction_error"]
    assert dataset.lineage is not None
    assert (dataset.lineage.scoring_run, dataset.lineage.model_version) == (run.id, 1)
    with pytest.raises(VolaryError) as refused:
        client.scoring_runs.cancel(run.id)
    assert (refused.value.status, refused.value.error_code) == (409, "run_finished")
    assert client.scoring_runs.get(run.id) == ended


@pytest.mark.usefixtures("trained")
def test_the_async_client_scores_too(server: RunningServer, admin_key: str) -> None:
    async def use() -> None:
        async with AsyncClient(server.url, api_key=admin_key) as client:
            run = await client.scoring_runs.create("housing", model="price", version=2, output="scored-async")
            dataset = await client.scoring_runs.result(run.id, timeout=120)
            assert (dataset.name, dataset.rows) == ("scored-async", 20_640)

    asyncio.run(use())
