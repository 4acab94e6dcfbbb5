from __future__ import annotations

import logging
from collections.abc import Callable
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from volary import (
    ConnectionFailedError,
    NotFoundError,
    RateLimitedError,
    ServerError,
    UnavailableError,
    VolaryError,
)
from volary._retry import RetryPolicy, Timing, retry_after

from .mocked import KEY, WALL, Mocked, prediction, problem


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        (" 0 ", 0.0),
        (formatdate(WALL + 30, usegmt=True), 30.0),
        (formatdate(WALL - 30, usegmt=True), 0.0),
        ("Fri, 15 Jan 2027 08:00:30 -0000", 30.0),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, WALL) == seconds


def test_backoff_doubles_to_its_cap_with_full_jitter() -> None:
    def pauses(chance: float) -> list[float | None]:
        policy = RetryPolicy(8, timing=Timing(random=lambda: chance))
        return [policy.pause(retries, httpx.Response(503), True) for retries in range(9)]

    assert pauses(1.0) == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, None]
    assert pauses(0.0) == [0.0] * 8 + [None]
    assert RetryPolicy(10**6, timing=Timing(random=lambda: 1.0)).pause(10**5, httpx.Response(503), True) == 8.0


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_tried_again_under_the_same_id(kind: str, status: int) -> None:
    mocked = Mocked(kind, [problem(status), problem(status), prediction()])
    assert mocked.predict().predictions == [1.5]
    assert mocked.sleeps == [0.125, 0.25]
    ids = [request.headers["x-request-id"] for request in mocked.requests]
    assert len(ids) == 3
    assert len(set(ids)) == 1
    assert len({request.content for request in mocked.requests}) == 1


@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.ReadError("reset"),
        httpx.RemoteProtocolError("disconnected"),
    ],
)
def test_a_lost_connection_is_tried_again(kind: str, error: Exception) -> None:
    mocked = Mocked(kind, [error, prediction()])
    assert mocked.predict().version == 3
    assert len(mocked.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 412, 413, 415, 421, 422, 500, 507])
def test_what_would_fail_again_is_not_tried_again(kind: str, status: int) -> None:
    mocked = Mocked(kind, [problem(status)])
    with pytest.raises(VolaryError) as raised:
        mocked.predict()
    assert raised.value.status == status
    assert (len(mocked.requests), mocked.sleeps) == (1, [])


@pytest.mark.parametrize("header", ["3", formatdate(WALL + 3, usegmt=True)])
def test_a_retry_waits_as_long_as_the_server_says_and_some_jitter(kind: str, header: str) -> None:
    mocked = Mocked(kind, [problem(429, headers={"retry-after": header}), prediction()])
    mocked.predict()
    assert mocked.sleeps == [3.125]


def test_no_wait_is_begun_that_ends_after_the_deadline(kind: str) -> None:
    mocked = Mocked(kind, [problem(429, "rate_limited", headers={"retry-after": "60"})], deadline=10.0)
    with pytest.raises(RateLimitedError) as raised:
        mocked.predict()
    assert raised.value.retry_after == 60.0
    assert (len(mocked.requests), mocked.sleeps) == (1, [])


def test_all_tries_together_end_by_the_deadline(kind: str) -> None:
    mocked = Mocked(kind, [problem(503, headers={"retry-after": "4"})], deadline=10.0, max_retries=99, timeout=8.0)
    with pytest.raises(UnavailableError) as raised:
        mocked.predict()
    assert raised.value.retry_after == 4.0
    assert mocked.sleeps == [4.125, 4.25]
    assert mocked.now <= 1010
    # A late try gets no more time than is left.
    assert mocked.timeouts == [8.0, 5.875, 1.625]


def test_retries_are_counted(kind: str) -> None:
    mocked = Mocked(kind, [problem(502)], max_retries=2)
    with pytest.raises(ServerError):
        mocked.predict()
    assert len(mocked.requests) == 3
    mocked = Mocked(kind, [problem(503)], max_retries=0)
    with pytest.raises(UnavailableError):
        mocked.predict()
    assert len(mocked.requests) == 1


def test_no_answer_at_all_names_the_cause_and_the_request(kind: str) -> None:
    mocked = Mocked(kind, [httpx.ConnectError("refused")])
    with pytest.raises(ConnectionFailedError) as raised:
        mocked.predict()
    error = raised.value
    assert (error.status, error.error_code) == (None, "connection_failed")
    assert error.request_id == mocked.requests[0].headers["x-request-id"]
    assert error.message == "POST /predict/price got no answer: ConnectError: refused"
    assert len(mocked.requests) == 4


@pytest.mark.parametrize("answer", [httpx.ReadTimeout("slow"), problem(502), problem(504)])
def test_what_must_not_happen_twice_is_not_sent_again_when_it_may_have_happened(kind: str, answer: Any) -> None:
    mocked = Mocked(kind, [answer])
    with pytest.raises(VolaryError):
        mocked.call(lambda client: client.rollouts.promote("price", "r"))
    assert len(mocked.requests) == 1


@pytest.mark.parametrize("answer", [httpx.ConnectError("refused"), problem(429), problem(503)])
def test_it_is_sent_again_when_it_surely_did_not(kind: str, answer: Any) -> None:
    mocked = Mocked(kind, [answer, problem(404)])
    with pytest.raises(NotFoundError):
        mocked.call(lambda client: client.rollouts.promote("price", "r"))
    assert len(mocked.requests) == 2


CREATING: list[Callable[[Any, dict[str, str]], Any]] = [
    lambda client, key: client.datasets.upload("t", b"a\n1\n", format="csv", **key),
    lambda client, key: client.training_runs.create("t", target="y", model="m", **key),
    lambda client, key: client.scoring_runs.create("t", model="m", version=1, **key),
    lambda client, key: client.rollouts.start("price", 2, **key),
    lambda client, key: client.async_predictions.submit("price", {"rooms": 3}, **key),
    lambda client, key: client.models.import_onnx("m", b"onnx", **key),
    lambda client, key: client.models.connect_engine("m", url="https://a", model="m", **key),
]


@pytest.mark.parametrize("create", CREATING)
def test_what_makes_something_is_named_so_that_a_retry_makes_no_second(kind: str, create: Any) -> None:
    under_way = problem(409, "idempotent_request_under_way")
    mocked = Mocked(kind, [httpx.ReadTimeout("slow"), under_way, problem(502), problem(404)])
    for _ in range(2):
        with pytest.raises(NotFoundError):
            mocked.call(lambda client: create(client, {}))
    # A second call is another request.
    keys = [request.headers["idempotency-key"] for request in mocked.requests]
    assert len(keys) == 5
    assert len(set(keys[:4])) == 1
    assert keys[4] != keys[0]

    mocked = Mocked(kind, [httpx.ReadTimeout("slow"), problem(404)])
    with pytest.raises(NotFoundError):
        mocked.call(lambda client: create(client, {"idempotency_key": "order-7"}))
    assert [request.headers["idempotency-key"] for request in mocked.requests] == ["order-7"] * 2
    for bad in ("", "a b", "x" * 256, "ü"):
        with pytest.raises(ValueError, match="idempotency_key"):
            Mocked(kind, [problem(404)]).call(partial(create, key={"idempotency_key": bad}))


def test_a_key_that_was_used_for_something_else_is_no_reason_to_wait(kind: str) -> None:
    mocked = Mocked(kind, [problem(409, "idempotency_key_reused")])
    with pytest.raises(VolaryError) as raised:
        mocked.call(lambda client: client.training_runs.create("t", target="y", model="m", idempotency_key="k"))
    assert raised.value.error_code == "idempotency_key_reused"
    assert len(mocked.requests) == 1


def test_an_upload_is_sent_again_from_its_start(kind: str) -> None:
    bodies: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        return problem(503) if len(bodies) == 1 else problem(404)

    mocked = Mocked(kind, answer)
    with pytest.raises(NotFoundError):
        mocked.call(lambda client: client.datasets.upload("t", b"a,b\n" * 200_000, format="csv"))
    assert bodies == [b"a,b\n" * 200_000] * 2
    assert mocked.requests[0].headers["content-length"] == "800000"


def test_a_model_is_sent_as_a_form_with_what_is_said_of_it(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "m.onnx"
    file.write_bytes(b"\x08\x07onnx")
    mocked = Mocked(kind, [problem(503), problem(404)])
    signature = {"output": {"name": "survived"}}
    with pytest.raises(NotFoundError):
        mocked.call(lambda client: client.models.import_onnx("m", file, signature=signature))
    first, second = mocked.requests
    assert first.content == second.content
    assert first.headers["content-length"] == str(len(first.content))
    media, boundary = first.headers["content-type"].split("; boundary=")
    assert media == "multipart/form-data"
    parts = first.content.split(b"--" + boundary.encode())
    assert [part.split(b"\r\n\r\n")[1] for part in parts[1:3]] == [
        b'{"output": {"name": "survived"}}\r\n',
        b"\x08\x07onnx\r\n",
    ]
    assert parts[3] == b"--\r\n"


def test_retries_are_logged_without_the_key(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    mocked = Mocked(kind, [problem(503), httpx.ReadError("reset"), prediction()])
    mocked.predict()
    messages = [record.message for record in caplog.records if record.name == "volary"]
    request_id = mocked.requests[0].headers["x-request-id"]
    assert messages == [
        f"retry 1 of POST /predict/price in 0.12 s, after 503 (request {request_id})",
        f"retry 2 of POST /predict/price in 0.25 s, after ReadError: reset (request {request_id})",
    ]
    assert KEY not in caplog.text


def test_a_wait_looks_less_and_less_often(kind: str) -> None:
    run = {"id": "r", "status": "running", "model": "m", "created_at": "2026-01-01T00:00:00Z"}
    answers: list[Any] = [httpx.Response(200, json=run) for _ in range(9)]
    answers.append(httpx.Response(200, json={**run, "status": "succeeded", "version": 4}))
    mocked = Mocked(kind, answers)
    assert mocked.call(lambda client: client.training_runs.wait("r")).version == 4
    assert mocked.sleeps[:3] == pytest.approx([0.2, 0.3, 0.45])
    assert mocked.sleeps[-2:] == [2.0, 2.0]


def test_a_wait_ends(kind: str) -> None:
    run = {"id": "r", "status": "queued", "model": "m", "created_at": "2026-01-01T00:00:00Z"}
    mocked = Mocked(kind, [httpx.Response(200, json=run)])
    with pytest.raises(TimeoutError, match="had not ended after 5 s"):
        mocked.call(lambda client: client.training_runs.wait("r", timeout=5))
    assert mocked.now <= 1005
