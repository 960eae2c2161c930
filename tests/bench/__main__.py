"""``python -m tests.bench``: measure, print one table, and with ``--write`` put it on the page."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

from tests.bench import backup, deployment, gates, hosts, jsonl, rollback
from tests.bench.machine import facts, load
from tests.bench.model import Outcome
from tests.bench.page import PAGE, write
from tests.bench.table import table

SUBJECTS: dict[str, Callable[[Sequence[int]], Outcome]] = {
    "backup": backup.measure,
    "rollback": rollback.measure,
    "deployment": deployment.measure,
    "hosts": hosts.measure,
    "gates": gates.measure,
    "jsonl": jsonl.measure,
}
SIZES = "10,100,1000"


def megabytes(text: str) -> list[int]:
    """Read 10,100,1000."""
    if not all(part.isdecimal() and int(part) for part in text.split(",")):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of megabytes such as {SIZES}")
    return sorted({int(part) for part in text.split(",")})


def result_lines(outcomes: Sequence[Outcome], load_before: float) -> list[str]:
    """All that was found, as Markdown: facts, what was not measured, details, and the table."""
    found = [line for outcome in outcomes for line in outcome.details]
    missing = [f"not measured: {line}" for outcome in outcomes for line in outcome.missing]
    listed = [f"- {line}" for line in (*facts(load_before), *found, *missing)]
    rows = [row for outcome in outcomes for row in outcome.rows]
    return [*listed, "", *(table(rows) if rows else ["Nothing was measured."])]


def main() -> int:
    """Measure what is asked for; returns 0 whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--only", choices=SUBJECTS, help="measure one subject")
    parser.add_argument("--sizes", type=megabytes, default=SIZES, help="megabytes (%(default)s)")
    parser.add_argument("--write", action="store_true", help=f"put the result into {PAGE.name}")
    given = parser.parse_args()
    if given.write and (given.only or given.sizes != megabytes(SIZES)):
        parser.error("--write needs all subjects and all sizes: a page of parts would mislead")
    outcomes, load_before = [], load()
    for name in [given.only] if given.only else SUBJECTS:
        begin = time.monotonic()
        outcomes.append(SUBJECTS[name](given.sizes))
        print(f"{name}: measured in {time.monotonic() - begin:.0f} s", flush=True)
    lines = result_lines(outcomes, load_before)
    print("\n".join(["", *lines]))
    if given.write:
        write(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main())
