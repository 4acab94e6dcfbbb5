from __future__ import annotations

import json
import subprocess
import sys
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from volary import FieldError, InvalidInputError
from volary._rows import BODY_LIMIT, bodies


def sent(rows: Any) -> Any:
    (body,) = bodies(rows, None)
    return json.loads(body.content)["inputs"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (float("nan"), None),
        (np.float64("nan"), None),
        (np.float32("nan"), None),
        (pd.NA, None),
        (pd.NaT, None),
        (np.datetime64("NaT"), None),
        (Decimal("NaN"), None),
        (True, True),
        (np.bool_(False), False),
        (7, 7),
        (2**70, 2**70),
        (np.int64(7), 7),
        (np.uint8(200), 200),
        (1.5, 1.5),
        (np.float64(1.5), 1.5),
        (np.float32(1.5), 1.5),
        (Decimal("1.50"), 1.5),
        ("NEAR BAY", "NEAR BAY"),
        ("", ""),
        ("ä\u2028\ud800", "ä\u2028\ud800"),
        (np.str_("text"), "text"),
        (date(2026, 2, 3), "2026-02-03"),
        (datetime(2026, 2, 3, 4, 5, 6), "2026-02-03T04:05:06Z"),
        (datetime(2026, 2, 3, 4, 5, 6, tzinfo=timezone(timedelta(hours=2))), "2026-02-03T02:05:06Z"),
        (pd.Timestamp("2026-02-03 04:05:06.5", tz="Europe/Berlin"), "2026-02-03T03:05:06.500000Z"),
        (pd.Timestamp("2026-02-03"), "2026-02-03T00:00:00Z"),
        (np.datetime64("2026-02-03T04:05:06", "ns"), "2026-02-03T04:05:06Z"),
        (np.datetime64("2026-02-03", "D"), "2026-02-03T00:00:00Z"),
    ],
    ids=repr,
)
def test_values_become_json(value: Any, expected: Any) -> None:
    found = sent({"x": value})["x"]
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (float("inf"), "out_of_range"),
        (np.float32("-inf"), "out_of_range"),
        (Decimal("Infinity"), "out_of_range"),
        ([1], "wrong_type"),
        ({"a": 1}, "wrong_type"),
        (b"bytes", "wrong_type"),
        (1j, "wrong_type"),
        (time(1, 2), "wrong_type"),
        (timedelta(1), "wrong_type"),
        (np.timedelta64(1, "s"), "wrong_type"),
        (np.array([1.0, 2.0]), "wrong_type"),
        (object(), "wrong_type"),
    ],
    ids=repr,
)
def test_a_value_without_json_is_named_before_anything_is_sent(value: Any, code: str) -> None:
    with pytest.raises(InvalidInputError) as raised:
        bodies([{"x": 1}, {"a/b~c": value}], None)
    error = raised.value
    assert (error.status, error.error_code, error.request_id) == (None, "invalid_input", "")
    (field,) = error.errors
    assert (field.row, field.pointer, field.code) == (1, "/inputs/1/a~1b~0c", code)
    assert error.message.startswith("row 1, /inputs/1/a~1b~0c: expected ")


def test_all_such_values_are_named_up_to_a_hundred() -> None:
    with pytest.raises(InvalidInputError, match=r"\(and 99 more\)") as raised:
        bodies([{"x": float("inf"), "y": 1}] * 300, None)
    assert [field.row for field in raised.value.errors] == list(range(100))
    with pytest.raises(InvalidInputError) as raised:
        bodies({"x": float("inf")}, None)
    assert raised.value.errors == [FieldError("/inputs/x", "out_of_range", "a finite number", "inf")]


def test_a_mapping_is_one_row_and_anything_else_is_many() -> None:
    assert sent({"a": 1}) == {"a": 1}
    assert sent([{"a": 1}]) == [{"a": 1}]
    assert sent({"a": n} for n in range(3)) == [{"a": 0}, {"a": 1}, {"a": 2}]
    assert sent([]) == []


def test_a_pandas_frame_is_many_rows() -> None:
    frame = pd.DataFrame(
        {
            "number": [1.5, None],
            "whole": pd.array([1, None], dtype="Int64"),
            "flag": pd.array([True, None], dtype="boolean"),
            "text": pd.array(["a", None], dtype="string"),
            "kind": pd.Categorical(["x", None]),
            "at": pd.to_datetime(pd.Series(["2026-02-03", None]), utc=True).array,
            "small": np.array([1, 2], dtype=np.int8),
        },
        index=[7, 7],
    )
    assert sent(frame) == [
        {
            "number": 1.5,
            "whole": 1,
            "flag": True,
            "text": "a",
            "kind": "x",
            "at": "2026-02-03T00:00:00Z",
            "small": 1,
        },
        {"number": None, "whole": None, "flag": None, "text": None, "kind": None, "at": None, "small": 2},
    ]
    assert sent(frame.iloc[:0]) == []


def test_a_polars_frame_is_many_rows() -> None:
    frame = pl.DataFrame(
        {
            "number": [1.5, float("nan")],
            "whole": [1, None],
            "text": ["a", None],
            "kind": pl.Series(["x", None], dtype=pl.Categorical),
            "exact": pl.Series([Decimal("1.5"), None]),
            "at": [datetime(2026, 2, 3), None],
            "day": [date(2026, 2, 3), None],
        }
    )
    assert sent(frame) == [
        {
            "number": 1.5,
            "whole": 1,
            "text": "a",
            "kind": "x",
            "exact": 1.5,
            "at": "2026-02-03T00:00:00Z",
            "day": "2026-02-03",
        },
        {"number": None, "whole": None, "text": None, "kind": None, "exact": None, "at": None, "day": None},
    ]


@pytest.mark.parametrize("rows", ["text", b"bytes", 7, None, [1], [None], pl.LazyFrame({"a": [1]}), pd.Series([1])])
def test_what_has_no_rows_is_refused(rows: Any) -> None:
    with pytest.raises(TypeError, match="mapping"):
        bodies(rows, None)


def test_names_must_be_text_and_differ() -> None:
    with pytest.raises(TypeError, match="name is not text: 1"):
        bodies([{1: 2}], None)  # type: ignore[dict-item]
    with pytest.raises(TypeError, match="name is not text: 0"):
        bodies(pd.DataFrame([[1, 2]]), None)
    with pytest.raises(ValueError, match="two columns of the same name"):
        bodies(pd.DataFrame([[1, 2]], columns=["a", "a"]), None)


def test_batches_keep_the_order_and_the_limits() -> None:
    rows = [{"n": n} for n in range(25)]
    made = bodies(rows, 10)
    assert [body.first_row for body in made] == [0, 10, 20]
    assert [row for body in made for row in json.loads(body.content)["inputs"]] == rows
    assert len(bodies(rows, None)) == 1
    assert [len(json.loads(body.content)["inputs"]) for body in bodies([], 10)] == [0]
    for bad in (0, -1, 10_001):
        with pytest.raises(ValueError, match="1 to 10000"):
            bodies(rows, bad)


def test_batches_fill_the_largest_body_and_never_more() -> None:
    # Nine bytes around the text, two brackets and eleven more around all: the first two rows fit to the byte.
    fits = (BODY_LIMIT - len('{"inputs":[]}') - len(',{"x":""}{"x":""}')) // 2
    extra = (BODY_LIMIT - len('{"inputs":[]}') - len(',{"x":""}{"x":""}')) % 2
    exact = [{"x": "a" * fits}, {"x": "a" * (fits + extra)}, {"x": "b"}]
    made = bodies(exact, 10_000)
    assert len(made[0].content) == BODY_LIMIT
    assert [body.first_row for body in made] == [0, 2]
    exact[0]["x"] += "a"
    assert [body.first_row for body in bodies(exact, 10_000)] == [0, 1]
    # What fits in no body goes alone, for the server to refuse.
    huge = [{"x": "a"}, {"x": "a" * BODY_LIMIT}, {"x": "b"}]
    assert [body.first_row for body in bodies(huge, 10_000)] == [0, 1, 2]


def test_neither_data_frame_library_nor_numpy_is_imported() -> None:
    script = (
        "import sys, volary; from volary._rows import bodies; bodies([{'a': 1.5, 'b': None}], 1);"
        "assert not {'pandas', 'polars', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
