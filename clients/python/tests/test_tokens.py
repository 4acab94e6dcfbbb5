from __future__ import annotations

import asyncio
import base64
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import httpx
import pytest

from volary import AsyncClient, AuthenticationError, Client, RateLimitedError, VolaryError

from .mocked import KEY, URL, Mocked, prediction, problem


class TokenServer:
    """Gives tokens `token-1`, `token-2`..., and takes those that are not `spoiled`."""

    def __init__(self, lifetime: float = 900) -> None:
        self.lifetime = lifetime
        self.issued = 0
        self.spoiled: set[str] = set()
        self.refusal: httpx.Response | None = None

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/base/oauth/token":
            if self.refusal is not None:
                return self.refusal
            scheme, encoded = request.headers["authorization"].split()
            assert scheme == "Basic"
            assert base64.b64decode(encoded).decode() == f"{KEY[:12]}:{KEY}"
            assert request.content == b"grant_type=client_credentials"
            self.issued += 1
            body = {"access_token": f"token-{self.issued}", "token_type": "Bearer", "expires_in": self.lifetime}
            return httpx.Response(200, json=body)
        token = request.headers["authorization"].removeprefix("Bearer ")
        return problem(401) if token in self.spoiled else prediction()


def used(mocked: Mocked) -> list[str]:
    return [request.headers["authorization"] for request in mocked.requests if "predict" in request.url.path]


def test_a_token_is_used_until_shortly_before_its_end() -> None:
    server = TokenServer()
    mocked = Mocked("sync", server, auth="token")

    def use(client: Client) -> None:
        for _ in range(3):
            client.predict("price", {})
        mocked.now += 869
        client.predict("price", {})
        mocked.now += 2
        client.predict("price", {})

    mocked.call(use)
    assert used(mocked) == ["Bearer token-1"] * 4 + ["Bearer token-2"]


def test_a_token_of_seconds_is_used_too(kind: str) -> None:
    server = TokenServer(lifetime=10)
    mocked = Mocked(kind, server, auth="token")
    mocked.predict()
    assert used(mocked) == ["Bearer token-1"]


def test_a_refused_token_is_renewed_once(kind: str) -> None:
    server = TokenServer()
    server.spoiled = {"token-1"}
    mocked = Mocked(kind, server, auth="token")
    assert mocked.predict().version == 3
    assert used(mocked) == ["Bearer token-1", "Bearer token-2"]
    server.spoiled = {"token-3", "token-4"}
    mocked = Mocked(kind, server, auth="token")
    with pytest.raises(AuthenticationError):
        mocked.predict()
    assert used(mocked) == ["Bearer token-3", "Bearer token-4"]


def test_a_key_that_gets_no_token_says_why(kind: str) -> None:
    server = TokenServer()
    server.refusal = httpx.Response(401, json={"error": "invalid_client", "error_description": "the key is revoked"})
    mocked = Mocked(kind, server, auth="token")
    with pytest.raises(AuthenticationError) as raised:
        mocked.predict()
    assert (raised.value.message, raised.value.error_code) == ("the key is revoked", "invalid_client")
    assert raised.value.request_id == mocked.requests[0].headers["x-request-id"]
    assert KEY not in repr(raised.value)
    assert len(mocked.requests) == 1


def test_the_token_is_asked_for_again_as_anything_else(kind: str) -> None:
    server = TokenServer()
    server.refusal = problem(429, headers={"retry-after": "2"})
    mocked = Mocked(kind, server, auth="token", max_retries=2)
    with pytest.raises(RateLimitedError):
        mocked.predict()
    assert mocked.sleeps == [2.125, 2.25]


@pytest.mark.parametrize("body", [{}, {"access_token": "a\nb", "expires_in": 9}, {"access_token": "a"}, [], "x"])
def test_what_is_no_token_is_an_error(kind: str, body: Any) -> None:
    server = TokenServer()
    server.refusal = httpx.Response(200, json=body)
    with pytest.raises(VolaryError, match="the answer is not a token"):
        Mocked(kind, server, auth="token").predict()


def test_a_late_refusal_of_an_old_token_leaves_the_new_one() -> None:
    server = TokenServer()
    server.spoiled = {"token-1"}
    nested: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        refused = server(request)
        if refused.status_code == 401 and not nested:
            nested.append(0)
            # Another call finds out, and renews, before this one hears of it.
            nested[0] = client.predict("price", {}).version
        return refused

    with Client(URL, api_key=KEY, auth="token", transport=httpx.MockTransport(answer)) as client:
        assert client.predict("price", {}).version == 3
    assert (nested, server.issued) == ([3], 2)


def test_many_threads_fetch_one_token() -> None:
    server = TokenServer()
    together, second_fetch = threading.Barrier(8), threading.Barrier(2)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/base/oauth/token":
            # Time enough for another thread to come here as well, if any may.
            with suppress(threading.BrokenBarrierError):
                second_fetch.wait(0.2)
        return server(request)

    with Client(URL, api_key=KEY, auth="token", transport=httpx.MockTransport(answer)) as client:

        def call(_: int) -> int:
            together.wait(10)
            return client.predict("price", {}).version

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(call, range(8))) == [3] * 8
            assert server.issued == 1
            server.spoiled = {"token-1"}
            assert list(pool.map(call, range(8))) == [3] * 8
    assert server.issued == 2


def test_many_tasks_fetch_one_token() -> None:
    server = TokenServer()

    async def slowly(request: httpx.Request) -> httpx.Response:
        for _ in range(10):
            await asyncio.sleep(0)
        return server(request)

    async def calls() -> None:
        transport = httpx.MockTransport(slowly)
        async with AsyncClient(URL, api_key=KEY, auth="token", transport=transport) as client:
            await asyncio.gather(*(client.predict("price", {}) for _ in range(20)))
            assert server.issued == 1
            server.spoiled = {"token-1"}
            await asyncio.gather(*(client.predict("price", {}) for _ in range(20)))

    asyncio.run(calls())
    assert server.issued == 2


def test_a_task_that_is_cancelled_holds_nobody_up() -> None:
    server = TokenServer()

    async def calls() -> int:
        stuck = asyncio.Event()

        async def answer(request: httpx.Request) -> httpx.Response:
            if server.issued == 0 and not stuck.is_set():
                stuck.set()
                await asyncio.sleep(3600)
            return server(request)

        async with AsyncClient(URL, api_key=KEY, auth="token", transport=httpx.MockTransport(answer)) as client:
            first = asyncio.ensure_future(client.predict("price", {}))
            await stuck.wait()
            second = asyncio.ensure_future(client.predict("price", {}))
            await asyncio.sleep(0)
            first.cancel()
            return (await second).version

    assert asyncio.run(calls()) == 3


def test_neither_key_nor_token_is_logged(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = TokenServer()
    mocked = Mocked(kind, server, auth="token")
    mocked.predict()
    assert KEY not in caplog.text
    assert "token-1" not in caplog.text
