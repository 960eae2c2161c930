"""A copy of the tree in which guards are taken out; the checkout is only read."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .guards import ROOT, Guard

PATIENCE = 300.0
"""Seconds after which the tests of one guard count as hanging."""


@dataclass
class Trial:
    """The copy, and the moment that the next written file is stamped with."""

    root: Path
    stamp: int = 1_000_000_000

    @classmethod
    def made(cls, place: Path) -> Trial:
        """Copy what git knows or would add, and lead to the tools and artifacts of the checkout."""
        root = place / "tree"
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True, text=True).stdout
        for name in filter(None, names.split("\0")):
            source, target = ROOT / name, root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_symlink() or source.is_file():
                shutil.copy2(source, target, follow_symlinks=False)
        for name in (".venv", "artifacts"):
            if (ROOT / name).exists():
                (root / name).symlink_to(ROOT / name)
        return cls(root)

    def red_with_all(self, tests: Sequence[str]) -> list[str]:
        """The tests that fail although no guard is missing, and what went wrong without failing."""
        failed, words = self.run(sorted(set(tests)), 10 * PATIENCE)
        return [*failed, *([words] if words else [])]

    def without(self, guard: Guard) -> tuple[float, list[str], str]:
        """Seconds, the tests that noticed, and why nothing counts where none did."""
        without = guard.without(self.root)
        before = {file: (self.root / file).read_text() for file in without}
        begun = time.monotonic()
        self.write(without)
        try:
            failed, words = self.run(guard.tests)
        finally:
            self.write(before)
        return time.monotonic() - begun, failed, words or "nothing noticed"

    def write(self, texts: Mapping[str, str]) -> None:
        """Write files under a new time stamp, so that nothing compiled from the last is used."""
        self.stamp += 10
        for file, text in texts.items():
            (self.root / file).write_text(text)
            os.utime(self.root / file, (self.stamp, self.stamp))

    def run(self, tests: Sequence[str], patience: float = PATIENCE) -> tuple[list[str], str]:
        """The tests that failed in themselves, and what went wrong outside of a test.

        A test counts by an assertion or an error in its own body: a file that cannot be collected
        and a fixture that breaks prove nothing.
        """
        report = self.root.parent / "report.xml"
        report.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        environment = {**os.environ, "PYTHONPATH": str(self.root / "plugins/module_utils")}
        try:
            done = subprocess.run(
                [*command, f"--junit-xml={report}", *tests],
                cwd=self.root,
                env=environment,
                capture_output=True,
                text=True,
                timeout=patience,
            )
        except subprocess.TimeoutExpired:
            return [], f"no end after {patience:.0f} s"
        if not report.exists():
            return [], f"pytest ended with {done.returncode}: {done.stdout[-300:]}"
        cases = list(ElementTree.parse(report).iter("testcase"))
        failed = [str(case.get("name")) for case in cases if case.find("failure") is not None]
        errors = [str(case.get("name")) for case in cases if case.find("error") is not None]
        if not failed and (errors or not cases):
            return [], f"could not be run: {', '.join(errors) or done.stdout[-300:]}"
        return failed, ""
