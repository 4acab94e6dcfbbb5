"""What a call raises. Every error is a `VolaryError`; none carries the API key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx

from ._retry import retry_after


@dataclass(frozen=True)
class FieldError:
    """What is wrong with one field of what was sent."""

    pointer: str
    """JSON pointer into the request, such as `/inputs/3/median_income`."""
    code: str
    """A stable word: `missing`, `unknown_field`, `wrong_type`, `out_of_range`, `invalid`, `taken`."""
    expected: str
    got: str | None = None
    row: int | None = None
    """Zero-based row of what the caller gave, over all batches; `None` where there are no rows."""


@dataclass(frozen=True)
class Problem:
    """An error that the server kept, of a prediction that nobody waited for."""

    status: int
    """The HTTP status that a caller who waited would have got."""
    error_code: str
    message: str
    errors: tuple[FieldError, ...] = ()


class VolaryError(Exception):
    """A call failed. Raised as such for what has no class of its own, such as 409 and 413."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        error_code: str = "",
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        """HTTP status, `None` when there was no answer."""
        self.error_code = error_code
        """The server's stable word for programs, such as `not_found`."""
        self.request_id = request_id
        """What to search the server's log for; empty when nothing was sent."""

    def __str__(self) -> str:
        known = [str(self.status or ""), self.error_code, self.request_id]
        details = ", ".join(detail for detail in known if detail)
        return f"{self.message} ({details})" if details else self.message


class AuthenticationError(VolaryError):
    """401: the API key or token is mistyped, expired or revoked."""


class PermissionDeniedError(VolaryError):
    """403: the key is known, but lacks a scope; the message says which."""


class NotFoundError(VolaryError):
    """404: it does not exist, or belongs to another project."""


class InvalidInputError(VolaryError):
    """422, or found before sending (`status` is then `None`): what was sent is wrong."""

    errors: Sequence[FieldError] = ()
    """Every bad field, at most 100."""


class RateLimitedError(VolaryError):
    """429: the key's limit is used up, and retries or the deadline were, too."""

    retry_after: float | None = None
    """Seconds until the next request may succeed."""


class UnavailableError(VolaryError):
    """503: something that the server needs is away."""

    retry_after: float | None = None
    """Seconds until the next request may succeed."""


class ServerError(VolaryError):
    """Any other 5xx: a fault of the server, or of a proxy before it."""


class ConnectionFailedError(VolaryError):
    """No answer came: refused, broken off or timed out."""


class WaitTimeoutError(VolaryError, TimeoutError):
    """What was waited for had not ended in time; it goes on on the server."""


class JobFailedError(VolaryError):
    """A dataset could not be profiled, a run failed, or a run or prediction was cancelled."""


class CallbackVerificationError(VolaryError):
    """A callback does not come from the server, or not lately: do nothing that it says."""


_BY_STATUS: Mapping[int, type[VolaryError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    422: InvalidInputError,
    429: RateLimitedError,
    503: UnavailableError,
}


def kind_of(status: int) -> type[VolaryError]:
    return _BY_STATUS.get(status, ServerError if status >= 500 else VolaryError)


def from_response(response: httpx.Response, request_id: str, now: float) -> VolaryError:
    """The error that a refused request ends with; `now` is in seconds since 1970."""
    problem = _json_object(response)
    status = response.status_code
    # Under /oauth the names are those of RFC 6749.
    message = problem.get("message") or problem.get("error_description")
    error = kind_of(status)(
        str(message or f"the server answered {status} {response.reason_phrase}".rstrip()),
        status=status,
        error_code=str(problem.get("error_code") or problem.get("error") or ""),
        request_id=str(problem.get("request_id") or response.headers.get("x-request-id") or request_id),
    )
    if isinstance(error, RateLimitedError | UnavailableError):
        error.retry_after = retry_after(response.headers.get("retry-after"), now)
    if isinstance(error, InvalidInputError):
        error.errors = [_field_error(entry) for entry in problem.get("errors") or ()]
    return error


def _json_object(response: httpx.Response) -> dict[str, Any]:
    try:
        found = response.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _field_error(entry: Mapping[str, Any]) -> FieldError:
    return FieldError(
        pointer=entry.get("pointer", ""),
        code=entry.get("code", ""),
        expected=entry.get("expected", ""),
        got=entry.get("got"),
        row=entry.get("row"),
    )


def shifted(error: InvalidInputError, rows: int) -> InvalidInputError:
    """The error of a batch that starts at row `rows`, with its places counted over all batches."""
    error.errors = [_shift(field, rows) for field in error.errors]
    return error


def _shift(field: FieldError, rows: int) -> FieldError:
    if field.row is None:
        return field
    place = f"/inputs/{field.row}"
    pointer = field.pointer
    if pointer == place or pointer.startswith(f"{place}/"):
        pointer = f"/inputs/{field.row + rows}{pointer[len(place) :]}"
    return replace(field, row=field.row + rows, pointer=pointer)
