"""What every call goes through: credentials, tries, errors."""

from __future__ import annotations

import logging
import re
import uuid
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import quote

import httpx

from . import errors
from ._flow import Flow, Request, alone, exchange, pause
from ._retry import Outcome, RetryPolicy
from ._secret import Secret

T = TypeVar("T")

_log = logging.getLogger("volary")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
# A token must still be good when it arrives.
_TOKEN_MARGIN = 30.0


@dataclass(frozen=True)
class _Token:
    bearer: Secret
    until: float


@dataclass
class Session:
    """One client's settings and its present token. All times are in seconds."""

    key: Secret
    uses_tokens: bool
    project: str
    timeout: float
    deadline: float
    policy: RetryPolicy
    _token: _Token | None = field(default=None, repr=False)

    def send(self, request: Request, request_id: str | None = None) -> Flow[httpx.Response]:
        """The answer, when it is a good one.

        Raises:
            VolaryError: the answer is an error, or none came.
        """
        request_id = checked_id(request_id) if request_id is not None else uuid.uuid4().hex
        headers = {**request.headers, "x-request-id": request_id.encode()}
        request = replace(request, headers=headers)
        deadline = self.policy.timing.clock() + self.deadline
        bearer = yield from self._bearer(deadline)
        response = yield from self._try(replace(request, authorization=bearer), deadline)
        if response.status_code == httpx.codes.UNAUTHORIZED and self.uses_tokens:
            # The server may have a new signing key: the token ends before its time.
            if self._token is not None and self._token.bearer is bearer:
                self._token = None
            bearer = yield from self._bearer(deadline)
            response = yield from self._try(replace(request, authorization=bearer), deadline)
        self._check(response, request_id)
        return response

    def send_json(self, request: Request) -> Flow[Any]:
        """The JSON of the answer. Raises as `send` does."""
        return decoded((yield from self.send(request)))

    def in_project(self, *segments: str) -> str:
        return path("api", "v1", "projects", self.project, *segments)

    def until(self, look: Callable[[], Flow[T]], has_ended: Callable[[T], bool], timeout: float) -> Flow[T]:
        """Looks again and again until it has ended.

        Raises:
            WaitTimeoutError: it had not after `timeout` seconds.
        """
        clock = self.policy.timing.clock
        deadline = clock() + timeout
        interval = 0.2
        while True:
            found = yield from look()
            if has_ended(found):
                return found
            if clock() + interval > deadline:
                raise errors.WaitTimeoutError(f"it had not ended after {timeout:g} s", error_code="wait_timeout")
            yield from pause(interval)
            interval = min(interval * 1.5, 2.0)

    def _check(self, response: httpx.Response, request_id: str) -> None:
        if not response.is_success:
            raise errors.from_response(response, request_id, self.policy.timing.wall())

    def _bearer(self, deadline: float) -> Flow[Secret]:
        if not self.uses_tokens:
            return Secret(f"Bearer {self.key.reveal()}")
        return self._present() or (yield from alone(self._renewed(deadline)))

    def _present(self) -> Secret | None:
        token = self._token
        is_good = token is not None and self.policy.timing.clock() < token.until
        return token.bearer if token is not None and is_good else None

    def _renewed(self, deadline: float) -> Flow[Secret]:
        # Another call may have fetched one while this one waited for its turn.
        if present := self._present():
            return present
        key = self.key.reveal()
        basic = b64encode(f"{quote(key[:12])}:{quote(key)}".encode()).decode()
        request_id = uuid.uuid4().hex
        request = Request(
            "POST",
            "/oauth/token",
            headers={
                "content-type": b"application/x-www-form-urlencoded",
                "x-request-id": request_id.encode(),
            },
            content=b"grant_type=client_credentials",
            authorization=Secret(f"Basic {basic}"),
        )
        asked = self.policy.timing.clock()
        response = yield from self._try(request, deadline)
        self._check(response, request_id)
        answer = decoded(response)
        try:
            lifetime = float(answer["expires_in"])
            bearer = Secret(f"Bearer {answer['access_token']}")
        except (KeyError, TypeError, ValueError):
            raise unexpected(response, "a token") from None
        self._token = _Token(bearer, asked + lifetime - min(_TOKEN_MARGIN, lifetime / 2))
        return bearer

    def _try(self, request: Request, deadline: float) -> Flow[httpx.Response]:
        """The last answer, good or bad, of as many tries as are allowed and fit before `deadline`."""
        clock = self.policy.timing.clock
        outcome: Outcome
        retries = 0
        while True:
            # Never zero: an attempt that can not even start says nothing of why.
            timeout = max(min(self.timeout, deadline - clock()), 0.01)
            try:
                outcome = yield from exchange(request, timeout)
            except httpx.RequestError as error:
                outcome = error
            wait = self.policy.pause(retries, outcome, request.repeatable)
            if wait is None or clock() + wait >= deadline:
                break
            retries += 1
            _log.info(
                "retry %d of %s %s in %.2f s, after %s (request %s)",
                retries,
                request.method,
                request.path,
                wait,
                _told(outcome),
                request.headers["x-request-id"].decode(),
            )
            yield from pause(wait)
        if isinstance(outcome, httpx.Response):
            return outcome
        raise errors.ConnectionFailedError(
            f"{request.method} {request.path} got no answer: {_told(outcome)}",
            error_code="connection_failed",
            request_id=request.headers["x-request-id"].decode(),
        ) from outcome


def _told(outcome: Outcome) -> str:
    if isinstance(outcome, httpx.Response):
        return str(outcome.status_code)
    return f"{type(outcome).__name__}: {outcome}".removesuffix(": ")


def path(*segments: str) -> str:
    """A path of these names, whatever characters they have."""
    for segment in segments:
        if segment in {"", ".", ".."}:
            raise ValueError(f"{segment!r} is not a name")
    return "/" + "/".join(quote(segment, safe="@") for segment in segments)


def checked_id(request_id: str) -> str:
    if not _REQUEST_ID.fullmatch(request_id):
        raise ValueError("request_id must be 1 to 128 of A-Z a-z 0-9 . _ -")
    return request_id


def decoded(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        raise unexpected(response, "JSON") from None


def unexpected(response: httpx.Response, wanted: str) -> errors.VolaryError:
    return errors.VolaryError(
        f"the answer is not {wanted}: is base_url the address of a Volary server?",
        status=response.status_code,
        error_code="unexpected_answer",
        request_id=response.headers.get("x-request-id", ""),
    )
