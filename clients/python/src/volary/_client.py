from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Literal, TypeVar

import httpx

from . import _version
from ._calls import Calls
from ._flow import Awaiting, Blocking
from ._retry import RetryPolicy, Timing
from ._secret import Secret
from ._session import Session

ClientT = TypeVar("ClientT", bound="Client")
AsyncClientT = TypeVar("AsyncClientT", bound="AsyncClient")

_HEADERS = {"user-agent": f"volary-python/{_version.__version__}"}


class Client(Calls[Blocking]):
    """Calls a Volary server, and may be shared between threads.

    Args:
        base_url: the server's address, such as `https://volary.example.com`; else `VOLARY_URL` from the environment.
        api_key: `vol_...`; else `VOLARY_API_KEY` from the environment.
        auth: `key` sends the key with every request; `token` exchanges it for tokens of a quarter of an hour, so that
            the key itself travels seldom.
        project: what management calls are about.
        timeout: seconds for one try, to connect and between two pieces of an answer.
        deadline: seconds for one request with all its tries and waits: a wait that would end later is not begun, and a
            try that begins shortly before gets no more time than is left.
        max_retries: how often a request is sent again after no connection, 429, 502, 503 or 504. A call that must not
            happen twice is sent again only when it surely did not happen.
        transport: what sends requests instead of the network.

    Raises:
        ValueError: address or key are missing or can not be right.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        auth: Literal["key", "token"] = "key",
        project: str = "default",
        timeout: float = 30.0,
        deadline: float = 120.0,
        max_retries: int = 3,
        transport: httpx.BaseTransport | None = None,
        _timing: Timing | None = None,
        _sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        session = _session(api_key, auth, project, timeout, deadline, max_retries, _timing)
        self._url = _address(base_url)
        http = httpx.Client(base_url=self._url, headers=_HEADERS, transport=transport)
        super().__init__(session, Blocking(http, _sleep))

    def close(self) -> None:
        """Closes its connections."""
        self._port.http.close()

    def __enter__(self: ClientT) -> ClientT:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._url!r})"


class AsyncClient(Calls[Awaiting]):
    """Calls a Volary server from asyncio; its methods are those of `Client`, awaited.

    Args:
        max_concurrency: requests that one call with `batch_size` has under way at a time.
        base_url, api_key, auth, project, timeout, deadline, max_retries, transport: as of `Client`.

    Raises:
        ValueError: address or key are missing or can not be right.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        api_key: str | None = None,
        auth: Literal["key", "token"] = "key",
        project: str = "default",
        timeout: float = 30.0,
        deadline: float = 120.0,
        max_retries: int = 3,
        max_concurrency: int = 4,
        transport: httpx.AsyncBaseTransport | None = None,
        _timing: Timing | None = None,
        _sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        if max_concurrency < 1:
            raise ValueError("max_concurrency must be at least 1")
        session = _session(api_key, auth, project, timeout, deadline, max_retries, _timing)
        self._url = _address(base_url)
        http = httpx.AsyncClient(base_url=self._url, headers=_HEADERS, transport=transport)
        super().__init__(session, Awaiting(http, max_concurrency, _sleep))

    async def close(self) -> None:
        """Closes its connections."""
        await self._port.http.aclose()

    async def __aenter__(self: AsyncClientT) -> AsyncClientT:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"AsyncClient({self._url!r})"


def _session(
    api_key: str | None,
    auth: str,
    project: str,
    timeout: float,
    deadline: float,
    max_retries: int,
    timing: Timing | None,
) -> Session:
    key = (api_key or os.environ.get("VOLARY_API_KEY", "")).strip()
    if not key:
        raise ValueError("no API key: give api_key, or set VOLARY_API_KEY")
    if auth not in {"key", "token"}:
        raise ValueError("auth must be 'key' or 'token'")
    if timeout <= 0 or deadline <= 0 or max_retries < 0:
        raise ValueError("timeout and deadline must be above 0, max_retries 0 or more")
    return Session(
        key=Secret(key),
        uses_tokens=auth == "token",
        project=project,
        timeout=timeout,
        deadline=deadline,
        policy=RetryPolicy(max_retries, timing=timing or Timing()),
    )


def _address(base_url: str | None) -> str:
    text = base_url or os.environ.get("VOLARY_URL", "")
    if not text:
        raise ValueError("no address: give base_url, or set VOLARY_URL")
    url = httpx.URL(text)
    if url.scheme not in {"http", "https"} or not url.host:
        raise ValueError("base_url must begin with http:// or https:// and name a host")
    if url.userinfo or url.query or url.fragment:
        # Shown in repr and logs, an address must hold no password.
        raise ValueError("base_url must be an address alone, without user, query or fragment")
    return text.rstrip("/")
