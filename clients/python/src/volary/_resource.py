"""What all calls of management have in common: JSON about a project."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import httpx

from . import answers
from ._flow import Flow, PortT, Request
from ._session import Session, unexpected
from .errors import JobFailedError

T = TypeVar("T")
RunT = TypeVar("RunT", answers.TrainingRun, answers.ScoringRun)

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
        params: Mapping[str, str | list[str]] | None = None,
        headers: Mapping[str, bytes] | None = None,
        repeatable: bool = True,
    ) -> Flow[T]:
        """Sends JSON to a path of the project, and reads the answer as `kind`."""
        return self._send(
            kind,
            method,
            self._session.in_project(*segments),
            headers={**(JSON if body is not None else {}), **(headers or {})},
            params=params,
            content=json.dumps(body, allow_nan=False).encode() if body is not None else b"",
            repeatable=repeatable,
        )

    def _send(
        self,
        kind: type[T],
        method: str,
        path: str,
        *,
        content: bytes = b"",
        params: Mapping[str, str | list[str]] | None = None,
        headers: Mapping[str, bytes] | None = None,
        repeatable: bool = True,
        request_id: str | None = None,
    ) -> Flow[T]:
        """Reads the answer as `kind`."""
        request = Request(
            method,
            path,
            headers=dict(headers or {}),
            params=dict(params or {}),
            content=content,
            repeatable=repeatable,
        )
        return read(kind, (yield from self._session.send(request, request_id)))


def read(kind: type[T], response: httpx.Response) -> T:
    try:
        return answers.decode(kind, response.json())
    except (ValueError, TypeError):
        raise unexpected(response, f"a {kind.__name__}") from None


def once(idempotency_key: str | None) -> dict[str, bytes]:
    """What makes a creating call safe to send again: the server answers the same key as it did the first time."""
    key = uuid.uuid4().hex if idempotency_key is None else idempotency_key
    if not re.fullmatch(r"[!-~]{1,255}", key):
        raise ValueError("idempotency_key must be 1 to 255 visible ASCII characters")
    return {"idempotency-key": key.encode()}


def succeeded(run: RunT) -> RunT:
    """A run that has ended well.

    Raises:
        JobFailedError: it has not.
    """
    if run.status == "succeeded":
        return run
    if run.error is None:
        raise JobFailedError(f"the run is {run.status}", error_code=run.status)
    message = f"{run.error.message} {run.error.fix}".rstrip()
    raise JobFailedError(message, error_code=run.error.code)


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are given; the server has its own defaults for the others."""
    return {name: value for name, value in fields.items() if value is not None}


def revision(if_match: int | None) -> dict[str, bytes]:
    """The header that lets a change happen to this revision or not at all."""
    return {} if if_match is None else {"if-match": f'"{if_match}"'.encode()}
