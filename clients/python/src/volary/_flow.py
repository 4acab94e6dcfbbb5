"""How one description of a call serves both clients.

A call is a generator, a `Flow`: it yields what only a client can do (exchange a request for a response, wait, hold a
lock, run other flows) and is sent back what came of it. `Blocking` and `Awaiting` do these four things, each in its own
way; everything else is written once, and can be tested without a network or a clock.
"""

from __future__ import annotations

import asyncio
import functools
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import (
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    cast,
    overload,
)

import httpx

from ._secret import Secret
from ._upload import Upload

T = TypeVar("T")
P = ParamSpec("P")
PortT = TypeVar("PortT", bound="Blocking | Awaiting")


@dataclass(frozen=True)
class Request:
    """One HTTP request, apart from who sends it."""

    method: str
    path: str
    headers: dict[str, bytes] = field(default_factory=dict)
    params: Mapping[str, str | list[str]] = field(default_factory=dict)
    content: bytes | Upload = field(default=b"", repr=False)
    authorization: Secret | None = None
    # Whether sending it twice does no more than sending it once.
    repeatable: bool = True


@dataclass(frozen=True)
class Exchange:
    request: Request
    timeout: float


@dataclass(frozen=True)
class Pause:
    seconds: float


@dataclass(frozen=True)
class Together:
    flows: Sequence[Flow[Any]]


@dataclass(frozen=True)
class Alone:
    flow: Flow[Any]


Effect: TypeAlias = Exchange | Pause | Together | Alone
Flow: TypeAlias = Generator[Effect, Any, T]


def exchange(request: Request, timeout: float) -> Flow[httpx.Response]:
    """Sends once; `timeout` is in seconds, for connecting and for every silence."""
    return cast(httpx.Response, (yield Exchange(request, timeout)))


def pause(seconds: float) -> Flow[None]:
    yield Pause(seconds)


def together(flows: Sequence[Flow[T]]) -> Flow[list[T]]:
    """Runs all of them, as many at once as the client allows; the first failure ends the others."""
    return cast(list[T], (yield Together(flows)))


def alone(flow: Flow[T]) -> Flow[T]:
    """Runs it while no other flow of the client runs through here."""
    return cast(T, (yield Alone(flow)))


class Blocking:
    """Does what flows ask for and returns when it is done."""

    def __init__(self, http: httpx.Client, sleep: Callable[[float], object] = time.sleep) -> None:
        self.http = http
        self._sleep = sleep
        self._lock = threading.Lock()

    def run(self, flow: Flow[T]) -> T:
        step: Callable[[], Effect] = functools.partial(next, flow)
        while True:
            try:
                effect = step()
            except StopIteration as done:
                return cast(T, done.value)
            try:
                step = functools.partial(flow.send, self._perform(effect))
            except Exception as error:
                step = functools.partial(flow.throw, error)

    def _perform(self, effect: Effect) -> object:
        match effect:
            case Exchange(request, timeout):
                content = request.content
                body = content.chunks() if isinstance(content, Upload) else content
                return self.http.send(_httpx_request(self.http, request, body, timeout))
            case Pause(seconds):
                return self._sleep(seconds)
            case Together(flows):
                return [self.run(flow) for flow in flows]
            case Alone(flow):
                with self._lock:
                    return self.run(flow)


class Awaiting:
    """Does what flows ask for while other tasks go on."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        concurrency: int,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.http = http
        self._concurrency = concurrency
        self._sleep = sleep
        self._lock = asyncio.Lock()

    async def run(self, flow: Flow[T]) -> T:
        step: Callable[[], Effect] = functools.partial(next, flow)
        while True:
            try:
                effect = step()
            except StopIteration as done:
                return cast(T, done.value)
            try:
                step = functools.partial(flow.send, await self._perform(effect))
            except Exception as error:
                step = functools.partial(flow.throw, error)

    async def _perform(self, effect: Effect) -> object:
        match effect:
            case Exchange(request, timeout):
                content = request.content
                body = _read_aside(content) if isinstance(content, Upload) else content
                return await self.http.send(_httpx_request(self.http, request, body, timeout))
            case Pause(seconds):
                return await self._sleep(seconds)
            case Together(flows):
                return await self._gather(flows)
            case Alone(flow):
                async with self._lock:
                    return await self.run(flow)

    async def _gather(self, flows: Sequence[Flow[Any]]) -> list[Any]:
        turns = asyncio.Semaphore(self._concurrency)

        async def in_turn(flow: Flow[Any]) -> Any:
            async with turns:
                return await self.run(flow)

        tasks = [asyncio.ensure_future(in_turn(flow)) for flow in flows]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _read_aside(upload: Upload) -> AsyncIterator[bytes]:
    # A disk may be slow, and the event loop must not wait for it.
    chunks = upload.chunks()
    while chunk := await asyncio.to_thread(next, chunks, b""):
        yield chunk


def _httpx_request(
    http: httpx.Client | httpx.AsyncClient, request: Request, body: Any, timeout: float
) -> httpx.Request:
    headers = httpx.Headers([(name.encode(), value) for name, value in request.headers.items()])
    if request.authorization is not None:
        headers["authorization"] = request.authorization.reveal()
    if isinstance(request.content, Upload):
        headers["content-length"] = str(request.content.size)
    return http.build_request(
        request.method,
        request.path,
        headers=headers,
        params=request.params or None,
        content=body or None,
        timeout=timeout,
    )


class _On(Protocol[PortT]):
    """What has operations: it knows the port that they run through."""

    _port: PortT


class operation(Generic[P, T]):
    """Makes a method of a generator function: it blocks on a `Client` and is awaited on an `AsyncClient`."""

    def __init__(self, flow: Callable[Concatenate[Any, P], Flow[T]]) -> None:
        self._flow = flow

    @overload
    def __get__(self, instance: None, owner: type) -> Callable[Concatenate[Any, P], Flow[T]]: ...
    @overload
    def __get__(self, instance: _On[Blocking], owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: _On[Awaiting], owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self._flow
        bound = self._flow.__get__(instance, owner)

        @functools.wraps(bound)
        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return instance._port.run(bound(*args, **kwargs))

        return call
