"""Policies of retraining: with answers made up, and against the real server."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from volary import Client, InvalidInputError, JobFailedError, NotFoundError, VolaryError

from .mocked import Mocked

ATTEMPT: dict[str, Any] = {
    "id": "a",
    "trigger": "manual",
    "status": "training",
    "skipped": 0,
    "dataset": "flats",
    "created_by": "ada@example.com",
    "created_at": "2026-01-01T00:00:00Z",
    "added_by_a_newer_server": True,
}
POLICY: dict[str, Any] = {
    "id": "p",
    "model": "price",
    "training": {"dataset": "flats"},
    "on_new_dataset_version": True,
    "on_better": "propose",
    "paused": False,
    "failures": 0,
    "revision": 3,
    "next_runs": ["2026-01-05T03:00:00Z"],
    "created_by": "ada@example.com",
    "created_at": "2026-01-01T00:00:00Z",
    "updated_at": "2026-01-01T00:00:00Z",
}


def test_a_policy_is_asked_for_with_its_revision(kind: str) -> None:
    mocked = Mocked(kind, [httpx.Response(200, json=POLICY)])
    training = {"dataset": "flats", "target": "rent", "algorithm": "auto"}
    policy = mocked.call(
        lambda client: client.retraining.put(
            "price", training=training, schedule="0 3 * * 1", deployment="price", on_better="propose", if_match=2
        )
    )
    assert (policy.revision, policy.next_runs[0].hour) == (3, 3)
    request = mocked.requests[0]
    assert (request.method, request.headers["if-match"]) == ("PUT", '"2"')
    assert json.loads(request.content) == {
        "training": {"model": "price", **training},
        "schedule": "0 3 * * 1",
        "on_new_dataset_version": False,
        "deployment": "price",
        "on_better": "propose",
    }


def test_an_attempt_is_waited_for(kind: str) -> None:
    difference = {"value": -1.0, "low": -2.0, "high": -0.5}
    compared = {"metric": "rmse", "challenger": 2.0, "live": 3.0, "difference": difference, "rows": 80, "refused": 0}
    verdict = {"kind": "better", "sentence": "beats v1", "at": "2026-01-01T00:00:00Z", "compared": compared}
    ended = {**ATTEMPT, "status": "proposed", "version": 2, "verdict": verdict}
    pages = [{"items": [attempt], "next_cursor": None} for attempt in (ATTEMPT, ended)]
    mocked = Mocked(kind, [httpx.Response(200, json=page) for page in pages])
    attempt = mocked.call(lambda client: client.retraining.wait("price", "a"))
    assert (attempt.version, attempt.verdict.compared.difference.high) == (2, -0.5)

    failed = {**ATTEMPT, "status": "failed", "reason": "no rows"}
    mocked = Mocked(kind, [httpx.Response(200, json={"items": [failed], "next_cursor": None})])
    with pytest.raises(JobFailedError, match="no rows"):
        mocked.call(lambda client: client.retraining.wait("price", "a"))


def test_a_policy_is_deleted(kind: str) -> None:
    mocked = Mocked(kind, [httpx.Response(204)])
    assert mocked.call(lambda client: client.retraining.delete("price")) is None
    assert mocked.requests[0].method == "DELETE"


@pytest.mark.usefixtures("trained")
def test_a_better_version_is_proposed_and_accepted(client: Client) -> None:
    spec = {"dataset": "housing", "target": "median_house_value", "algorithm": "linear_regression"}
    poor = client.training_runs.create(
        dataset=spec["dataset"],
        target=spec["target"],
        algorithm=spec["algorithm"],
        model="retrained",
        features=["latitude"],
    )
    client.training_runs.wait(poor.id, timeout=300)
    client.deployments.put("retrained", model="retrained", version=1)
    with pytest.raises(NotFoundError):
        client.retraining.get("retrained")
    with pytest.raises(InvalidInputError):
        client.retraining.put("retrained", training=spec, schedule="every day")
    policy = client.retraining.put("retrained", training=spec, deployment="retrained", on_better="propose")
    assert (policy.revision, policy.problems) == (1, ())
    assert client.retraining.pause("retrained").paused
    assert not client.retraining.resume("retrained").paused

    begun = client.retraining.run("retrained")
    attempt = client.retraining.wait("retrained", begun.id, timeout=300)
    assert (attempt.status, attempt.version) == ("proposed", 2)
    assert attempt.verdict is not None
    assert attempt.verdict.sentence.startswith("beats v1: RMSE ")
    accepted = client.retraining.accept("retrained", attempt.id)
    rollout = client.deployments.get("retrained").rollout
    assert rollout is not None
    assert rollout.id == accepted.rollout
    with pytest.raises(VolaryError) as closed:
        client.retraining.dismiss("retrained", attempt.id)
    assert closed.value.error_code == "proposal_closed"
    client.retraining.delete("retrained", if_match=client.retraining.get("retrained").revision)
    assert client.retraining.attempts("retrained")[0].id == attempt.id
