"""What all calls of management have in common: JSON about a project."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import httpx

from . import answers
from ._flow import Flow, PortT, Request
from ._session import Session, unexpected

T = TypeVar("T")

JSON = {"content-type": b"application/json"}


class Resource(Generic[PortT]):
    def __init__(self, session: Session, port: PortT) -> None:
        self._session = session
        self._port: PortT = port

    def _call(
        self,
        kind: type[T],
        method: str,
        *segments: str,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, bytes] | None = None,
        repeatable: bool = True,
    ) -> Flow[T]:
        """Sends JSON to a path of the project, and reads the answer as `kind`."""
        request = Request(
            method,
            self._session.in_project(*segments),
            headers={**(JSON if body is not None else {}), **(headers or {})},
            params=dict(params or {}),
            content=json.dumps(body, allow_nan=False).encode() if body is not None else b"",
            repeatable=repeatable,
        )
        return read(kind, (yield from self._session.send(request)))


def read(kind: type[T], response: httpx.Response) -> T:
    try:
        return answers.decode(kind, response.json())
    except (ValueError, TypeError):
        raise unexpected(response, f"a {kind.__name__}") from None


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are given; the server has its own defaults for the others."""
    return {name: value for name, value in fields.items() if value is not None}
