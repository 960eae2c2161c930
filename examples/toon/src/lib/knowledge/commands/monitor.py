"""Say how every component is, a dated line each; exit status 0 only when all are well."""

from __future__ import annotations

import os
from pathlib import Path

from knowledge.monitor import examine
from knowledge.settings import StartupError, read_place
from knowledge.web import refuse


def main(root: Path) -> int:
    """Run the program; returns the exit status."""
    try:
        facts = read_place(os.environ, "TOON_FACTS", "the file of facts")
        contexts = read_place(os.environ, "TOON_CONTEXTS", "the directory of contexts")
    except StartupError as error:
        return refuse("toon-monitor", error)
    report = examine(root, facts, contexts)
    for line in report.lines():
        print(line)
    return 0 if report.well else 1
