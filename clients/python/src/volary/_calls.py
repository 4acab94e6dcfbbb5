"""Every call, once for both clients."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import httpx

from ._async_predictions import AsyncPredictions, checked_route_key
from ._flow import Flow, PortT, Request, operation, together
from ._management import Datasets, Deployments, Models, Rollouts, TrainingRuns
from ._resource import JSON, Resource, read
from ._retraining import Retraining
from ._rows import Body, Rows, bodies
from ._scoring_runs import ScoringRuns
from ._session import Session, checked_id, path
from .answers import Metrics, Prediction, RateLimit
from .errors import InvalidInputError, shifted


@dataclass(frozen=True)
class _Answer:
    """What the server says to a prediction."""

    predictions: list[Any]
    model: str
    version: int
    route: str
    request_id: str
    explanations: list[Any] | None = None


class Calls(Resource[PortT]):
    """What a client can do."""

    def __init__(self, session: Session, port: PortT) -> None:
        super().__init__(session, port)
        self.datasets: Datasets[PortT] = Datasets(session, port)
        self.training_runs: TrainingRuns[PortT] = TrainingRuns(session, port)
        self.scoring_runs: ScoringRuns[PortT] = ScoringRuns(session, port)
        self.retraining: Retraining[PortT] = Retraining(session, port)
        self.async_predictions: AsyncPredictions[PortT] = AsyncPredictions(session, port)
        self.models: Models[PortT] = Models(session, port)
        self.deployments: Deployments[PortT] = Deployments(session, port)
        self.rollouts: Rollouts[PortT] = Rollouts(session, port)

    @operation
    def predict(
        self,
        deployment: str,
        rows: Rows,
        *,
        route_key: str | None = None,
        request_id: str | None = None,
        batch_size: int | None = None,
        explain: bool = False,
    ) -> Flow[Prediction]:
        """Predicts with a deployment.

        Missing values (`None`, `NaN`, `NaT`, `pandas.NA`) are sent as null, numpy scalars and decimals as numbers,
        times as RFC 3339 in UTC; a time without a zone is taken to be UTC.

        Args:
            rows: one row as a mapping, or many: mappings, a pandas or a polars DataFrame.
            route_key: who the request is for; while a canary is out, the same key gets the same version.
            request_id: names the request in the answer and in the server's log: 1 to 128 of A-Z a-z 0-9 . _ -
            batch_size: sends at most so many rows (up to 10,000) and at most 1 MiB in one request, and as many requests
                as that takes; they all go to the same version and, after the first request id, are named `-1`, `-2`...
                Without it everything is one request, which the server refuses when it is larger than that.
            explain: asks what each input adds to the predictions: `.explanations`. At most 100 rows in one request.

        Raises:
            InvalidInputError: rows do not fit the model; `.errors` names row, field and reason. With `explain` also
                when the version can not be explained: then `.error_code` is `not_explainable`.
            RateLimitedError: the key's limit is used up.
            NotFoundError, PermissionDeniedError, AuthenticationError, UnavailableError, ServerError,
            ConnectionFailedError: see there.
        """
        return self._predict(path("predict", deployment), rows, route_key, request_id, batch_size, explain)

    @operation
    def predict_version(
        self,
        model: str,
        version_or_alias: int | str,
        rows: Rows,
        *,
        request_id: str | None = None,
        batch_size: int | None = None,
        explain: bool = False,
    ) -> Flow[Prediction]:
        """Predicts with one version of a model, whatever is deployed. Needs the scope `predict:*`.

        Args:
            version_or_alias: a version's number, or an alias with or without its `@`.
            rows, request_id, batch_size, explain: as in `predict`.

        Raises:
            VolaryError: as in `predict`.
        """
        version = str(version_or_alias)
        if not re.fullmatch(r"[0-9]+|@.*", version):
            version = f"@{version}"
        return self._predict(path("predict", model, version), rows, None, request_id, batch_size, explain)

    @operation
    def metrics(
        self,
        deployment: str,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        step: int | None = None,
    ) -> Flow[Metrics]:
        """The traffic of a deployment: requests, errors and latencies in milliseconds, by version.

        Args:
            start: an hour before the end unless told; times without a zone are taken to be UTC.
            end: now unless told.
            step: seconds between two points, a whole number of minutes; fits the range unless told.

        Raises:
            NotFoundError: there is no such deployment.
        """
        params = {
            name: value
            for name, value in {
                "from": _utc(start),
                "to": _utc(end),
                "step": None if step is None else str(step),
            }.items()
            if value is not None
        }
        return self._call(Metrics, "GET", "deployments", deployment, "metrics", params=params)

    def _predict(
        self,
        path: str,
        rows: Rows,
        route_key: str | None,
        request_id: str | None,
        batch_size: int | None,
        explain: bool,
    ) -> Flow[Prediction]:
        request_id = checked_id(request_id or uuid.uuid4().hex)
        parts = bodies(rows, batch_size)
        if len(parts) == 1:
            return (yield from self._predict_part(path, parts[0], route_key, request_id, explain))
        # Without a key of their own each request could go to another version.
        key = route_key or request_id
        ids = [checked_id(f"{request_id}-{number}") for number in range(1, len(parts) + 1)]
        flows = [self._predict_part(path, part, key, id, explain) for part, id in zip(parts, ids, strict=True)]
        return _joined((yield from together(flows)))

    def _predict_part(
        self, path: str, body: Body, route_key: str | None, request_id: str, explain: bool
    ) -> Flow[Prediction]:
        headers = dict(JSON)
        if route_key is not None:
            headers["x-route-key"] = checked_route_key(route_key)
        params = {"explain": "true"} if explain else {}
        request = Request("POST", path, headers=headers, params=params, content=body.content)
        try:
            response = yield from self._session.send(request, request_id)
        except InvalidInputError as error:
            raise shifted(error, body.first_row) from None
        answer = read(_Answer, response)
        return Prediction(
            predictions=answer.predictions,
            model=answer.model,
            version=answer.version,
            route=answer.route,
            request_id=answer.request_id,
            rate_limit=_rate_limit(response.headers),
            explanations=answer.explanations,
        )


def _joined(parts: Sequence[Prediction]) -> Prediction:
    first, last = parts[0], parts[-1]
    return Prediction(
        predictions=[prediction for part in parts for prediction in part.predictions],
        model=first.model,
        version=first.version,
        route=first.route,
        request_id=first.request_id,
        rate_limit=last.rate_limit,
        parts=tuple(parts),
        explanations=[explanation for part in parts for explanation in part.explanations or []] or None,
    )


def _utc(time: datetime | None) -> str | None:
    if time is None:
        return None
    utc = time.replace(tzinfo=timezone.utc) if time.tzinfo is None else time
    return utc.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


_PARAMETER = re.compile(r";\s*(\w+)=(\d+)")


def _rate_limit(headers: httpx.Headers) -> RateLimit | None:
    now = dict(_PARAMETER.findall(headers.get("ratelimit", "")))
    quota = dict(_PARAMETER.findall(headers.get("ratelimit-policy", "")))
    try:
        return RateLimit(int(quota["q"]), int(quota["w"]), int(now["r"]), int(now["t"]))
    except KeyError:
        return None
