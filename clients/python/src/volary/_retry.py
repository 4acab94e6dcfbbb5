"""When a request is sent again. Pure: clock and chance are given."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timezone
from email.utils import parsedate_to_datetime
from typing import TypeAlias

import httpx

Outcome: TypeAlias = httpx.Response | httpx.RequestError

# Refused before anything was done, so that sending again is safe whatever it was.
_REFUSED = {429, 503}
# From a proxy: the server may have done it, or may still be at it.
_UNKNOWN = {502, 504}
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_HOPELESS = (httpx.LocalProtocolError, httpx.UnsupportedProtocol)


@dataclass(frozen=True)
class Timing:
    """Where time and chance come from. `clock` never goes back; `wall` counts seconds since 1970."""

    clock: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    random: Callable[[], float] = random.random


@dataclass(frozen=True)
class RetryPolicy:
    """All times are in seconds."""

    max_retries: int = 3
    first_backoff: float = 0.25
    longest_backoff: float = 8.0
    timing: Timing = field(default_factory=Timing)

    def pause(self, retries: int, outcome: Outcome, repeatable: bool) -> float | None:
        """How long to wait after `retries` retries ended in `outcome`; `None` when it is final."""
        if retries >= self.max_retries or not _may_pass(outcome, repeatable):
            return None
        # Full jitter, so that clients which failed together do not come back together.
        longest = min(self.longest_backoff, self.first_backoff * 2.0 ** min(retries, 32))
        backoff = self.timing.random() * longest
        asked = None
        if isinstance(outcome, httpx.Response):
            asked = retry_after(outcome.headers.get("retry-after"), self.timing.wall())
        return backoff if asked is None else asked + backoff


def _may_pass(outcome: Outcome, repeatable: bool) -> bool:
    if isinstance(outcome, httpx.Response):
        status = outcome.status_code
        return status in _REFUSED or (repeatable and (status in _UNKNOWN or _is_under_way(outcome)))
    if isinstance(outcome, _NEVER_SENT):
        return True
    return repeatable and isinstance(outcome, httpx.TransportError) and not isinstance(outcome, _HOPELESS)


def _is_under_way(response: httpx.Response) -> bool:
    """Whether an earlier try of the same request, whose answer was lost, has not ended yet."""
    if response.status_code != httpx.codes.CONFLICT:
        return False
    try:
        problem = response.json()
    except ValueError:
        return False
    return isinstance(problem, dict) and problem.get("error_code") == "idempotent_request_under_way"


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds that a `Retry-After` asks for: a number of them, or a date. `None` for what is neither."""
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, moment.timestamp() - now)
