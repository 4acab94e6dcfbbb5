"""Makes expected.json: what scikit-learn says about the runs that tests/it/sklearn.rs trains.

    python3 -m venv venv && venv/bin/pip install scikit-learn==1.9.1 pandas numpy
    venv/bin/python crates/trainer/tests/sklearn/compare.py

Nothing here is shared with the Rust code. The split and the encoding are written again from their descriptions
(`trainer::split`, docs/reference/training.md), and scikit-learn solves. Beside that, scikit-learn's own pipeline is
fitted on the same split, as somebody would write it by hand.
"""

import json
import pathlib
import struct

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

HERE = pathlib.Path(__file__).parent
ROOT = HERE.parents[3]
CASES = {
    "california_housing": dict(file=ROOT / "demo/california_housing.csv.gz", target="median_house_value", fraction=0.2, seed=42),
    "titanic": dict(file=HERE.parent / "data/titanic.csv", target="Fare", fraction=0.25, seed=7),
}
MIN_ROWS, MAX_CATEGORIES, ID_LIKE_ROWS = 3, 50, 20


def chacha20_words(seed):
    """64-bit words of the ChaCha20 key stream: key = seed and zeros, nonce 0, counter from 0."""
    mask = 0xFFFFFFFF
    key = struct.unpack("<8I", seed.to_bytes(8, "little") + bytes(24))
    rounds = [(0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)]
    for counter in range(1 << 32):
        start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *key, counter, 0, 0, 0]
        x = list(start)
        for _ in range(10):
            for a, b, c, d in rounds:
                for left, add, turn, shift in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                    x[left] = (x[left] + x[add]) & mask
                    x[turn] ^= x[left]
                    x[turn] = (x[turn] << shift | x[turn] >> (32 - shift)) & mask
        words = [(a + b) & mask for a, b in zip(x, start)]
        for low, high in zip(words[::2], words[1::2]):
            yield high << 32 | low


def split(count, fraction, seed):
    order = list(range(count))
    words = chacha20_words(seed)
    for place in range(count - 1, 0, -1):
        other = next(words) * (place + 1) >> 64
        order[place], order[other] = order[other], order[place]
    held_out = min(max(int(np.floor(count * fraction + 0.5)), 1), count - 1)
    return np.sort(order[held_out:]), np.sort(order[:held_out])


def encode(table, train, columns):
    """The encoded matrix of all rows, by column name, and the columns that are left out."""
    encoded, dropped = {}, []
    for name in columns:
        column = table[name]
        seen = column.iloc[train]
        if pd.api.types.is_numeric_dtype(column):
            median = seen.median()
            filled = column.fillna(median)
            mean, std = filled.iloc[train].mean(), filled.iloc[train].std(ddof=0)
            encoded[name] = (filled - mean) / std
            continue
        present = column.dropna()
        if len(present) >= ID_LIKE_ROWS and present.nunique() == len(present):
            dropped.append(name)
            continue
        counts = sorted(seen.dropna().value_counts().items(), key=lambda item: (-item[1], item[0]))
        kept = sorted(value for value, count in counts[:MAX_CATEGORIES] if count >= MIN_ROWS)
        filled = column.fillna(counts[0][0])
        for value in kept[1:]:
            encoded[f"{name} = {value}"] = (filled == value).astype(float)
        if len(counts) > len(kept):
            encoded[f"{name} = other"] = (~filled.isin(kept)).astype(float)
    return pd.DataFrame(encoded), dropped


def pipeline_r2(table, target, columns, train, test):
    numeric = [name for name in columns if pd.api.types.is_numeric_dtype(table[name])]
    text = [name for name in columns if name not in numeric]
    hot = OneHotEncoder(drop="first", min_frequency=MIN_ROWS, max_categories=MAX_CATEGORIES + 1, handle_unknown="infrequent_if_exist")
    model = make_pipeline(
        ColumnTransformer([
            ("numeric", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numeric),
            ("text", make_pipeline(SimpleImputer(strategy="most_frequent"), hot), text),
        ]),
        LinearRegression(),
    )
    model.fit(table[columns].iloc[train], target[train])
    return r2_score(target[test], model.predict(table[columns].iloc[test]))


def compare(file, target, fraction, seed):
    table = pd.read_csv(file)
    y = table[target].to_numpy(dtype=float)
    train, test = split(len(table), fraction, seed)
    matrix, dropped = encode(table, train, [name for name in table.columns if name != target])
    model = LinearRegression().fit(matrix.iloc[train], y[train])
    predictions = model.predict(matrix.iloc[test])
    used = [name for name in table.columns if name != target and name not in dropped]
    return dict(
        target=target,
        test_fraction=fraction,
        seed=seed,
        train_rows=len(train),
        test_rows=[int(row) for row in test[:50]],
        test_rows_sum=int(test.sum()),
        dropped=dropped,
        intercept=model.intercept_,
        coefficients=dict(zip(matrix.columns, model.coef_)),
        first_test_row=json.loads(table[used].iloc[test[0]].to_json()),
        predictions=list(predictions[:: max(1, len(predictions) // 400)]),
        predictions_sum=predictions.sum(),
        r2=r2_score(y[test], predictions),
        rmse=mean_squared_error(y[test], predictions) ** 0.5,
        mae=mean_absolute_error(y[test], predictions),
        baseline_r2=r2_score(y[test], np.full(len(test), y[train].mean())),
        pipeline_r2=pipeline_r2(table, y, used, train, test),
    )


if __name__ == "__main__":
    expected = {name: compare(**case) for name, case in CASES.items()}
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    for name, case in expected.items():
        print(name, "R2", case["r2"], "pipeline", case["pipeline_r2"], "features", len(case["coefficients"]))
