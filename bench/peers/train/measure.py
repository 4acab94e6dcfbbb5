"""Runs a command, and writes how long it took, what it took of the processor, and the most memory that it held.

python measure.py FIGURES INPUT COMMAND...
"""

import json
import os
import subprocess
import sys
import time

figures, source, *command = sys.argv[1:]
with open(source, "rb") as stdin:
    started = time.perf_counter()
    child = subprocess.Popen(command, stdin=stdin)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - started
with open(figures, "w", encoding="utf-8") as out:
    cpu = usage.ru_utime + usage.ru_stime
    json.dump({"seconds": seconds, "cpu_seconds": cpu, "peak_mb": usage.ru_maxrss / 1024}, out)
# What a signal ended has a negative code.
sys.exit(abs(os.waitstatus_to_exitcode(status)))
