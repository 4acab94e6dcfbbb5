"""Predictions that nobody waits for at once."""

from __future__ import annotations

import json

from . import errors
from ._flow import Flow, PortT, operation
from ._resource import JSON, Resource, once
from ._rows import Rows, bodies
from ._session import checked_id, path
from .answers import AsyncPrediction
from .errors import JobFailedError

# Seconds that one request asks the server to keep it until there is news.
_LONGEST_LOOK = 15.0


class AsyncPredictions(Resource[PortT]):
    """Predictions that the server keeps until they are done, and for a day after that."""

    @operation
    def submit(
        self,
        deployment: str,
        rows: Rows,
        *,
        callback_url: str | None = None,
        route_key: str | None = None,
        request_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[AsyncPrediction]:
        """Hands over rows; what is accepted is answered even when the server is restarted. Go on with `wait`.

        Args:
            rows: as of `Client.predict`, and no more than one request may have: 10,000 rows, 1 MiB.
            callback_url: an https address that the answer is posted to; see `verify_callback`.
            route_key: who the request is for; while a canary is out, the same key gets the same version.
            request_id: names the prediction: 1 to 128 of A-Z a-z 0-9 . _ -
            idempotency_key: a second call with it within a day is answered as the first was; a new one unless told.

        Raises:
            InvalidInputError: rows do not fit the model, or the callback can not be one.
            RateLimitedError, UnavailableError: the key's limit is used up, or too many predictions wait already.
        """
        (body,) = bodies(rows, None)
        content = body.content
        if callback_url is not None:
            content = content[:-1] + b',"callback_url":' + json.dumps(callback_url).encode() + b"}"
        headers = {**JSON, **once(idempotency_key)}
        if route_key is not None:
            headers["x-route-key"] = checked_route_key(route_key)
        return self._send(
            AsyncPrediction,
            "POST",
            path("predict", deployment, "async"),
            content=content,
            headers=headers,
            request_id=checked_id(request_id) if request_id is not None else None,
        )

    @operation
    def get(self, request_id: str) -> Flow[AsyncPrediction]:
        """How a prediction stands.

        Raises:
            NotFoundError: there is none of this id, or none any more.
        """
        return self._look(request_id, 0)

    @operation
    def wait(self, request_id: str, *, timeout: float = 3600.0) -> Flow[AsyncPrediction]:
        """Waits at most `timeout` seconds until the prediction has succeeded; its answer is in `.result`.

        Raises:
            JobFailedError: it was cancelled.
            VolaryError: it failed, with the error that `Client.predict` would have raised.
            WaitTimeoutError: it takes longer.
        """
        clock = self._session.policy.timing.clock
        deadline = clock() + timeout
        longest = min(_LONGEST_LOOK, self._session.timeout / 2)
        found = yield from self._session.until(
            lambda: self._look(request_id, min(longest, deadline - clock())),
            lambda found: found.has_ended,
            timeout,
        )
        if found.status == "cancelled":
            raise JobFailedError(
                "the prediction was cancelled before it had an answer: send it again",
                error_code="cancelled",
                request_id=request_id,
            )
        if found.error is not None:
            raise _told(found.error, request_id)
        return found

    @operation
    def cancel(self, request_id: str) -> Flow[AsyncPrediction]:
        """Ends a prediction that has no answer yet.

        Raises:
            VolaryError: 409, it has succeeded or failed already.
        """
        return self._send(AsyncPrediction, "POST", path("api", "v1", "predictions", request_id, "cancel"))

    def _look(self, request_id: str, seconds: float) -> Flow[AsyncPrediction]:
        # The server answers as soon as there is news, which is sooner than any question after a pause.
        headers = {"prefer": f"wait={int(seconds)}".encode()} if seconds >= 1 else {}
        return self._send(AsyncPrediction, "GET", path("api", "v1", "predictions", request_id), headers=headers)


def checked_route_key(route_key: str) -> bytes:
    if not route_key.isprintable() or not route_key.strip() == route_key != "":
        raise ValueError("route_key must be text without control characters or outer spaces")
    return route_key.encode()


def _told(problem: errors.Problem, request_id: str) -> errors.VolaryError:
    error = errors.kind_of(problem.status)(
        problem.message, status=problem.status, error_code=problem.error_code, request_id=request_id
    )
    if isinstance(error, errors.InvalidInputError):
        error.errors = problem.errors
    return error
