"""From what people hold to what is sent: JSON rows, and bodies within the server's limits."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any, Protocol, TypeAlias

from .errors import FieldError, InvalidInputError

ROW_LIMIT = 10_000
BODY_LIMIT = 1 << 20
_ERROR_LIMIT = 100
_START, _END = b'{"inputs":', b"}"


class DataFrame(Protocol):
    """A pandas or polars data frame."""

    @property
    def columns(self) -> Any: ...
    @property
    def shape(self) -> tuple[int, int]: ...


Rows: TypeAlias = Mapping[str, Any] | Iterable[Mapping[str, Any]] | DataFrame


@dataclass(frozen=True)
class Body:
    """What one request carries."""

    first_row: int
    content: bytes


def bodies(rows: Rows, batch_size: int | None) -> list[Body]:
    """One body, or with a `batch_size` as many as the limits on rows and bytes need.

    Raises:
        InvalidInputError: a value has no JSON form; every one is named.
    """
    if batch_size is not None and not 1 <= batch_size <= ROW_LIMIT:
        raise ValueError(f"batch_size must be 1 to {ROW_LIMIT}, the most rows of one request")
    if isinstance(rows, Mapping):
        return [Body(0, _START + _encoded([rows], is_batch=False)[0] + _END)]
    encoded = _encoded(_records(rows), is_batch=True)
    if batch_size is None:
        return [_batch(0, encoded)]
    return [_batch(start, encoded[start:end]) for start, end in _cuts(encoded, batch_size)]


def _batch(first_row: int, encoded: list[bytes]) -> Body:
    return Body(first_row, _START + b"[" + b",".join(encoded) + b"]" + _END)


def _cuts(encoded: list[bytes], batch_size: int) -> Iterator[tuple[int, int]]:
    start, size = 0, 0
    room = BODY_LIMIT - len(_batch(0, []).content)
    for index, row in enumerate(encoded):
        # One more for the comma.
        size += len(row) + 1
        is_full = index - start == batch_size or size - 1 > room
        if is_full and index > start:
            yield start, index
            start, size = index, len(row) + 1
    yield start, len(encoded)


def _records(rows: Iterable[Mapping[str, Any]] | DataFrame) -> Iterable[Mapping[str, Any]]:
    # Who gives a data frame has imported its library; nobody else should have to.
    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    if pandas is not None and isinstance(rows, pandas.DataFrame):
        if not rows.columns.is_unique:
            raise ValueError("the data frame has two columns of the same name")
        records: Iterable[Mapping[str, Any]] = rows.to_dict("records")
        return records
    if polars is not None and isinstance(rows, polars.DataFrame):
        named: Iterable[Mapping[str, Any]] = rows.iter_rows(named=True)
        return named
    if isinstance(rows, str | bytes) or not isinstance(rows, Iterable):
        raise TypeError(f"rows must be a mapping, mappings, or a pandas or polars DataFrame, not {type(rows).__name__}")
    return rows


def _encoded(rows: Iterable[Mapping[str, Any]], is_batch: bool) -> list[bytes]:
    encoded: list[bytes] = []
    wrong: list[FieldError] = []
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise TypeError(f"row {index} is not a mapping, but {type(row).__name__}")
        plain = {}
        for name, value in row.items():
            if not isinstance(name, str):
                raise TypeError(f"row {index} has an input whose name is not text: {name!r}")
            try:
                plain[name] = _plain(value)
            except _NoJsonError as error:
                place = f"/inputs/{index}/" if is_batch else "/inputs/"
                pointer = place + name.replace("~", "~0").replace("/", "~1")
                got = repr(value)
                got = got if len(got) <= 80 else got[:79] + "…"
                row_number = index if is_batch else None
                wrong.append(FieldError(pointer, error.code, error.expected, got, row_number))
        if len(wrong) >= _ERROR_LIMIT:
            break
        encoded.append(json.dumps(plain, separators=(",", ":")).encode())
    if wrong:
        raise _invalid(wrong[:_ERROR_LIMIT])
    return encoded


def _invalid(wrong: list[FieldError]) -> InvalidInputError:
    first = wrong[0]
    row = "" if first.row is None else f"row {first.row}, "
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    error = InvalidInputError(
        f"{row}{first.pointer}: expected {first.expected}, got {first.got}{more}",
        error_code="invalid_input",
    )
    error.errors = wrong
    return error


class _NoJsonError(Exception):
    def __init__(self, code: str, expected: str) -> None:
        self.code = code
        self.expected = expected


def _plain(value: Any) -> str | int | float | bool | None:
    if value is None or type(value) in (str, int, bool):
        return value  # type: ignore[no-any-return]
    if isinstance(value, float):
        return _number(float(value))
    numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
    if pandas is not None and (value is pandas.NA or value is pandas.NaT):
        return None
    if numpy is not None and isinstance(value, numpy.generic):
        if isinstance(value, numpy.datetime64):
            # Finer than microseconds, numpy gives a bare number instead of a time.
            value = value.astype("datetime64[us]")
        return _plain(value.item())
    if isinstance(value, datetime):
        is_naive = value.tzinfo is None
        utc = value.replace(tzinfo=timezone.utc) if is_naive else value.astimezone(timezone.utc)
        return utc.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return _number(float(value))
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    raise _NoJsonError("wrong_type", "text, a number, true, false, a time or nothing")


def _number(number: float) -> float | None:
    if math.isinf(number):
        raise _NoJsonError("out_of_range", "a finite number")
    return None if math.isnan(number) else number
