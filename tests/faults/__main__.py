"""``python -m tests.faults``: cause the faults, and write what came of it."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.faults import page, results
from tests.faults.results import RED, Outcome, of_row, read_outcomes
from tests.faults.rows import LAST, PARTS, Row, RowsInvalidError, read_rows
from tests.faults.run import (
    NothingRanError,
    names_of,
    read_reports,
    run_scenarios,
    run_tests,
)
from tests.faults.swept import of_sweeps


def numbers(words: str) -> set[int]:
    """Read 1-29,51."""
    found: set[int] = set()
    for part in words.split(","):
        match = re.fullmatch(r"(\d{1,3})(?:-(\d{1,3}))?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if not 1 <= first <= last <= LAST:
            raise argparse.ArgumentTypeError(f"{part!r} is no rows such as 51 or 1-29")
        found |= set(range(first, last + 1))
    return found


def arguments(given: Sequence[str]) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--rows", type=numbers, default=set(), help="such as 1-29,51")
    parser.add_argument("--part", choices=PARTS, help="the rows of one part")
    parser.add_argument("--scenarios", action="store_true", help="also those on real machines")
    parser.add_argument(
        "--report", type=Path, action="append", default=[], help="junit of a run of all tests, read"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="say what there is, and run nothing")
    what.add_argument("--page", action="store_true", help="write the page, and run nothing")
    return parser.parse_args(given)


def chosen(rows: Sequence[Row], given: argparse.Namespace) -> list[Row]:
    """The rows that are asked for: all, when none are named."""
    wanted = given.rows or set(range(1, LAST + 1))
    return [row for row in rows if row.number in wanted and given.part in (None, row.part)]


def show(rows: Sequence[Row], outcomes: Mapping[str, Outcome]) -> None:
    """One line for each row."""
    for row in rows:
        outcome = of_row(row, outcomes)
        word = outcome.result if row.not_injected else f"{outcome.result} {outcome.date}".strip()
        print(f"{row.number:3} {row.part:10} {word:16} {row.fault}")
        if outcome.why:
            print(f"{'':15}{outcome.why}")


def run(rows: Sequence[Row], scenarios: bool, reports: Sequence[Path]) -> dict[str, Outcome]:
    """Run the proofs of the rows, or read what a run of all tests gave; returns what each gave."""
    proofs = [proof for row in rows for proof in row.proofs]
    date = datetime.now(UTC).date().isoformat()
    tests = names_of("test", proofs)
    outcomes = read_reports(tests, reports, date) if reports else run_tests(tests, date)
    outcomes |= of_sweeps(names_of("sweep", proofs))
    if scenarios:
        outcomes |= run_scenarios(names_of("scenario", proofs), date)
    return outcomes


def write(rows: Sequence[Row], outcomes: Mapping[str, Outcome]) -> None:
    """Write the results and the page."""
    results.PLACE.write_text(results.text(rows, outcomes), encoding="utf-8")
    page.PLACE.write_text(page.page(rows, outcomes), encoding="utf-8")


def main(given: Sequence[str]) -> int:
    """Do what is asked; returns 1 when a row is red, 2 when nothing could be run."""
    asked = arguments(given)
    try:
        rows = read_rows()
        mine = chosen(rows, asked)
        outcomes = read_outcomes()
        if not asked.list and not asked.page:
            outcomes |= run(mine, asked.scenarios, asked.report)
    except (RowsInvalidError, NothingRanError) as error:
        print(error, file=sys.stderr)
        return 2
    if not asked.list:
        write(rows, outcomes)
    show(mine, outcomes)
    ended = [of_row(row, outcomes).result for row in mine]
    print(", ".join(f"{ended.count(word)} {word}" for word in dict.fromkeys(ended)) or "no rows")
    return 1 if RED in ended and not asked.list and not asked.page else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
