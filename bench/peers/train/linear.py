"""A table of numbers and their weighted sum as Parquet, and scikit-learn's linear regression of it.

python linear.py make FILE ROWS COLUMNS
python linear.py fit FILE
"""

import json
import sys
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sklearn.linear_model import LinearRegression

# Rows of a row group.
GROUP = 100_000


def make(file, rows, columns):
    random = np.random.default_rng(0)
    weights = random.normal(size=columns)
    names = [f"x{place}" for place in range(columns)] + ["y"]
    writer = None
    for begin in range(0, rows, GROUP):
        x = random.normal(size=(min(GROUP, rows - begin), columns))
        y = x @ weights + random.normal(size=len(x))
        group = pa.table([*(pa.array(column) for column in x.T.copy()), pa.array(y)], names=names)
        writer = writer or pq.ParquetWriter(file, group.schema)
        writer.write_table(group)
    writer.close()


def fit(file):
    started = time.perf_counter()
    table = pd.read_parquet(file)
    # As many rows as the other side learns from.
    table = table.iloc[: len(table) * 4 // 5]
    LinearRegression().fit(table.drop(columns=["y"]), table["y"])
    json.dump({"seconds": time.perf_counter() - started}, sys.stdout)


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
    else:
        fit(sys.argv[2])
