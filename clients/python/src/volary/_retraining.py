"""Models that are trained anew by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ._flow import Flow, PortT, Request, operation
from ._resource import Resource, given, revision
from .errors import JobFailedError


@dataclass(frozen=True)
class RetrainingPolicy:
    id: str
    model: str
    training: Mapping[str, Any]
    """What is trained, as `training_runs.create` asks for it."""
    on_new_dataset_version: bool
    on_better: str
    """`nothing`, `propose` or `start_canary`."""
    paused: bool
    failures: int
    """Failed attempts since the last one that made a version."""
    revision: int
    """Give it as `if_match` to change this very revision or nothing."""
    created_by: str
    created_at: datetime
    updated_at: datetime
    schedule: str | None = None
    deployment: str | None = None
    pause_reason: str | None = None
    next_runs: tuple[datetime, ...] = ()
    """The next three, in UTC."""
    not_before: datetime | None = None
    problems: tuple[str, ...] = ()
    """What would keep an attempt from working now."""


@dataclass(frozen=True)
class Estimate:
    """A number, and the interval in which it lies with a probability of 95 %."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Compared:
    """What two versions do on the same held-out rows."""

    metric: str
    """`rmse` or `log_loss`: the lower, the better."""
    challenger: float
    live: float
    difference: Estimate
    """The new version's minus the live one's."""
    rows: int
    refused: int
    """Held-out rows that one of them refused, which count for neither."""


@dataclass(frozen=True)
class RetrainingVerdict:
    kind: str
    """`better`, `worse`, `not_clearly_better` or `not_comparable`."""
    sentence: str
    at: datetime
    live_version: int | None = None
    compared: Compared | None = None


@dataclass(frozen=True)
class RetrainingAttempt:
    id: str
    trigger: str
    """`schedule`, `dataset_version` or `manual`."""
    status: str
    """`training`; `failed` or `cancelled`; `kept`, `proposed`, `accepted`, `dismissed`, `superseded` or
    `canary_started`, which have a new version."""
    skipped: int
    """Times or dataset versions before this one that were passed over."""
    dataset: str
    created_by: str
    created_at: datetime
    reason: str | None = None
    occurrence: datetime | None = None
    dataset_version: int | None = None
    training_run: str | None = None
    version: int | None = None
    """The new version."""
    deployment: str | None = None
    verdict: RetrainingVerdict | None = None
    rollout: str | None = None
    ended_at: datetime | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        return self.status != "training"


@dataclass(frozen=True)
class _Attempts:
    items: tuple[RetrainingAttempt, ...]
    next_cursor: str | None = None


class Retraining(Resource[PortT]):
    """What models are trained on anew, when, and what becomes of a version that beats the live one."""

    @operation
    def put(
        self,
        model: str,
        *,
        training: Mapping[str, Any],
        schedule: str | None = None,
        on_new_dataset_version: bool = False,
        deployment: str | None = None,
        on_better: str = "nothing",
        if_match: int | None = None,
    ) -> Flow[RetrainingPolicy]:
        """Makes the policy of a model, or changes it. The same policy again changes nothing.

        Args:
            training: as the body of a training run, such as `{"dataset": ..., "target": ..., "algorithm": "auto"}`; the
                newest ready version of the dataset is taken each time.
            schedule: five fields as cron has them, in UTC, such as `0 3 * * 1`, at most every 15 minutes; by
                hand alone unless told.
            on_new_dataset_version: also whenever a new version of the dataset is ready.
            deployment: whose live version a new one is compared with.
            on_better: `nothing`, `propose` or `start_canary`: what becomes of a version that beats it.
            if_match: a `revision`: nothing is done when it is no longer the present one.

        Raises:
            InvalidInputError: a field does not fit the dataset or the deployment.
            NotFoundError: there is no such model.
            VolaryError: 412, `if_match` lost.
        """
        body = given(
            training={"model": model, **training},
            schedule=schedule,
            on_new_dataset_version=on_new_dataset_version,
            deployment=deployment,
            on_better=on_better,
        )
        headers = revision(if_match)
        segments = _of(model)
        return self._call(RetrainingPolicy, "PUT", *segments, body=body, headers=headers, repeatable=if_match is None)

    @operation
    def get(self, model: str) -> Flow[RetrainingPolicy]:
        """The policy of a model.

        Raises:
            NotFoundError: there is none.
        """
        return self._call(RetrainingPolicy, "GET", *_of(model))

    @operation
    def delete(self, model: str, *, if_match: int | None = None) -> Flow[None]:
        """Takes the policy away; what it has made stays.

        Raises:
            NotFoundError: there is none.
            VolaryError: 412, `if_match` lost.
        """
        path = self._session.in_project(*_of(model))
        yield from self._session.send(Request("DELETE", path, headers=revision(if_match), repeatable=False))

    @operation
    def pause(self, model: str) -> Flow[RetrainingPolicy]:
        """Nothing starts by itself until `resume`.

        Raises:
            NotFoundError: the model has no policy.
        """
        return self._call(RetrainingPolicy, "POST", *_of(model), "pause")

    @operation
    def resume(self, model: str) -> Flow[RetrainingPolicy]:
        """Lets it go on; what came due in between is passed over.

        Raises:
            NotFoundError: the model has no policy.
        """
        return self._call(RetrainingPolicy, "POST", *_of(model), "resume")

    @operation
    def run(self, model: str) -> Flow[RetrainingAttempt]:
        """Trains now; go on with `wait`.

        Raises:
            VolaryError: 409, an attempt is under way.
        """
        return self._call(RetrainingAttempt, "POST", *_of(model), "run", repeatable=False)

    @operation
    def attempts(self, model: str) -> Flow[list[RetrainingAttempt]]:
        """The newest fifty attempts with their verdicts, newest first.

        Raises:
            NotFoundError: there is no such model.
        """
        return self._attempts(model)

    @operation
    def wait(self, model: str, id: str, *, timeout: float = 3600.0) -> Flow[RetrainingAttempt]:
        """Waits at most `timeout` seconds for the verdict of an attempt.

        Raises:
            JobFailedError: it failed or was cancelled; the message says why.
            WaitTimeoutError: it takes longer.
        """
        ended = yield from self._session.until(
            lambda: self._find(model, id), lambda attempt: attempt.has_ended, timeout
        )
        if ended.status in {"failed", "cancelled"}:
            raise JobFailedError(ended.reason or f"the attempt is {ended.status}", error_code=ended.status)
        return ended

    @operation
    def accept(self, model: str, id: str) -> Flow[RetrainingAttempt]:
        """Starts the rollout that an attempt proposes.

        Raises:
            VolaryError: 409, there is no proposal to decide on, another version is live by now, or a rollout is active.
        """
        return self._call(RetrainingAttempt, "POST", *_of(model), "attempts", id, "accept", repeatable=False)

    @operation
    def dismiss(self, model: str, id: str) -> Flow[RetrainingAttempt]:
        """Takes back what an attempt proposes; the version stays.

        Raises:
            VolaryError: 409, there is no proposal to decide on.
        """
        return self._call(RetrainingAttempt, "POST", *_of(model), "attempts", id, "dismiss", repeatable=False)

    def _attempts(self, model: str) -> Flow[list[RetrainingAttempt]]:
        page = yield from self._call(_Attempts, "GET", *_of(model), "attempts", params={"limit": "50"})
        return list(page.items)

    def _find(self, model: str, id: str) -> Flow[RetrainingAttempt]:
        for attempt in (yield from self._attempts(model)):
            if attempt.id == id:
                return attempt
        raise JobFailedError("the attempt is not among the newest fifty", error_code="not_found")


def _of(model: str) -> tuple[str, str, str]:
    return ("models", model, "retraining")
