from __future__ import annotations

import inspect
from datetime import datetime, timezone
from typing import Any

import pytest

from volary import AsyncClient, Client, Prediction, RateLimit, Step, TrainingRun
from volary._flow import operation
from volary.answers import Deployment, decode, moment

RUN: dict[str, Any] = {
    "id": "r",
    "status": "a status of the future",
    "model": "m",
    "created_at": "2026-11-22T20:36:45.36Z",
    "progress": {"stage": "train", "fraction": 0.5, "new": [1]},
    "metrics": {"r2": 0.6},
    "version": None,
    "unknown": {"deep": True},
}


def test_unknown_fields_are_left_out_and_known_ones_typed() -> None:
    run = decode(TrainingRun, RUN)
    assert run.created_at == datetime(2026, 11, 22, 20, 36, 45, 360_000, timezone.utc)
    assert run.progress is not None
    assert (run.progress.fraction, run.metrics, run.version, run.error) == (0.5, {"r2": 0.6}, None, None)


def test_lists_of_objects_are_typed() -> None:
    rollout = {
        "id": "x",
        "deployment": "d",
        "model": "m",
        "mode": "canary",
        "status": "running",
        "stable_version": 1,
        "canary_version": 2,
        "step": 0,
        "weight": 10,
        "created_at": RUN["created_at"],
        "steps": [{"weight": 10, "seconds": 60}, {"weight": 50, "seconds": 0}],
    }
    deployment = {
        "id": "y",
        "name": "d",
        "model": "m",
        "stable_version": 1,
        "state": "rolling_out",
        "reason": "",
        "revision": 4,
        "created_at": RUN["created_at"],
        "updated_at": RUN["created_at"],
        "rollout": rollout,
    }
    found = decode(Deployment, deployment).rollout
    assert found is not None
    assert found.steps == (Step(10, 60), Step(50, 0))


@pytest.mark.parametrize(
    "data", [[], None, "text", {}, {**RUN, "created_at": "yesterday"}, {**RUN, "created_at": 7}, {**RUN, "progress": 1}]
)
def test_another_shape_is_refused(data: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        decode(TrainingRun, data)


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("2026-01-02T03:04:05Z", 0),
        ("2026-01-02T03:04:05.1Z", 100_000),
        ("2026-01-02T03:04:05.123456Z", 123_456),
        ("2026-01-02T03:04:05.123456789+00:00", 123_456),
    ],
)
def test_times_are_read_to_the_microsecond(text: str, microseconds: int) -> None:
    assert moment(text) == datetime(2026, 1, 2, 3, 4, 5, microseconds, timezone.utc)


def test_a_prediction_has_no_room_for_surprises() -> None:
    prediction = Prediction([1.0], "m", 1, "stable", "r", RateLimit(10, 1, 9, 1))
    with pytest.raises(AttributeError):
        prediction.version = 2  # type: ignore[misc]


def test_every_operation_is_documented_and_keeps_its_signature() -> None:
    client = Client("http://localhost", api_key="k")
    owners = [
        client,
        client.datasets,
        client.training_runs,
        client.models,
        client.deployments,
        client.rollouts,
        client.scoring_runs,
        client.retraining,
    ]
    names = []
    for owner in owners:
        for name in dir(type(owner)):
            if isinstance(inspect.getattr_static(owner, name), operation):
                names.append(name)
                assert "Raises:" in (inspect.getdoc(getattr(owner, name)) or ""), name
                assert getattr(type(owner), name).__doc__ == getattr(owner, name).__doc__
    assert len(names) == 40
    parameters = inspect.signature(client.predict).parameters
    assert list(parameters) == ["deployment", "rows", "route_key", "request_id", "batch_size", "explain"]
    client.close()


async def types_of_async(client: AsyncClient) -> tuple[Prediction, TrainingRun]:
    """Never run: mypy reads that awaiting gives what the blocking client returns."""
    return await client.predict("d", {}), await client.training_runs.get("r")


def types_of_sync(client: Client) -> tuple[Prediction, TrainingRun]:
    """Never run, as above."""
    return client.predict("d", [{}], batch_size=3), client.training_runs.get("r")
