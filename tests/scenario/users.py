"""Users of sparkle through its door: Locust's, and what they were acknowledged."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.scenario.load import ENDS_WITH_ITS_STARTER

TOOLS = Path(__file__).resolve().parents[2] / "examples/sparkle/tools"
USERS = 6
WRITES_WITHIN = 120.0
STOPS_WITHIN = 60.0


class Users:
    """Users who come and go while a `with` block runs; the log of what they wrote outlives it.

    Of the last block: `requests` is their number, `failed` counts those that failed by what was
    asked for and `failed_at` by the second in which they ended, `slowest` took so many seconds.
    """

    def __init__(self, url: str, scratch: Path, count: int = USERS) -> None:
        self.url = url
        self.log = scratch / "acknowledged.jsonl"
        self.requests = 0
        self.failed: dict[str, int] = {}
        self.failed_at: Counter[int] = Counter()
        self.slowest = 0.0
        self._count = count
        self._stats = scratch / "load.json"
        self._said = scratch / "locust.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Users:
        """Let them come; returns once a write was acknowledged."""
        self._stats.unlink(missing_ok=True)
        program = str(Path(sys.executable).with_name("locust"))
        size = ["--users", str(self._count), "--spawn-rate", str(self._count)]
        argv = [program, "-f", str(TOOLS / "locustfile.py"), "--headless", "--host", self.url]
        # Locust puts the .json there by itself.
        kept = ["--json-file", str(self._stats.with_suffix("")), "--stop-timeout", "20"]
        with self._said.open("ab") as said:
            self._process = subprocess.Popen(
                [*ENDS_WITH_ITS_STARTER, *argv, *size, *kept],
                env={**os.environ, "SPARKLE_ACK_LOG": str(self.log)},
                stdout=said,
                stderr=said,
            )
        try:
            self.wait_for(1)
        except BaseException:
            self._process.kill()
            raise
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
        try:
            self._process.wait(STOPS_WITHIN)
        finally:
            self._process.kill()
        self._count_up(json.loads(self._stats.read_text(encoding="utf-8")))

    def _count_up(self, rows: list[dict[str, Any]]) -> None:
        self.requests = sum(row["num_requests"] for row in rows)
        self.slowest = max(row["max_response_time"] for row in rows) / 1000
        bad = [row for row in rows if row["num_failures"]]
        self.failed = {f"{row['method']} {row['name']}": row["num_failures"] for row in bad}
        self.failed_at = Counter()
        for row in bad:
            self.failed_at.update({int(at): n for at, n in row["num_fail_per_sec"].items()})

    def failed_outside(self, begin: float, end: float) -> dict[int, int]:
        """The failed requests that ended before or after a time, by the second.

        Locust keeps whole seconds, so one is given at the end.
        """
        return {at: n for at, n in self.failed_at.items() if not int(begin) <= at <= end + 1}

    def wait_for(self, writes: int) -> None:
        """Return once so many more writes were acknowledged."""
        assert self._process is not None
        wanted = self.acknowledged() + writes
        end = time.monotonic() + WRITES_WITHIN
        while self.acknowledged() < wanted:
            assert self._process.poll() is None, (
                f"the users ended: {self._said.read_text(encoding='utf-8')[-2000:]}"
            )
            assert time.monotonic() < end, f"{self.url}: {writes} writes took too long"
            time.sleep(0.1)

    def acknowledged(self) -> int:
        """The number of acknowledged writes so far."""
        return self.log.read_bytes().count(b"\n") if self.log.exists() else 0

    def keys(self) -> set[str]:
        """The keys of all messages that were acknowledged."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return {json.loads(line)["key"] for line in lines}

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
