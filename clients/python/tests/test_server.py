"""Against the real server: a table becomes a model that answers, and everything that may go wrong on the way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import polars as pl
import pytest

from volary import (
    AsyncClient,
    AuthenticationError,
    Client,
    ConnectionFailedError,
    InvalidInputError,
    JobFailedError,
    NotFoundError,
    PermissionDeniedError,
    Prediction,
    RateLimitedError,
    RolloutPolicy,
    Step,
    VolaryError,
)

from .conftest import Trained
from .running_server import RunningServer, until

pytestmark = pytest.mark.usefixtures("trained")

ROW: dict[str, Any] = {
    "longitude": -122.23,
    "latitude": 37.88,
    "housing_median_age": 41,
    "total_rooms": 880,
    "total_bedrooms": 129,
    "population": 322,
    "households": 126,
    "median_income": 8.3252,
    "ocean_proximity": "NEAR BAY",
}


def test_a_table_is_profiled(client: Client) -> None:
    dataset = client.datasets.get("housing")
    assert (dataset.version, dataset.status, dataset.rows) == (1, "ready", 20_640)
    assert dataset == client.datasets.get("housing", 1)
    columns = {column.name: column for column in dataset.columns}
    assert (columns["total_bedrooms"].missing, columns["total_bedrooms"].nullable) == (207, True)
    assert columns["ocean_proximity"].type == "string"
    assert dataset.created_at.tzinfo == timezone.utc


def test_training_makes_versions(client: Client, trained: Trained) -> None:
    assert (trained.first.version, trained.second.version) == (1, 2)
    assert trained.first.metrics is not None
    assert trained.first.metrics["r2"] > 0.5
    assert (trained.first.progress is None or trained.first.progress.fraction) == 1.0
    model = client.models.get("price")
    assert sorted(version.version for version in model.versions) == [1, 2]
    version = client.models.version("price", 1)
    assert (version.dataset, version.dataset_version, version.training_run) == ("housing", 1, trained.first.id)
    assert {field.name for field in version.signature.inputs} == set(ROW)
    assert version.metrics == trained.first.metrics
    deployment = client.deployments.get("price")
    assert (deployment.model, deployment.state) == ("price", "ready")


def test_a_row_is_a_row_in_whatever_it_comes(client: Client) -> None:
    one = client.predict("price", ROW, request_id="one-row")
    assert (one.model, one.version, one.route, one.request_id) == ("price", 1, "stable", "one-row")
    assert 100_000 < one.predictions[0] < 1_000_000
    assert one.rate_limit is not None
    assert (one.rate_limit.limit, one.rate_limit.window_seconds) == (10_000, 10)
    missing = {**ROW, "total_bedrooms": None}
    expected = one.predictions + client.predict("price", missing).predictions
    assert expected[0] != expected[1]
    rows = [ROW, missing]
    frames: list[Any] = [rows, iter(rows), pd.DataFrame(rows), pl.DataFrame(rows)]
    assert [client.predict("price", frame).predictions for frame in frames] == [expected] * 4
    assert client.predict("price", pd.DataFrame(rows).astype({"latitude": "float32"}).iloc[1:]).predictions[
        0
    ] == pytest.approx(expected[1], rel=1e-4)


def test_a_version_is_called_by_number_or_alias(client: Client, management: httpx.Client) -> None:
    management.put("/models/price/aliases/champion", json={"version": 2}).raise_for_status()

    def by_alias() -> Prediction | None:
        try:
            return client.predict_version("price", "champion", ROW)
        except NotFoundError:
            return None

    answer = until("the alias to be served", by_alias)
    assert (answer.version, answer.route) == (2, "pinned")
    assert client.predict_version("price", "@champion", [ROW]).predictions == answer.predictions
    assert client.predict_version("price", 2, ROW).predictions == answer.predictions
    assert client.predict_version("price", 1, ROW).predictions != answer.predictions


def test_a_whole_table_goes_in_batches(client: Client, server: RunningServer, table: Path) -> None:
    frame = pd.read_csv(table).drop(columns="median_house_value")
    with pytest.raises(VolaryError, match="over the limit of 1048576 bytes") as raised:
        client.predict("price", frame)
    assert raised.value.status == 413
    answer = client.predict("price", frame, batch_size=10_000)
    assert len(answer.predictions) == 20_640
    assert len(answer.parts) > 3
    assert {part.version for part in answer.parts} == {1}
    assert answer.predictions[0] == pytest.approx(client.predict("price", frame.iloc[:1]).predictions[0])
    assert answer.predictions[-1] == pytest.approx(client.predict("price", frame.iloc[-1:]).predictions[0])

    async def together() -> Prediction:
        async with AsyncClient(server.url, api_key=client._session.key.reveal()) as at_once:
            return await at_once.predict("price", frame, batch_size=1000)

    small = asyncio.run(together())
    assert len(small.parts) == 21
    assert small.predictions == pytest.approx(answer.predictions)


def test_a_wrong_input_names_its_row(client: Client) -> None:
    rows = [dict(ROW) for _ in range(25)]
    rows[13]["median_income"] = "high"
    del rows[14]["latitude"]
    rows[15]["colour"] = "red"
    for batch_size in (None, 10):
        with pytest.raises(InvalidInputError) as raised:
            client.predict("price", rows, request_id="wrong", batch_size=batch_size)
        error = raised.value
        assert (error.status, error.error_code) == (422, "invalid_input")
        assert error.request_id == ("wrong" if batch_size is None else "wrong-2")
        assert [(field.row, field.pointer, field.code) for field in error.errors] == [
            (13, "/inputs/13/median_income", "wrong_type"),
            (14, "/inputs/14/latitude", "missing"),
            (15, "/inputs/15/colour", "unknown_field"),
        ]
        assert error.errors[0].got == '"high"'
        assert "number" in error.errors[0].expected
    with pytest.raises(InvalidInputError) as raised:
        client.predict("price", {**ROW, "latitude": float("nan")})
    assert [(field.row, field.pointer) for field in raised.value.errors] == [(None, "/inputs/latitude")]
    with pytest.raises(InvalidInputError) as raised:
        client.predict("price", [])
    assert raised.value.errors[0].pointer == "/inputs"


def test_a_canary_takes_its_share_and_is_taken_back_or_promoted(client: Client) -> None:
    made = client.deployments.put("canaried", model="price", version=1)
    assert client.deployments.put("canaried", model="price", version=1, if_match=made.revision) == made
    with pytest.raises(VolaryError) as raised:
        client.deployments.put("canaried", model="price", version=1, if_match=made.revision + 7)
    assert raised.value.status == 412
    with pytest.raises(VolaryError) as raised:
        client.deployments.put("canaried", model="price", version=2)
    assert raised.value.status == 409

    policy = RolloutPolicy(max_error_rate=0.5, min_samples=1000)
    rollout = client.rollouts.start("canaried", 2, steps=[Step(50, 0)], policy=policy)
    assert (rollout.status, rollout.canary_version, rollout.weight) == ("running", 2, 50)
    assert rollout.steps == (Step(50, 0),)
    assert (rollout.policy.max_error_rate, rollout.policy.min_samples) == (0.5, 1000)

    def versions() -> list[int] | None:
        found = [client.predict("canaried", ROW, route_key=f"user-{n}").version for n in range(40)]
        return found if set(found) == {1, 2} else None

    first = until("both versions to answer", versions)
    assert first == versions()
    # Without a key the batches of one call would be torn between the versions.
    batches = client.predict("canaried", [ROW] * 20, batch_size=1)
    assert len({part.version for part in batches.parts}) == 1
    assert client.deployments.get("canaried").rollout is not None
    ended = client.rollouts.rollback("canaried", rollout.id, reason="tests")
    assert (ended.status, ended.reason) == ("rolled_back", "tests")
    assert client.rollouts.get("canaried", rollout.id).status == "rolled_back"
    with pytest.raises(VolaryError) as raised:
        client.rollouts.promote("canaried", rollout.id)
    assert raised.value.status == 409

    again = client.rollouts.start("canaried", 2, steps=[Step(100, 0)])
    assert client.rollouts.promote("canaried", again.id).status == "promoted"
    assert client.deployments.get("canaried").stable_version == 2
    until(
        "the new version to be served",
        lambda: True if client.predict("canaried", ROW).version == 2 else None,
    )


def test_traffic_is_measured(client: Client) -> None:
    client.deployments.put("measured", model="price", version=1)
    until("the deployment to be served", lambda: served(client, "measured"))
    before = datetime.now(timezone.utc) - timedelta(hours=2)

    def counted() -> Any:
        found = client.metrics("measured", start=before, step=60)
        return found if found.versions and found.versions[0].requests else None

    metrics = until("the traffic to be counted", counted)
    assert (metrics.deployment, metrics.step) == ("measured", 60)
    (version,) = metrics.versions
    assert (version.version, version.errors) == (1, 0)
    assert version.p50 is not None
    assert 0 < version.p50 <= (version.p99 or 0)
    assert sum(point.requests for point in version.points) == version.requests
    assert client.metrics("measured").markers


def test_runs_and_datasets_that_fail_say_why(client: Client) -> None:
    client.datasets.upload("broken", b"a,b\n1,2\n3,4,5\n", format="csv")
    with pytest.raises(JobFailedError) as failed:
        client.datasets.wait("broken", timeout=60)
    assert failed.value.error_code == "dataset_failed"
    with pytest.raises(InvalidInputError) as raised:
        client.training_runs.create("housing", target="price", model="price", features=["latitude", "colour"])
    assert {field.pointer for field in raised.value.errors} >= {"/target"}
    run = client.training_runs.create(
        "housing",
        target="median_house_value",
        model="price",
        algorithm="linear_regression",
        features=["median_income"],
        test_fraction=0.3,
        max_seconds=60,
        max_memory_mb=512,
    )
    assert client.training_runs.cancel(run.id).id == run.id
    with pytest.raises(JobFailedError) as failed:
        client.training_runs.wait(run.id, timeout=60)
    assert failed.value.error_code == "cancelled"
    assert client.training_runs.get(run.id).status == "cancelled"


def test_what_is_not_there_or_not_allowed(client: Client, server: RunningServer) -> None:
    missing_things: list[Callable[[], object]] = [
        lambda: client.predict("absent", ROW),
        lambda: client.predict_version("price", 99, ROW),
        lambda: client.datasets.get("absent"),
        lambda: client.deployments.get("absent"),
    ]
    for missing in missing_things:
        with pytest.raises(NotFoundError) as raised:
            missing()
        assert (raised.value.status, raised.value.error_code) == (404, "not_found")
    with Client(server.url, api_key=server.new_key("predict:other")) as narrow:
        until("the key to be served", lambda: known(narrow))
        with pytest.raises(PermissionDeniedError, match=r"predict:price") as refused:
            narrow.predict("price", ROW)
        assert (refused.value.status, refused.value.error_code) == (403, "forbidden")
        with pytest.raises(PermissionDeniedError):
            narrow.deployments.get("price")
    unknown = client._session.key.reveal()[:-1] + "!"
    with Client(server.url, api_key=unknown) as stranger:
        with pytest.raises(AuthenticationError) as unauthenticated:
            stranger.predict("price", ROW)
        assert (unauthenticated.value.status, unauthenticated.value.error_code) == (401, "unauthenticated")
        assert unknown not in str(unauthenticated.value)


@pytest.mark.parametrize("auth", ["key", "token"])
def test_a_revoked_key_ends(auth: Any, server: RunningServer, management: httpx.Client) -> None:
    with new_key(management, ["predict:price"]) as made, Client(server.url, api_key=made["key"], auth=auth) as user:
        assert until("the key to be served", lambda: served(user, "price")).version == 1
        management.delete(f"/api-keys/{made['id']}").raise_for_status()

        def refused() -> AuthenticationError | None:
            try:
                user.predict("price", ROW)
            except AuthenticationError as error:
                return error
            return None

        error = until("the key to end", refused, seconds=10)
        assert error.status == 401
        assert made["key"] not in repr(error)


def test_a_limit_is_waited_for(server: RunningServer, management: httpx.Client) -> None:
    limit = {"requests": 2, "per_seconds": 2}
    with new_key(management, ["predict:price"], rate_limit=limit) as made:
        with Client(server.url, api_key=made["key"], max_retries=0) as hasty:
            until("the key to be served", lambda: served(hasty, "price"))

            def limited() -> RateLimitedError | None:
                try:
                    hasty.predict("price", ROW)
                except RateLimitedError as error:
                    return error
                return None

            error = until("the limit", limited)
            assert (error.status, error.error_code) == (429, "rate_limited")
            assert error.retry_after is not None
            assert error.retry_after >= 1
        waits: list[float] = []

        def sleep(seconds: float) -> None:
            waits.append(seconds)
            time.sleep(seconds)

        with Client(server.url, api_key=made["key"], max_retries=5, _sleep=sleep) as patient:
            answers = [patient.predict("price", ROW) for _ in range(4)]
        assert len(answers) == 4
        assert answers[0].rate_limit is not None
        assert (answers[0].rate_limit.limit, answers[0].rate_limit.window_seconds) == (2, 2)
        assert len(waits) >= 1
        assert min(waits) >= 1


@pytest.mark.parametrize("auth", ["key", "token"])
def test_the_async_client_does_all_that(auth: Any, server: RunningServer, admin_key: str) -> None:
    async def use() -> None:
        async with AsyncClient(server.url, api_key=admin_key, auth=auth) as client:
            name = f"small-{auth}"
            lines = "".join(f"{n},{n % 7},{3 * n + n % 7}\n" for n in range(200))
            await client.datasets.upload(name, f"a,b,y\n{lines}".encode(), format="csv")
            await client.datasets.wait(name, timeout=60)
            run = await client.training_runs.create(name, target="y", model=name)
            assert (await client.training_runs.wait(run.id, timeout=120)).version == 1
            await client.deployments.put(name, model=name, version=1)
            answer = None
            while answer is None:
                try:
                    answer = await client.predict(name, {"a": 10, "b": 3})
                except NotFoundError:
                    await asyncio.sleep(0.05)
            assert answer.predictions == pytest.approx([33.0])
            many = await asyncio.gather(*(client.predict(name, {"a": n, "b": 0}) for n in range(20)))
            assert [found.predictions[0] for found in many] == pytest.approx([3.0 * n for n in range(20)])
            with pytest.raises(InvalidInputError):
                await client.predict(name, {"a": "x", "b": 0})

    asyncio.run(use())


def test_an_upload_streams_a_file_from_async_code(server: RunningServer, admin_key: str, table: Path) -> None:
    size = table.stat().st_size

    async def use() -> None:
        async with AsyncClient(server.url, api_key=admin_key) as client:
            made = await client.datasets.upload("streamed", table)
            assert made.bytes == size
            assert (await client.datasets.wait("streamed", made.version, timeout=120)).rows == 20_640

    asyncio.run(use())


@pytest.mark.parametrize("auth", ["key", "token"])
def test_no_library_below_logs_the_key_or_a_token(
    auth: Any, server: RunningServer, admin_key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Client(server.url, api_key=admin_key, auth=auth) as client:
        client.predict("price", ROW)
        token = client._session._token
    assert "POST" in caplog.text
    assert admin_key not in caplog.text
    assert (token is None) == (auth == "key")
    assert token is None or token.bearer.reveal().removeprefix("Bearer ") not in caplog.text


def test_a_server_that_is_gone(kind: str) -> None:
    with RunningServer() as own:
        key = own.new_key("predict:*")
        waits: list[float] = []

        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        async def call_async() -> None:
            async with AsyncClient(own.url, api_key=key, max_retries=2, _sleep=sleep) as gone:
                await gone.predict("price", ROW)

        with Client(own.url, api_key=key, max_retries=2, _sleep=waits.append) as client:
            assert until("the key to be served", lambda: known(client))
            own.stop()
            with pytest.raises(ConnectionFailedError) as raised:
                # The first of them also has a connection that the server has closed.
                client.predict("price", ROW) if kind == "sync" else asyncio.run(call_async())
        assert (raised.value.status, raised.value.error_code) == (None, "connection_failed")
        assert raised.value.request_id
        assert "ConnectError" in str(raised.value)
        assert len(waits) == 2


def served(client: Client, deployment: str) -> Prediction | None:
    """An answer, once the server's snapshot has both the key and the deployment."""
    try:
        return client.predict(deployment, ROW)
    except (AuthenticationError, NotFoundError):
        return None


def known(client: Client) -> bool | None:
    try:
        client.predict("absent", ROW)
    except AuthenticationError:
        return None
    except (NotFoundError, PermissionDeniedError):
        pass
    return True


@contextmanager
def new_key(management: httpx.Client, scopes: list[str], **limits: Any) -> Iterator[dict[str, Any]]:
    answer = management.post("/api-keys", json={"name": "made by a test", "scopes": scopes, **limits})
    answer.raise_for_status()
    made = answer.json()
    yield made
    management.delete(f"/api-keys/{made['id']}")
