"""One act in a process of its own: ``python -m tests.bench.child ACT ARGUMENT...``.

It prints its wall time, the processor time of all its threads and processes, and the most memory
that it held: before the act, at all, and in the largest of its processes.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson

from stagegate.jsonl.rules import Rules
from stagegate.jsonl.scan import run_scan
from stagegate.sqlite.connect import AT_REST, opened
from stagegate.sqlite.drill import drill
from stagegate.sqlite.fingerprint import table_digests
from stagegate.sqlite.model import Store
from stagegate.sqlite.schema import read_schema
from stagegate.sqlite.snapshot import describe
from stagegate.store.copying import copy_file
from tests.bench.site import Site

DEADLINE = 3600.0
Act = Callable[[], object]


def backup(data: str, state: str) -> Act:
    """A backup as a deployment takes it: copied, drilled, compared, recorded."""
    site = Site(Path(data), Path(state))
    return lambda: site.do("backup")


def fingerprint(database: str) -> Act:
    """The digest of every table."""
    with opened(Path(database), AT_REST) as connection:
        schema = read_schema(connection, store_of(database).is_bookkeeping)

    def act() -> None:
        with opened(Path(database), AT_REST) as connection:
            table_digests(connection, schema)

    return act


def drilled(database: str, place: str) -> Act:
    """A backup restored and proved, of a copy of its own: it is read back from the disk."""
    store, backup = store_of(database), Path(place) / "backup.db"
    copy_file(Path(database), backup)
    with opened(backup, AT_REST) as connection:
        snapshot = describe(connection, store.is_bookkeeping)
    return lambda: drill(store, backup, Path(place) / "restored.db", snapshot, DEADLINE)


def store_of(database: str) -> Store:
    """A store whose live database this is."""
    return Store("memory", Path(database))


def validate(path: str, parser: str) -> Act:
    """A whole validation of a JSONL file; raises when a line is bad."""
    return lambda: run_scan(Path(path), Rules(parser=parser)).refuse_bad()


def parse(path: str, parser: str) -> Act:
    """A parser called for each line of a file."""
    loads = {"orjson": orjson.loads, "json": json.loads}[parser]

    def act() -> None:
        with Path(path).open("rb") as lines:
            for line in lines:
                loads(line)

    return act


ACTS: dict[str, Callable[..., Act]] = {
    "validate": validate,
    "parse": parse,
    "backup": backup,
    "fingerprint": fingerprint,
    "drill": drilled,
}


def peak_bytes() -> int:
    """The most memory that this process has held, as the kernel counts it."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def processor_time() -> float:
    """Seconds of all threads, and of the processes that were started and have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main() -> int:
    """Prepare, then measure; returns the exit status."""
    act = ACTS[sys.argv[1]](*sys.argv[2:])
    before, wall, cpu = peak_bytes(), time.perf_counter(), processor_time()
    act()
    spent = {"wall": time.perf_counter() - wall, "cpu": processor_time() - cpu}
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    print(json.dumps({**spent, "peak": peak_bytes(), "before": before, "child": child}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
