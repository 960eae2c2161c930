"""Users of sparkle through its door: Locust's, and what they were acknowledged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

TOOLS = Path(__file__).resolve().parents[2] / "examples/sparkle/tools"
USERS = 6
FIRST_WRITE_WITHIN = 60.0
STOPS_WITHIN = 60.0


class Users:
    """Users who come and go while a `with` block runs; the log of what they wrote outlives it."""

    def __init__(self, url: str, scratch: Path, count: int = USERS) -> None:
        self.url = url
        self.log = scratch / "acknowledged.jsonl"
        self.failed: dict[str, int] = {}
        self.requests = 0
        self._count = count
        self._stats = scratch / "load"
        self._said = scratch / "locust.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Users:
        """Let them come; returns once a write was acknowledged."""
        before = self._size()
        program = str(Path(sys.executable).with_name("locust"))
        size = ["--users", str(self._count), "--spawn-rate", str(self._count)]
        argv = [program, "-f", str(TOOLS / "locustfile.py"), "--headless", "--host", self.url]
        with self._said.open("ab") as said:
            self._process = subprocess.Popen(
                [*argv, *size, "--json-file", str(self._stats), "--stop-timeout", "20"],
                env={**os.environ, "SPARKLE_ACK_LOG": str(self.log)},
                stdout=said,
                stderr=said,
            )
        end = time.monotonic() + FIRST_WRITE_WITHIN
        while self._size() == before:
            assert self._process.poll() is None, (
                f"the users ended: {self._said.read_text()[-2000:]}"
            )
            assert time.monotonic() < end, f"{self.url} acknowledged no write"
            time.sleep(0.1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let them go, and count what failed."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(STOPS_WITHIN)
        rows = json.loads(self._stats.with_suffix(".json").read_text(encoding="utf-8"))
        self.requests = sum(row["num_requests"] for row in rows)
        self.failed = {
            f"{row['method']} {row['name']}": row["num_failures"]
            for row in rows
            if row["num_failures"]
        }

    def acknowledged(self) -> int:
        """The number of acknowledged writes so far."""
        return self.log.read_bytes().count(b"\n") if self.log.exists() else 0

    def _size(self) -> int:
        return self.log.stat().st_size if self.log.exists() else 0

    def lost(self, accepted: Path | None = None) -> str:
        """What the checker says is lost; empty when every acknowledged write is there.

        `accepted` is an exported delta: the rows that an operator gave up.
        """
        argv = ["--url", self.url, "--log", str(self.log)]
        argv += ["--accepted-delta", str(accepted)] if accepted else []
        done = subprocess.run(
            [sys.executable, str(TOOLS / "check.py"), *argv],
            capture_output=True,
            text=True,
            check=False,
        )
        return "" if done.returncode == 0 else done.stdout + done.stderr
