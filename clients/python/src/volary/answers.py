"""What calls answer with. A newer server may send more fields: they are left out."""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from .errors import Problem

T = TypeVar("T")

_ENDED = {"succeeded", "failed", "cancelled"}


@dataclass(frozen=True)
class RateLimit:
    """The key's limit, as of one answer. Unused requests come back evenly over the window."""

    limit: int
    """Requests that the key may send in a window."""
    window_seconds: int
    remaining: int
    """Requests left now."""
    reset_seconds: int
    """Seconds until the whole limit is back."""


@dataclass(frozen=True)
class Prediction:
    """What a model answered."""

    predictions: list[Any]
    """One for each row, in their order: a number, or of a classifier `{"label", "probabilities"}`."""
    model: str
    version: int
    route: str
    """How the request came to this version: `stable`, `canary` or `pinned`."""
    request_id: str
    rate_limit: RateLimit | None = None
    """As of the last answer."""
    parts: tuple[Prediction, ...] = ()
    """Of a call with `batch_size`: the answer of every request. The call's own model, version, route and request id are
    those of the first; a later one has another version when a rollout moved in between."""
    explanations: list[Any] | None = None
    """With `explain`, one for each row: `{"scale", "base", "contributions": {"<input>": ...}}`, of several classes
    `{"scale", "classes": {"<class>": {"base", "contributions"}}}`. `base` and the contributions add up to the
    prediction, or to what `scale` says."""


@dataclass(frozen=True)
class Column:
    """A column's profile, over the whole file."""

    name: str
    type: str
    """`integer`, `float`, `boolean` or `string`."""
    nullable: bool
    missing: int
    """Rows without a value."""
    distinct: int
    min: float | None = None
    max: float | None = None
    mean: float | None = None
    std: float | None = None


@dataclass(frozen=True)
class Lineage:
    """The scoring run that made a dataset version, and what it worked with."""

    scoring_run: str
    model: str
    model_version: int
    dataset: str
    dataset_version: int


@dataclass(frozen=True)
class DatasetVersion:
    id: str
    name: str
    version: int
    status: str
    """`profiling`, `ready` or `failed`."""
    bytes: int
    sha256: str
    created_at: datetime
    rows: int | None = None
    error: str | None = None
    columns: tuple[Column, ...] = ()
    """Empty until the status is `ready`."""
    lineage: Lineage | None = None
    """Of answers of a scoring run."""


@dataclass(frozen=True)
class Progress:
    stage: str
    fraction: float
    """0 to 1, of the whole run."""


@dataclass(frozen=True)
class RunError:
    code: str
    message: str
    fix: str = ""
    """What to do about it."""


@dataclass(frozen=True)
class Reproduction:
    """What came of training a run again."""

    model: str
    version: int
    is_same: bool
    """The artifact is that of the version, byte by byte."""
    expected_sha256: str
    sha256: str
    differences: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrainingRun:
    id: str
    status: str
    """`queued`, `running`, `succeeded`, `failed` or `cancelled`."""
    model: str
    created_at: datetime
    progress: Progress | None = None
    metrics: Mapping[str, float] | None = None
    """On the held-out rows."""
    version: int | None = None
    """The model version that the run made."""
    error: RunError | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    rerun_of: str | None = None
    """Of a run that trains another one again, which makes no version."""
    reproduction: Reproduction | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in _ENDED


@dataclass(frozen=True)
class RowRefusal:
    """A row that the model refused."""

    row: int
    """Counted from 1."""
    reason: str
    column: str | None = None
    """`None` when no single column is at fault."""


@dataclass(frozen=True)
class ScoringRun:
    id: str
    status: str
    """`queued`, `running`, `succeeded`, `failed` or `cancelled`."""
    progress: float
    """Share of the rows that are done, 0 to 1."""
    total_rows: int
    rows: int
    """Done so far, those that failed among them."""
    rows_failed: int
    """Rows that have a reason in place of a prediction."""
    dataset: str
    dataset_version: int
    model: str
    version: int
    output: str
    """The dataset that gets the answers."""
    prediction_column: str
    created_at: datetime
    output_version: int | None = None
    """The dataset version that the run made."""
    keep_columns: tuple[str, ...] | None = None
    """`None` for all."""
    refusals: tuple[RowRefusal, ...] = ()
    """The first of them, once the run has succeeded."""
    error: RunError | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in _ENDED


@dataclass(frozen=True)
class AsyncResult:
    """What a version answered to a prediction that nobody waited for."""

    predictions: list[Any]
    """One for each row, in their order: a number, or of a classifier `{"label", "probabilities"}`."""
    model: str
    version: int
    route: str
    """How the request came to this version: `stable` or `canary`."""


@dataclass(frozen=True)
class Callback:
    """How the callback of a prediction stands."""

    url_host: str
    status: str
    """`waiting`, `pending`, `delivered` or `failed`."""
    attempts: int
    next_attempt_at: datetime | None = None
    last_error: str | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True)
class AsyncPrediction:
    """A prediction that was accepted, and what has become of it."""

    request_id: str
    deployment: str
    status: str
    """`queued`, `running`, `succeeded`, `failed` or `cancelled`."""
    created_at: datetime
    finished_at: datetime | None = None
    result: AsyncResult | None = None
    """Of one that succeeded."""
    error: Problem | None = None
    """Of one that failed."""
    callback: Callback | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in _ENDED


@dataclass(frozen=True)
class CallbackEvent:
    """What a callback says."""

    id: str
    """The same when it comes again."""
    type: str
    """`prediction.succeeded`, `prediction.failed` or `prediction.cancelled`."""
    timestamp: datetime
    """When the prediction ended."""
    data: AsyncPrediction


@dataclass(frozen=True)
class InputField:
    name: str
    type: str
    nullable: bool
    categories: tuple[str, ...] | None = None
    min: float | None = None
    max: float | None = None
    impute: str | None = None
    """What is done about a missing value."""
    format: str | None = None
    """Of text, `date` or `timestamp` when every value must be one."""
    unseen: str | None = None
    """What a category counts as that training did not see."""
    transform: str | None = None
    """What becomes of the value before the model takes it, where that is not the usual."""


@dataclass(frozen=True)
class OutputField:
    name: str
    task: str


@dataclass(frozen=True)
class Signature:
    inputs: tuple[InputField, ...]
    output: OutputField


@dataclass(frozen=True)
class ModelVersion:
    model: str
    version: int
    algorithm: str
    metrics: Mapping[str, float]
    signature: Signature
    sha256: str
    bytes: int
    created_by: str
    created_at: datetime
    params: Any = None
    dataset: str | None = None
    dataset_version: int | None = None
    training_run: str | None = None
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Alias:
    alias: str
    version: int


@dataclass(frozen=True)
class Model:
    id: str
    name: str
    created_at: datetime
    aliases: tuple[Alias, ...] = ()
    versions: tuple[ModelVersion, ...] = ()


@dataclass(frozen=True)
class Step:
    """A step of a rollout."""

    weight: float
    """Percent of the traffic."""
    seconds: int
    """How long the step takes; 0 for the last, which stays until somebody decides."""


@dataclass(frozen=True)
class RolloutPolicy:
    """When a canary is rolled back."""

    max_error_rate: float | None = None
    """0 to 1."""
    min_samples: int | None = None
    """Requests that the canary must have had before it is judged."""
    window_seconds: int | None = None
    """How far back the judge looks."""


@dataclass(frozen=True)
class ArmStats:
    requests: int
    errors: int


@dataclass(frozen=True)
class Verdict:
    kind: str
    """`continue`, `promote`, `roll_back` or `not_enough_data`."""
    reason: str
    stable: ArmStats
    canary: ArmStats
    at: datetime


@dataclass(frozen=True)
class Rollout:
    id: str
    deployment: str
    model: str
    mode: str
    status: str
    """`running`, `paused`, `promoted`, `rolled_back` or `failed`."""
    stable_version: int
    canary_version: int
    step: int
    weight: float
    """Percent of the traffic that the canary has now."""
    created_at: datetime
    steps: tuple[Step, ...] = ()
    policy: RolloutPolicy = field(default_factory=RolloutPolicy)
    verdicts: tuple[Verdict, ...] = ()
    reason: str | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True)
class Deployment:
    id: str
    name: str
    model: str
    stable_version: int
    state: str
    """`ready`, `rolling_out`, `cold` or `degraded`."""
    reason: str
    revision: int
    """Give it as `if_match` to change this very revision or nothing."""
    created_at: datetime
    updated_at: datetime
    rollout: Rollout | None = None


@dataclass(frozen=True)
class MetricPoint:
    """One step of a series. Latencies are in milliseconds, `None` without requests."""

    at: datetime
    """Start of the step."""
    requests: int
    errors: int
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None


@dataclass(frozen=True)
class VersionMetrics:
    """One version over the whole range. Latencies are in milliseconds, `None` without requests."""

    version: int
    requests: int
    errors: int
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    points: tuple[MetricPoint, ...] = ()
    """Steps without traffic are left out."""


@dataclass(frozen=True)
class Marker:
    """Something that changed what is live."""

    at: datetime
    label: str


@dataclass(frozen=True)
class Metrics:
    deployment: str
    step: int
    """Seconds."""
    versions: tuple[VersionMetrics, ...]
    markers: tuple[Marker, ...] = ()


def decode(kind: type[T], data: Any) -> T:
    """A dataclass from its JSON.

    Raises:
        ValueError: a field without a default is missing, or the data has another shape.
    """
    if not isinstance(data, Mapping) or not is_dataclass(kind):
        raise ValueError(f"not the JSON of a {kind.__name__}")
    hints = _hints(kind)
    given = {}
    for known in fields(kind):
        if known.name in data:
            given[known.name] = _value(hints[known.name], data[known.name])
        elif known.default is MISSING and known.default_factory is MISSING:
            raise ValueError(f"the JSON of a {kind.__name__} has no {known.name}")
    return kind(**given)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(hint: Any, data: Any) -> Any:
    if get_origin(hint) in (Union, types.UnionType):
        if data is None:
            return None
        hint = next(option for option in get_args(hint) if option is not type(None))
    if get_origin(hint) is tuple:
        return tuple(_value(get_args(hint)[0], item) for item in data)
    if hint is datetime:
        return moment(data)
    if isinstance(hint, type) and is_dataclass(hint):
        return decode(hint, data)
    return data


_FRACTION = re.compile(r"\.(\d+)")


def moment(text: str) -> datetime:
    """A time from RFC 3339, to the microsecond."""
    # Before Python 3.11 only three or six digits are read, and no Z.
    six = _FRACTION.sub(lambda digits: f".{digits[1]:0<6.6}", text)
    return datetime.fromisoformat(six.replace("Z", "+00:00"))
