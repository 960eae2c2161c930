"""A verified backup, and its parts alone, beside the bare commands for the same."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.databases import data_directory, scratch
from tests.bench.model import NotMeasuredError, Outcome, Row, Sample, Target
from tests.bench.site import FILE, FILLED
from tests.bench.timing import (
    Contestant,
    interleaved,
    median_cpu,
    median_wall,
    run_act,
    run_commands,
)

SQLITE = "sqlite3"
BACKUP_PEER = "sqlite3 .backup + integrity_check"
TARGET = Target(1.5)
FLAT = Target(1.2)
FLAT_FROM = 100
"""Megabytes from which on the page caches are full, so that memory may not grow any more."""


@dataclass(frozen=True)
class Runs:
    """How often a size is measured: the whole backup, and its parts alone."""

    whole: int
    parts: int


@dataclass
class Bench:
    """The contestants over one database; every copy is removed before the next one is made."""

    data: Path
    place: Path
    number: int = field(default=0)

    @property
    def database(self) -> str:
        """The filled database."""
        return str(self.data / FILLED / FILE)

    def fresh(self) -> Path:
        """An empty directory; what earlier contestants left is removed."""
        for left in self.place.iterdir():
            shutil.rmtree(left)
        self.number += 1
        place = self.place / str(self.number)
        place.mkdir()
        return place

    def ours(self) -> Sample:
        """The whole backup."""
        return run_act("backup", str(self.data), str(self.fresh() / "state"))

    def sqlite_backup(self) -> Sample:
        """What a careful script does."""
        copy = self.fresh() / FILE
        return run_commands(
            [SQLITE, self.database, f".backup {copy}"],
            [SQLITE, str(copy), "PRAGMA integrity_check"],
        )

    def plain_copy(self) -> Sample:
        """What a careless script does."""
        return run_commands(["cp", self.database, str(self.fresh() / FILE)])

    def fingerprint(self) -> Sample:
        """The digest of every table."""
        return run_act("fingerprint", self.database)

    def sqlite_digest(self) -> Sample:
        """SQLite's own digest of the content, in C."""
        return run_commands([SQLITE, self.database, ".sha3sum"])

    def drill(self) -> Sample:
        """A backup restored and proved."""
        return run_act("drill", self.database, str(self.fresh()))

    def plain_drill(self) -> Sample:
        """A backup restored and asked for its structure alone."""
        copy = str(self.fresh() / FILE)
        check = [SQLITE, copy, "PRAGMA integrity_check"]
        return run_commands(["cp", self.database, copy], check)


def measure(sizes: Sequence[int]) -> Outcome:
    """Measure every size, in megabytes."""
    outcome, peaks = Outcome(), dict[int, Sample]()
    for size in sizes:
        if shutil.which(SQLITE) is None:
            outcome.missing.append("backup: there is no sqlite3 on PATH to compare with")
            break
        try:
            peaks[size] = measure_size(size, outcome)
        except NotMeasuredError as reason:
            outcome.missing.append(f"backup of {size} MB: {reason}")
    add_memory(peaks, outcome)
    return outcome


def runs_of(size: int) -> Runs:
    """More runs where they are short."""
    if size <= 20:
        return Runs(9, 5)
    return Runs(5, 3) if size <= 200 else Runs(3, 1)


def measure_size(size: int, outcome: Outcome) -> Sample:
    """Add the lines of one size; return one of our backups with the most memory that any held."""
    data, runs = data_directory(size), runs_of(size)
    with scratch() as place:
        bench = Bench(data, place)
        whole: dict[str, Contestant] = {
            "ours": bench.ours,
            BACKUP_PEER: bench.sqlite_backup,
            "cp": bench.plain_copy,
        }
        samples = interleaved(whole, runs.whole)
        fingerprints = {"ours": bench.fingerprint, "sqlite3 .sha3sum": bench.sqlite_digest}
        drills = {"ours": bench.drill, "cp + integrity_check": bench.plain_drill}
        parts = [
            ("fingerprint alone", interleaved(fingerprints, runs.parts)),
            ("restore drill alone", interleaved(drills, runs.parts)),
        ]
    add_row(outcome, f"verified backup, {size} MB", samples, BACKUP_PEER, TARGET)
    add_cpu(outcome, f"verified backup, {size} MB", samples)
    add_row(outcome, f"verified backup, {size} MB", samples, "cp")
    for what, taken in parts:
        add_row(outcome, f"{what}, {size} MB", taken, list(taken)[1])
    return max(samples["ours"], key=lambda sample: sample.peak)


def add_row(
    outcome: Outcome,
    what: str,
    samples: dict[str, list[Sample]],
    peer: str,
    target: Target | None = None,
) -> None:
    """Add a line of wall times."""
    ours, theirs = median_wall(samples["ours"]), median_wall(samples[peer])
    outcome.rows.append(Row(what, "s", ours, theirs, peer, len(samples[peer]), target))


def add_cpu(outcome: Outcome, what: str, samples: dict[str, list[Sample]]) -> None:
    """Add a line of processor times: ours works on two processors at once, the peer on one."""
    ours, theirs = median_cpu(samples["ours"]), median_cpu(samples[BACKUP_PEER])
    runs = len(samples[BACKUP_PEER])
    outcome.rows.append(Row(what, "CPU s", ours, theirs, BACKUP_PEER, runs))


def add_memory(peaks: dict[int, Sample], outcome: Outcome) -> None:
    """Add a line for every size whose caches are full, beside the smallest one of them."""
    for size, sample in peaks.items():
        outcome.details.append(f"peak memory of a backup of {size} MB: {sample.peak >> 20} MiB")
    sizes = sorted(size for size in peaks if size >= FLAT_FROM)
    for size in sizes[1:]:
        what = f"peak memory of a backup, {size} MB"
        ours, peer = (peaks[s].peak / 2**20 for s in (size, sizes[0]))
        name = f"the same, {sizes[0]} MB"
        outcome.rows.append(Row(what, "MiB", ours, peer, name, runs_of(size).whole, FLAT))
