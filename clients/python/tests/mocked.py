"""Both clients without a network, a clock or a chance."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any

import httpx

from volary import AsyncClient, Client
from volary._retry import Timing

# Of the right form, and known to nobody.
KEY = "vol_0123456789abcdefghijABCDEFGHIJ_abcdef"
URL = "https://volary.test/base"
WALL = 1_800_000_000.0

Answer = httpx.Response | Exception


class Mocked:
    """Answers with `answers` in turn, the last one for ever, or with what the function says."""

    def __init__(
        self,
        kind: str,
        answers: list[Answer] | Callable[[httpx.Request], httpx.Response],
        chance: float = 0.5,
        **options: Any,
    ) -> None:
        self.kind = kind
        self.now = 1000.0
        self.sleeps: list[float] = []
        self.requests: list[httpx.Request] = []
        self.timeouts: list[float] = []
        self._answers = answers
        timing = Timing(lambda: self.now, lambda: WALL + self.now - 1000, lambda: chance)
        self._options = {"api_key": KEY, "_timing": timing, **options}

    def call(self, use: Callable[[Any], Any]) -> Any:
        """What `use` returns of the client it is given."""
        transport = httpx.MockTransport(self._answer)
        if self.kind == "sync":
            with Client(URL, transport=transport, _sleep=self._sleep, **self._options) as client:
                return use(client)

        async def with_async() -> Any:
            async def sleep(seconds: float) -> None:
                self._sleep(seconds)

            async with AsyncClient(URL, transport=transport, _sleep=sleep, **self._options) as client:
                made = use(client)
                assert isinstance(made, Coroutine)
                return await made

        return asyncio.run(with_async())

    def predict(self) -> Any:
        return self.call(lambda client: client.predict("price", {"rooms": 3}))

    def _sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.timeouts.append(request.extensions["timeout"]["read"])
        if callable(self._answers):
            return self._answers(request)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        # Reading a response uses it up.
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


def prediction(headers: dict[str, str] | None = None) -> httpx.Response:
    body = {
        "predictions": [1.5],
        "model": "price",
        "version": 3,
        "route": "stable",
        "request_id": "r-1",
        "added_by_a_newer_server": True,
    }
    return httpx.Response(200, json=body, headers=headers)


def problem(status: int, code: str = "code", headers: dict[str, str] | None = None, **members: Any) -> httpx.Response:
    body = {
        "type": "about:blank",
        "status": status,
        "message": f"message of {code}",
        "error_code": code,
        "request_id": "r-server",
        **members,
    }
    return httpx.Response(
        status,
        content=json.dumps(body),
        headers={"content-type": "application/problem+json", **(headers or {})},
    )
