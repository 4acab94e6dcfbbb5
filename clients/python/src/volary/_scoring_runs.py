"""Whole tables, predicted at once."""

from __future__ import annotations

from collections.abc import Sequence

from ._flow import Flow, PortT, operation
from ._management import Datasets
from ._resource import Resource, given, once, succeeded
from ._session import Session
from .answers import DatasetVersion, ScoringRun


class ScoringRuns(Resource[PortT]):
    """Runs that predict every row of a dataset and make a dataset of the answers."""

    def __init__(self, session: Session, port: PortT) -> None:
        super().__init__(session, port)
        self._datasets: Datasets[PortT] = Datasets(session, port)

    @operation
    def create(
        self,
        dataset: str,
        *,
        model: str,
        version: int | str,
        dataset_version: int | None = None,
        output: str | None = None,
        keep_columns: Sequence[str] | None = None,
        prediction_column: str | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[ScoringRun]:
        """Queues a run; go on with `wait` or `result`.

        Args:
            dataset: the table's name.
            model: whose version predicts.
            version: its number, or an alias with or without its `@`.
            dataset_version: the latest unless told.
            output: the dataset that gets the answers as its next version; named after table and model unless told.
            keep_columns: the table's columns that go along, in this order; all unless told.
            prediction_column: `prediction` unless told; another column with `_error` behind its name says why a row has
                no prediction.
            idempotency_key: a second call with it within a day is answered as the first was; a new one unless told.

        Raises:
            InvalidInputError: the table lacks a column that the model needs, or has it in another type.
            NotFoundError: there is no such dataset, model, alias or version.
        """
        named = f"@{version}" if isinstance(version, str) and not version.startswith("@") else version
        body = given(
            dataset=dataset,
            dataset_version=dataset_version,
            model=model,
            version=named,
            output=output,
            keep_columns=list(keep_columns) if keep_columns is not None else None,
            prediction_column=prediction_column,
        )
        return self._call(ScoringRun, "POST", "scoring-runs", body=body, headers=once(idempotency_key))

    @operation
    def get(self, id: str) -> Flow[ScoringRun]:
        """A run.

        Raises:
            NotFoundError: there is none.
        """
        return self._find(id)

    @operation
    def wait(self, id: str, *, timeout: float = 3600.0) -> Flow[ScoringRun]:
        """Waits at most `timeout` seconds until the run has succeeded. Rows that the model refused are no failure:
        `rows_failed` counts them, and `refusals` has the first.

        Raises:
            JobFailedError: it failed or was cancelled; the message says why and what to do.
            WaitTimeoutError: it takes longer.
        """
        return self._wait(id, timeout)

    @operation
    def result(self, id: str, *, timeout: float = 3600.0) -> Flow[DatasetVersion]:
        """Waits at most `timeout` seconds for the run, and then as long for the profile of the dataset that it made.

        Raises:
            JobFailedError: the run failed or was cancelled; the message says why and what to do.
            WaitTimeoutError: it takes longer.
        """
        run = yield from self._wait(id, timeout)
        return (yield from self._datasets._profiled(run.output, run.output_version, timeout))

    @operation
    def cancel(self, id: str) -> Flow[ScoringRun]:
        """Ends a run; a running one ends within moments of the answer.

        Raises:
            VolaryError: 409, it has ended already.
        """
        return self._call(ScoringRun, "POST", "scoring-runs", id, "cancel")

    def _find(self, id: str) -> Flow[ScoringRun]:
        return self._call(ScoringRun, "GET", "scoring-runs", id)

    def _wait(self, id: str, timeout: float) -> Flow[ScoringRun]:
        return succeeded((yield from self._session.until(lambda: self._find(id), lambda run: run.has_ended, timeout)))
