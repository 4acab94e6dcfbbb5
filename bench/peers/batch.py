"""How many rows a second scikit-learn predicts when it parses them itself: no server, no network, one core."""

import json
import sys
import time

import numpy as np
from linear import fit

ROWS = int(sys.argv[1])
SECONDS = float(sys.argv[2])

row = {"x0": 0.1, "x1": 0.2, "x2": -0.3, "x3": 0.4, "x4": 1.5, "x5": -1.6, "x6": 0.7, "x7": 0.8}
names = list(row)
body = json.dumps({"inputs": [row] * ROWS}, separators=(",", ":"))
model = fit()

started = time.perf_counter()
batches = 0
while time.perf_counter() - started < SECONDS:
    rows = json.loads(body)["inputs"]
    matrix = np.array([[row[name] for name in names] for row in rows])
    json.dumps({"predictions": model.predict(matrix).tolist()})
    batches += 1
print(batches * ROWS / (time.perf_counter() - started))
