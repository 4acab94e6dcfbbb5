"""Predictions that nobody waits for at once: with answers made up, and against the real server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from volary import (
    AsyncClient,
    AsyncPrediction,
    CallbackEvent,
    Client,
    InvalidInputError,
    JobFailedError,
    NotFoundError,
    ServerError,
    VolaryError,
    verify_callback,
)

from .mocked import Mocked, problem
from .running_server import RunningServer, until
from .test_server import ROW, served


def told(status: str, **more: Any) -> httpx.Response:
    body = {
        "request_id": "r-1",
        "deployment": "price",
        "status": status,
        "created_at": "2026-01-01T00:00:00Z",
        "added_by_a_newer_server": True,
        **more,
    }
    return httpx.Response(200, json=body)


RESULT = {"predictions": [1.5], "model": "price", "version": 3, "route": "stable"}


def test_rows_and_callback_go_in_one_body(kind: str) -> None:
    mocked = Mocked(kind, [told("queued")])
    prediction = mocked.call(
        lambda client: client.async_predictions.submit(
            "price", {"rooms": 3}, callback_url='https://a.example/h?x="1"', route_key="anna", request_id="r-1"
        )
    )
    assert (prediction.request_id, prediction.status, prediction.has_ended) == ("r-1", "queued", False)
    (request,) = mocked.requests
    assert (request.method, request.url.path) == ("POST", "/base/predict/price/async")
    assert json.loads(request.content) == {"inputs": {"rooms": 3}, "callback_url": 'https://a.example/h?x="1"'}
    assert (request.headers["x-request-id"], request.headers["x-route-key"]) == ("r-1", "anna")


def test_the_wait_is_the_servers(kind: str) -> None:
    mocked = Mocked(kind, [told("queued"), told("running"), told("succeeded", result=RESULT)])
    found = mocked.call(lambda client: client.async_predictions.wait("r-1", timeout=60))
    assert found.result.predictions == [1.5]
    assert [request.headers["prefer"] for request in mocked.requests] == ["wait=15"] * 3
    # Never longer than an answer is waited for, nor than is left.
    mocked = Mocked(kind, [told("succeeded", result=RESULT)], timeout=8.0)
    mocked.call(lambda client: client.async_predictions.wait("r-1"))
    assert mocked.requests[0].headers["prefer"] == "wait=4"
    mocked = Mocked(kind, [told("queued")])
    with pytest.raises(TimeoutError, match="had not ended after 2 s"):
        mocked.call(lambda client: client.async_predictions.wait("r-1", timeout=2))
    preferences = [request.headers.get("prefer") for request in mocked.requests]
    assert preferences[0] == "wait=2"
    assert preferences[-1] is None
    assert mocked.now <= 1002


def test_a_failure_is_the_error_that_predict_would_have_raised(kind: str) -> None:
    wrong = {"pointer": "/inputs/rooms", "code": "wrong_type", "expected": "a number", "got": '"3"'}
    error = {"status": 422, "error_code": "invalid_input", "message": "no", "errors": [wrong], "type": "about:blank"}
    with pytest.raises(InvalidInputError) as raised:
        Mocked(kind, [told("failed", error=error)]).call(lambda client: client.async_predictions.wait("r-1"))
    assert (raised.value.status, raised.value.request_id) == (422, "r-1")
    assert raised.value.errors[0].pointer == "/inputs/rooms"
    error = {"status": 500, "error_code": "internal", "message": "it fell", "errors": []}
    with pytest.raises(ServerError, match="it fell"):
        Mocked(kind, [told("failed", error=error)]).call(lambda client: client.async_predictions.wait("r-1"))
    with pytest.raises(JobFailedError) as ended:
        Mocked(kind, [told("cancelled")]).call(lambda client: client.async_predictions.wait("r-1"))
    assert ended.value.error_code == "cancelled"
    with pytest.raises(VolaryError) as late:
        Mocked(kind, [problem(409, "prediction_finished")]).call(lambda client: client.async_predictions.cancel("r-1"))
    assert late.value.status == 409


class Received:
    """What was posted to somebody on this machine, verified."""

    def __init__(self, secret: str) -> None:
        events: list[CallbackEvent] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                # A mapping of the standard library, as receivers have it.
                events.append(verify_callback(secret, dict(self.headers.items()), body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.events = events
        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/hook"


@contextmanager
def receiver(secret: str) -> Iterator[Received]:
    received = Received(secret)
    thread = threading.Thread(target=received.http.serve_forever, daemon=True)
    thread.start()
    try:
        yield received
    finally:
        received.http.shutdown()
        received.http.server_close()
        thread.join()


@pytest.mark.usefixtures("trained")
def test_a_prediction_is_handed_over_and_its_answer_comes_both_ways(client: Client, management: httpx.Client) -> None:
    until("the deployment to be served", lambda: served(client, "price"))
    expected = client.predict("price", [ROW, ROW]).predictions
    secret = management.get("/webhook-secret").raise_for_status().json()["secret"]
    with receiver(secret) as received:
        accepted = client.async_predictions.submit(
            "price", [ROW, ROW], callback_url=received.url, request_id="later-1", idempotency_key="later"
        )
        assert accepted.request_id == "later-1"
        assert accepted.callback is not None
        assert accepted.callback.url_host == "127.0.0.1"
        again = client.async_predictions.submit(
            "price", [ROW, ROW], callback_url=received.url, request_id="later-1", idempotency_key="later"
        )
        assert again == accepted
        found = client.async_predictions.wait("later-1", timeout=60)
        assert found.result is not None
        assert found.result.predictions == expected
        assert (found.result.model, found.result.version, found.result.route) == ("price", 1, "stable")
        event = until("the callback", lambda: received.events[0] if received.events else None)
    assert event.type == "prediction.succeeded"
    assert event.data.result == found.result
    assert event.timestamp == found.finished_at

    with pytest.raises(VolaryError) as raised:
        client.async_predictions.cancel("later-1")
    assert raised.value.status == 409
    with pytest.raises(NotFoundError):
        client.async_predictions.get("never")
    with pytest.raises(InvalidInputError) as refused:
        client.async_predictions.submit("price", {**ROW, "latitude": "north"}, callback_url="ftp://a.example")
    assert {field.pointer for field in refused.value.errors} == {"/inputs/latitude", "/callback_url"}


@pytest.mark.usefixtures("trained")
def test_many_are_waited_for_at_once(client: Client, server: RunningServer, admin_key: str) -> None:
    until("the deployment to be served", lambda: served(client, "price"))

    async def use() -> list[AsyncPrediction]:
        async with AsyncClient(server.url, api_key=admin_key) as at_once:

            async def one(number: int) -> AsyncPrediction:
                row = {**ROW, "housing_median_age": number}
                accepted = await at_once.async_predictions.submit("price", row)
                return await at_once.async_predictions.wait(accepted.request_id, timeout=60)

            return await asyncio.gather(*(one(number) for number in range(1, 11)))

    found = asyncio.run(use())
    assert len({prediction.request_id for prediction in found}) == 10
    values = [prediction.result.predictions[0] for prediction in found if prediction.result]
    assert len(set(values)) == 10
