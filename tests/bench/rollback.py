"""Going back before users were let in: as fast for large data as for small."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from stagegate.errors import StagegateError
from tests.bench.databases import data_directory, scratch
from tests.bench.model import NotMeasuredError, Outcome, Row, Sample, Target
from tests.bench.site import FILE, FILLED, Site
from tests.bench.timing import Contestant, interleaved, median_wall, run_commands

SMALL = 1
RUNS = 21
COPIES = 3
TARGET = Target(1.2)
MIGRATION = "ALTER TABLE sessions ADD COLUMN bench TEXT"


def measure(sizes: Sequence[int]) -> Outcome:
    """Compare the largest of the sizes (megabytes) with the smallest database there can be."""
    outcome, large = Outcome(), max(sizes)
    try:
        with scratch() as place:
            compare(place, large, outcome)
    except (NotMeasuredError, StagegateError) as reason:
        outcome.missing.append(f"rollback of {large} MB: {reason}")
    return outcome


def compare(place: Path, large: int, outcome: Outcome) -> None:
    """Add the two lines: the large one beside the small one, and beside copying it back."""
    if large <= SMALL:
        raise NotMeasuredError(f"it is compared with {SMALL} MB, and must be larger")
    sites = {size: deployed(place / str(size), size) for size in (SMALL, large)}
    flips: dict[str, Contestant] = {str(size): flip_of(site) for size, site in sites.items()}
    taken = interleaved(flips, RUNS)
    ours, small = median_wall(taken[str(large)]), median_wall(taken[str(SMALL)])
    copies = interleaved({"cp": copy_of(sites[large], place)}, COPIES)["cp"]
    what = f"rollback of the data, {large} MB"
    outcome.rows += [
        Row(what, "s", ours, small, f"the same, {SMALL} MB", RUNS, TARGET),
        Row(what, "s", ours, median_wall(copies), "cp of the backup, and sync", COPIES),
    ]


def deployed(place: Path, size: int) -> Site:
    """A host of its own on which a migrated generation of so many megabytes is sealed."""
    filled = data_directory(size) / FILLED / FILE
    site = Site(place / "data", place / "state")
    site.filled.parent.mkdir(parents=True)
    shutil.copyfile(filled, site.filled)
    site.live.parent.symlink_to(FILLED)
    staged = site.do("stage")
    with closing(sqlite3.connect(staged["state"]["database"])) as connection:
        connection.execute(MIGRATION)
    site.do("seal")
    (site.state / "guard").touch()
    return site


def flip_of(site: Site) -> Contestant:
    """Go forward, then back; only the way back is measured, as the core does it."""

    def flip() -> Sample:
        site.do("activate")
        wall, cpu = time.perf_counter(), time.process_time()
        state = site.do("restore")["state"]
        sample = Sample(time.perf_counter() - wall, time.process_time() - cpu)
        if state["to_target"] != FILLED:
            raise NotMeasuredError(f"the link leads to {state['to_target']}")
        return sample

    return flip


def copy_of(site: Site, place: Path) -> Contestant:
    """Put a backup back by copying it, and wait for the disk."""

    def copy() -> Sample:
        target = str(place / "copied.db")
        return run_commands(["cp", str(site.filled), target], ["sync", target])

    return copy
