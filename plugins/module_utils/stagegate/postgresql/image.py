"""A dump of one instant, and what the database said of itself at that instant.

One transaction is held while pg_dump works from its snapshot and while the rows are counted and
digested in it. So the manifest speaks of exactly the rows in the dump, whoever writes meanwhile.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..files import fsync_dir, make_private_dir
from ..store.copying import digest_file
from ..store.space import Need
from .access import opened, program_url, tools_for
from .catalog import read_schema
from .client import Connection, rows, value
from .content import read_content, read_sequences, snapshot
from .databases import ADMIN_DATABASE, read_database
from .drill import restore_image
from .manifest import FILE, PIN, VERSION, Manifest, write_manifest
from .programs import Bounds, Tools, run_program
from .room import data_directory, dump_bytes, refuse_no_room
from .session import options
from .task import Task

ROLES = (
    "SELECT DISTINCT r.rolname FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid "
    "WHERE s.refclassid = 'pg_authid'::regclass "
    "AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1"
)


def take_image(task: Task, source: str, directory: Path, taken: str, drill: str = "") -> Manifest:
    """Dump a database into a directory of its own; with ``drill`` restore it there and compare.

    Nothing of a failed try is left, and a directory without a manifest is no backup. ``taken`` is
    UTC text. Raises StepFailed, Refused when there is no room, BadInput when a finished backup is
    there already.
    """
    clear(directory)
    make_private_dir(directory)
    partial = directory / f"{task.live}.dump.partial"
    final = directory / f"{task.live}.dump"
    try:
        with opened(task, source) as connection:
            refuse_no_room(task.store, rooms(task, connection, source, directory, bool(drill)))
            described = dump_described(task, connection, source, partial)
        partial.rename(final)
        fsync_dir(directory)
        manifest = Manifest(
            **described,
            version=VERSION,
            absent=False,
            store=task.store.name,
            run=task.run.id,
            database=task.live,
            source=source,
            file=final.name,
            taken=taken,
            bytes=final.stat().st_size,
            sha256=digest_file(final),
        )
        if drill:
            restore_image(task, final, manifest, drill)
        else:
            read_through(task, final)
        write_manifest(directory, manifest)
    except BaseException:
        clear(directory)
        raise
    return manifest


def rooms(
    task: Task, connection: Connection, source: str, directory: Path, drill: bool
) -> list[Need]:
    """The room that a dump needs, and its drilled copy."""
    needs = [Need(directory, dump_bytes(connection))]
    if drill:
        size = read_database(connection, source).bytes
        needs.append(Need(data_directory(connection), size))
    return needs


def clear(directory: Path) -> None:
    """Remove what an unfinished backup left. Raises BadInput for a finished one."""
    if not directory.exists():
        return
    if (directory / FILE).exists() or (directory / PIN).exists():
        raise BadInput(
            f"{directory} holds a finished backup already",
            now="it was left as it is",
            untouched="the live database",
            next="back up under another run, or resume this one",
        )
    for left in directory.iterdir():
        left.unlink()
    directory.rmdir()


def dump_described(task: Task, connection: Connection, source: str, target: Path) -> dict[str, Any]:
    """Dump one instant of a database while that same instant is described.

    No session is opened meanwhile: connecting changes the account of the whole process.
    """
    tools = tools_for(connection)
    with snapshot(connection) as name, ThreadPoolExecutor(1) as aside:
        # Sequences belong to no snapshot. Read before the dump reads them they are never ahead of
        # it, and after the snapshot was taken never behind its rows.
        sequences = read_sequences(connection)
        dumped = aside.submit(dump, task, tools, source, target, name)
        described = describe(task, connection, source)
        dumped.result()
    return {**described, "sequences": sequences}


def describe(task: Task, connection: Connection, source: str) -> dict[str, Any]:
    """What a database says of itself at one instant, as the manifest keeps it."""
    schema = read_schema(connection, task.store.is_bookkeeping)
    properties = asdict(read_database(connection, source))
    return {
        "server": connection.info.server_version,
        "cluster": str(value(connection, "SELECT system_identifier FROM pg_control_system()")),
        "schema": schema.fingerprint,
        "objects": schema.objects,
        "tables": read_content(connection, schema),
        "roles": [str(row[0]) for row in rows(connection, ROLES)],
        "properties": {**properties, "acl": list(map(list, properties["acl"]))},
    }


def dump(task: Task, tools: Tools, source: str, target: Path, name: str = "") -> None:
    """Write a dump to a new private file, on the disk when this returns. Raises StepFailed."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(target, flags, 0o600)
    try:
        run_program(
            [
                tools.dump,
                "--format=custom",
                "--no-password",
                f"--lock-wait-timeout={task.store.lock_timeout * 1000}",
                *([f"--snapshot={name}"] if name else []),
                f"--dbname={program_url(task, source, 'dump')}",
            ],
            Bounds(task.deadline, target.parent, task.store.reserve),
            user=task.store.admin,
            settings=options(task.store, "admin", task.deadline),
            writing=descriptor,
        )
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_through(task: Task, file: Path) -> None:
    """Have pg_restore read a whole dump without restoring it. Raises StepFailed."""
    with opened(task, ADMIN_DATABASE) as admin, file.open("rb") as reading:
        run_program(
            [tools_for(admin).restore, "--file=/dev/null"],
            Bounds(task.deadline, file.parent),
            user=task.store.admin,
            reading=reading,
        )
