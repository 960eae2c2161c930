"""Bring a database to the schema of an unpacked release, with the release's own yoyo.

For benches, tests and a look at the service by hand; a deployment has its own way.
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType


def load_yoyo(release: Path) -> ModuleType:
    """Import yoyo from the release, not from wherever this interpreter has one."""
    sys.dont_write_bytecode |= sys.pycache_prefix is None
    sys.path.insert(0, str(release / "lib"))
    return import_module("yoyo")


def migrate(release: Path, database: Path, *, back_to: str = "") -> None:
    """Apply what is missing; with `back_to`, take back what came after that migration instead.

    A database that does not exist is created. Raises what yoyo or SQLite raise.
    """
    yoyo = load_yoyo(release)
    migrations = yoyo.read_migrations(str(release / "migrations"))
    with yoyo.get_backend(f"sqlite:///{database.resolve()}") as backend, backend.lock():
        if back_to:
            later = migrations.filter(lambda migration: migration.id > back_to)
            backend.rollback_migrations(backend.to_rollback(later))
        else:
            backend.apply_migrations(backend.to_apply(migrations))


def main() -> int:
    """Migrate from the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--release", type=Path, required=True, help="an unpacked release")
    parser.add_argument("--database", type=Path, required=True)
    parser.add_argument("--back-to", default="", help="the last migration that stays")
    given = parser.parse_args()
    migrate(given.release.resolve(), given.database, back_to=given.back_to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
