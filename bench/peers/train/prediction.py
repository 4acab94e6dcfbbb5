"""Rows of a table as JSON, and how long onnxruntime takes to predict one of them with an ONNX file, on one thread.

python prediction.py rows TABLE ROWS COUNT
python prediction.py run ONNX ROWS
"""

import json
import statistics
import sys
import time

import numpy as np

# Seconds, at least.
MEASURED = 0.5
ROUNDS = 5


def rows(table, file, count):
    import pandas as pd

    # The last ones, which are as good as any.
    table = pd.read_parquet(table).tail(int(count))
    table.to_json(file, orient="records", double_precision=15)


def run(onnx, file):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    inputs = [(entry.name, np.object_ if "string" in entry.type else np.float64) for entry in session.get_inputs()]
    with open(file, encoding="utf-8") as text:
        feeds = [{name: np.array([[row[name]]], kind) for name, kind in inputs} for row in json.load(text)]
    predictions = [float(session.run(None, feed)[0][0, 0]) for feed in feeds]
    rounds = []
    for _ in range(ROUNDS):
        started, count = time.perf_counter(), 0
        while time.perf_counter() - started < MEASURED:
            for feed in feeds:
                session.run(None, feed)
            count += len(feeds)
        rounds.append((time.perf_counter() - started) * 1e9 / count)
    json.dump({"nanoseconds": statistics.median(rounds), "predictions": predictions}, sys.stdout)


if __name__ == "__main__":
    {"rows": rows, "run": run}[sys.argv[1]](*sys.argv[2:])
