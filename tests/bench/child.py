"""One act in a process of its own: ``python -m tests.bench.child ACT ARGUMENT...``.

It prints its wall time, the processor time of all its threads, and the most memory it held.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

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


ACTS: dict[str, Callable[..., Act]] = {
    "backup": backup,
    "fingerprint": fingerprint,
    "drill": drilled,
}


def peak_bytes() -> int:
    """The most memory that this process has held, as the kernel counts it."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def main() -> int:
    """Prepare, then measure; returns the exit status."""
    act = ACTS[sys.argv[1]](*sys.argv[2:])
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    print(json.dumps({**spent, "peak": peak_bytes()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
