"""A table that trees are good for as Parquet, and as many trees of LightGBM with as many leaves as asked for.

python boosting.py make FILE ROWS COLUMNS
python boosting.py fit FILE TREES LEAVES THREADS
"""

import json
import sys
import time

import lightgbm
import numpy as np
import pandas as pd


def make(file, rows, columns):
    random = np.random.default_rng(0)
    x = random.uniform(size=(rows, columns))
    # Friedman's first function of five of the columns; the others say nothing.
    y = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    table = pd.DataFrame(x, columns=[f"x{place}" for place in range(columns)])
    table["y"] = y + random.normal(size=rows)
    table.to_parquet(file, index=False)


def fit(file, trees, leaves, threads):
    started = time.perf_counter()
    table = pd.read_parquet(file)
    # As many rows as the other side learns from.
    table = table.iloc[: len(table) * 4 // 5]
    data = lightgbm.Dataset(table.drop(columns=["y"]), table["y"])
    params = {"objective": "regression", "num_leaves": leaves, "num_threads": threads, "verbose": -1}
    model = lightgbm.train(params, data, num_boost_round=trees)
    seconds = time.perf_counter() - started
    grown = sum(tree["num_leaves"] for tree in model.dump_model()["tree_info"])
    json.dump({"seconds": seconds, "trees": model.num_trees(), "leaves": grown}, sys.stdout)


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[3:]]
    (make if sys.argv[1] == "make" else fit)(sys.argv[2], *numbers)
