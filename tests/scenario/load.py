"""Users: a writer outside the hosts that logs acknowledged writes, and the check of its log."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

TOOLS = Path(__file__).resolve().parents[2] / "examples/abathur/tools"
RATE = 15
ENDS_WITH_ITS_STARTER = ("setpriv", "--pdeathsig", "TERM")
"""Users of a test that was killed would go on writing to whatever has their address next."""
WRITES_WITHIN = 120.0
FIRST_WRITE_WITHIN = 20.0
STOPS_WITHIN = 30.0


class Load:
    """A writer that runs while a `with` block does; its log outlives it."""

    def __init__(self, url: str, log: Path, tools: Path = TOOLS) -> None:
        self.url = url
        self.log = log
        self._tools = tools
        self._process: subprocess.Popen[str] | None = None
        self.said = ""

    def __enter__(self) -> Load:
        """Start writing; returns once a write was acknowledged."""
        before = self.size()
        argv = ["--url", self.url, "--log", str(self.log), "--rate", str(RATE)]
        self._process = subprocess.Popen(
            [*ENDS_WITH_ITS_STARTER, sys.executable, str(self._tools / "writer.py"), *argv],
            stdout=subprocess.PIPE,
            text=True,
        )
        end = time.monotonic() + FIRST_WRITE_WITHIN
        while self.size() == before:
            assert self._process.poll() is None, "the writer ended"
            assert time.monotonic() < end, f"{self.url} acknowledged no write"
            time.sleep(0.05)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop writing."""
        assert self._process is not None
        self._process.terminate()
        self.said, _ = self._process.communicate(timeout=STOPS_WITHIN)

    def wait_for(self, writes: int) -> None:
        """Return once so many more writes were acknowledged."""
        wanted = self._lines() + writes
        end = time.monotonic() + WRITES_WITHIN
        while self._lines() < wanted:
            assert time.monotonic() < end, f"{self.url}: {writes} writes took too long"
            time.sleep(0.1)

    def _lines(self) -> int:
        return self.log.read_bytes().count(b"\n") if self.log.exists() else 0

    def size(self) -> int:
        """Bytes of the log so far; grows with each acknowledged write."""
        return self.log.stat().st_size if self.log.exists() else 0

    def acknowledged(self) -> int:
        """The number of acknowledged writes of the last block."""
        found = re.search(r"acknowledged writes: (\d+)", self.said)
        return int(found[1]) if found else 0

    def lost(self, accepted: Path | None = None) -> str:
        """What the checker found lost, a line each; empty when every acknowledged write is there.

        `accepted` is an exported delta: the rows that an operator gave up.
        """
        argv = ["--url", self.url, "--log", str(self.log)]
        argv += ["--accepted-delta", str(accepted)] if accepted else []
        done = subprocess.run(
            [sys.executable, str(self._tools / "checker.py"), *argv],
            capture_output=True,
            text=True,
            check=False,
        )
        return "" if done.returncode == 0 else done.stdout + done.stderr
