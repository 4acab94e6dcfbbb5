"""The real server on an empty data directory."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

T = TypeVar("T")

# Long enough for a private Postgres to be made and migrated on a busy machine.
START_SECONDS = 120
STOP_SECONDS = 30


class RunningServer:
    """Stops when it is left."""

    def __init__(self) -> None:
        binary, site = os.environ.get("VOLARY_BIN"), os.environ.get("VOLARY_SITE_ROOT")
        if not binary or not site:
            raise RuntimeError("VOLARY_BIN and VOLARY_SITE_ROOT are not set: run `cargo xtask test --only python`")
        self._binary = binary
        self._dir = Path(tempfile.mkdtemp(prefix="volary-python-"))
        # When the tests run as root, Postgres runs under another account, which must be able to enter.
        self._dir.chmod(0o755)
        known = {name: value for name, value in os.environ.items() if not name.startswith(("VOLARY_", "DATABASE_URL"))}
        self._env = {
            **known,
            "VOLARY_DATA_DIR": str(self._dir / "data"),
            "VOLARY_SITE_ROOT": site,
            # Where tests receive callbacks.
            "VOLARY_OUTBOUND_ALLOW": "127.0.0.1",
        }

    def __enter__(self) -> RunningServer:
        self._log = (self._dir / "server.log").open("w+")
        self._process = subprocess.Popen(
            [self._binary, "serve", "--listen", "127.0.0.1:0"],
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        try:
            self.url = self._ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._log.close()
        shutil.rmtree(self._dir, ignore_errors=True)

    def stop(self) -> None:
        """Asks it to, so that its Postgres stops with it; insists after a while."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def new_key(self, *scopes: str) -> str:
        arguments = [argument for scope in scopes for argument in ("--scope", scope)]
        made = subprocess.run(
            [self._binary, "keys", "create", "--name", "tests", *arguments],
            env=self._env,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return made.stdout.strip()

    def log(self) -> str:
        return (self._dir / "server.log").read_text()

    def _ready(self) -> str:
        """The address in the line that the server prints once it answers."""
        lines: queue.Queue[str | None] = queue.Queue()
        assert self._process.stdout is not None
        threading.Thread(target=_pump, args=(self._process.stdout, lines), daemon=True).start()
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                line = lines.get(timeout=max(deadline - time.monotonic(), 0))
            except queue.Empty:
                raise RuntimeError(f"the server was not ready within {START_SECONDS} s\n{self._end()}") from None
            if line is None:
                raise RuntimeError(f"the server ended before it was ready\n{self._end()}")
            if line.startswith("volary ready on "):
                return line.split()[-1]

    def _end(self) -> str:
        return "\n".join(self.log().splitlines()[-30:])


def _pump(output: IO[str], lines: queue.Queue[str | None]) -> None:
    try:
        for line in output:
            lines.put(line)
    except ValueError:
        # Closed when the server was stopped.
        pass
    lines.put(None)


def until(what: str, look: Callable[[], T | None], seconds: float = 30) -> T:
    """What `look` finds, once it does."""
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.05)
    return found
