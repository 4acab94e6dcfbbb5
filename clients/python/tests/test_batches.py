from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from volary import AsyncClient, InvalidInputError, PermissionDeniedError

from .mocked import KEY, URL, Mocked, problem

ROWS = [{"n": n} for n in range(95)]


def doubled(request: httpx.Request) -> httpx.Response:
    inputs = json.loads(request.content)["inputs"]
    body = {
        "predictions": [2.0 * row["n"] for row in inputs],
        "model": "price",
        "version": 3,
        "route": "canary",
        "request_id": request.headers["x-request-id"],
    }
    return httpx.Response(200, json=body)


def test_the_answer_of_all_batches_is_one(kind: str) -> None:
    mocked = Mocked(kind, doubled)
    answer = mocked.call(lambda client: client.predict("price", ROWS, batch_size=10, request_id="job"))
    assert answer.predictions == [2.0 * n for n in range(95)]
    assert (answer.model, answer.version, answer.route, answer.request_id) == ("price", 3, "canary", "job-1")
    assert [len(part.predictions) for part in answer.parts] == [10] * 9 + [5]
    ids = sorted((request.headers["x-request-id"] for request in mocked.requests), key=lambda id: int(id[4:]))
    assert ids == [f"job-{number}" for number in range(1, 11)]
    # One table, one version: all batches go the same way.
    assert {request.headers["x-route-key"] for request in mocked.requests} == {"job"}


def test_one_batch_is_a_plain_request(kind: str) -> None:
    mocked = Mocked(kind, doubled)
    answer = mocked.call(lambda client: client.predict("price", ROWS, batch_size=10_000, request_id="job"))
    assert (answer.request_id, answer.parts) == ("job", ())
    assert "x-route-key" not in mocked.requests[0].headers


def test_a_wrong_row_is_counted_over_all_batches(kind: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["x-request-id"].endswith("-4"):
            wrong = {"row": 3, "pointer": "/inputs/3/n", "code": "wrong_type", "expected": "text", "got": "33"}
            whole = {"pointer": "/inputs", "code": "invalid", "expected": "rows"}
            return problem(422, "invalid_input", errors=[wrong, whole])
        return doubled(request)

    with pytest.raises(InvalidInputError) as raised:
        Mocked(kind, answer).call(lambda client: client.predict("price", ROWS, batch_size=10))
    assert [(field.row, field.pointer) for field in raised.value.errors] == [(33, "/inputs/33/n"), (None, "/inputs")]


def test_a_bad_row_is_found_before_the_first_batch_is_sent(kind: str) -> None:
    mocked = Mocked(kind, doubled)
    with pytest.raises(InvalidInputError):
        mocked.call(lambda client: client.predict("price", [*ROWS, {"n": float("inf")}], batch_size=10))
    assert mocked.requests == []


def test_batches_are_under_way_together_within_the_bound_and_end_with_the_first_failure() -> None:
    running, most, ended = 0, 0, 0

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal running, most, ended
        running += 1
        most = max(most, running)
        try:
            # Long enough for all that may to be under way.
            for _ in range(20):
                await asyncio.sleep(0)
            if request.headers["x-request-id"] == "job-7":
                return problem(403)
            return doubled(request)
        finally:
            running -= 1
            ended += 1

    async def call(batch_size: int) -> Any:
        transport = httpx.MockTransport(answer)
        async with AsyncClient(URL, api_key=KEY, max_concurrency=3, transport=transport) as client:
            return await client.predict("price", ROWS, batch_size=batch_size, request_id="job")

    assert asyncio.run(call(20)).predictions == [2.0 * n for n in range(95)]
    assert (most, running) == (3, 0)
    ended = 0
    with pytest.raises(PermissionDeniedError):
        asyncio.run(call(1))
    assert running == 0
    assert ended < 20
    with pytest.raises(ValueError, match="max_concurrency"):
        AsyncClient(URL, api_key=KEY, max_concurrency=0)
