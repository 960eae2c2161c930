"""What preflight asks of a store, and every reason to refuse a deployment before it begins."""

from __future__ import annotations

from typing import Any

from ..errors import Refused, StepFailed
from ..ledger import read_ledger
from ..store.space import Need, refuse_unwritable
from .access import opened, tools_for
from .catalog import Schema, read_schema
from .client import Connection, rows, told, value
from .databases import ADMIN_DATABASE, exists, read_database
from .room import data_directory, dump_bytes, needs_of_copies, refuse_no_room
from .task import CHECK, DRILL, FAILED, GENERATION, OLD, Task

OLDEST = 140000
"""The first version that ends a session and waits for it, and notices a client that is gone."""

UNTOUCHED = "every service and all data"
COPIES, COPIES_OF_ONE_WAY = 2, 3
"""Whole databases beside the live one: the drilled copy, one for a question; the generation."""

DUMPS, DUMPS_OF_FROZEN = 2, 4
"""Dumps of one run: backup and forensic image; the final image and the activated state."""

UNLOGGED = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relpersistence = 'u' ORDER BY 1"


def probe(task: Task, act: bool) -> dict[str, Any]:
    """The facts of a store that may be deployed to. Raises Refused; changes nothing.

    With ``act`` each directory is proved by writing a file to it, otherwise (check mode) it is only
    looked at.
    """
    for which in (DRILL, GENERATION, OLD, FAILED, CHECK):
        task.beside(which)  # a name that is too long is told before anything begins
    for part in ("backups", "evidence", "scratch"):
        refuse_unwritable(task.run.state / part, act)
    try:
        with told(f"stores.{task.store.name}"), opened(task, ADMIN_DATABASE) as admin:
            facts = ask_server(task, admin)
            if not exists(admin, task.live):
                refuse_gone(task)
                return {"state": "absent", **facts}
            refuse_busy(task, admin)
            return {"state": "database", **facts, **ask_database(task, admin)}
    except StepFailed as error:
        raise refused(error.what, error.next) from error


def ask_server(task: Task, admin: Connection) -> dict[str, Any]:
    """Question the server itself. Raises Refused."""
    store, version = task.store, admin.info.server_version
    if value(admin, "SELECT pg_is_in_recovery()"):
        raise refused(
            f"the server at {store.socket}:{store.port} is a standby: it takes no writes",
            "deploy to the primary",
        )
    if version < OLDEST:
        raise refused(f"the server is of version {version}, {OLDEST} is the oldest that will do")
    if value(admin, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is not True:
        raise refused(
            f"the role {store.admin} is no superuser: it cannot see and end every session",
            "name one in stores[].admin",
        )
    if value(admin, "SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", store.owner) is not True:
        raise refused(
            f"the role {store.owner} does not exist or may not log in",
            f"create it: createuser {store.owner}",
        )
    tools = tools_for(admin)
    archiving = value(admin, "SHOW archive_mode") != "off"
    if store.wal_archive and not archiving:
        raise refused(
            f"stores.{store.name}.wal_archive is declared, but the server archives no WAL",
            "set archive_mode and archive_command, or take the declaration away",
        )
    return {
        "database": task.live,
        "server": value(admin, "SHOW server_version"),
        "tools": tools.major,
        "wal_archiving": archiving,
        "data_directory": str(data_directory(admin)),
    }


def refuse_gone(task: Task) -> None:
    """Raise Refused when nothing is here, but the ledger knows this database as the live one."""
    run = left_live_by(task)
    if run:
        raise refused(
            f"there is no database {task.live}, but run {run} left it live",
            "find out who renamed or dropped it; its backups are in the state directory",
        )


def left_live_by(task: Task) -> str:
    """The run that last left this database live, by the ledger; empty when none did."""
    entries = read_ledger(task.run.state / "ledger.jsonl").entries
    steps = (f"activate:{task.store.name}", f"restore:{task.store.name}")
    done = [e for e in entries if e.kind == "done" and e.step in steps and "database" in e.state]
    return done[-1].run if done and done[-1].state["database"] is not None else ""


def refuse_busy(task: Task, admin: Connection) -> None:
    """Raise Refused for what would hold a freeze or a rename for ever."""
    prepared = rows(
        admin, "SELECT gid, prepared::text FROM pg_prepared_xacts WHERE database = %s", task.live
    )
    if prepared:
        raise refused(
            f"{task.live} has prepared transactions that nobody ended: "
            + ", ".join(f"{gid} (since {since})" for gid, since in prepared[:5]),
            "COMMIT PREPARED or ROLLBACK PREPARED each of them",
        )
    slots = rows(admin, "SELECT slot_name FROM pg_replication_slots WHERE database = %s", task.live)
    slots += rows(
        admin,
        "SELECT subname FROM pg_subscription WHERE subdbid = "
        "(SELECT oid FROM pg_database WHERE datname = %s)",
        task.live,
    )
    if slots and task.migration_class != "compatible":
        raise refused(
            f"{task.live} is replicated logically ({', '.join(name for (name,) in slots)}): that "
            "would end or stay with the former database at a freeze or a switch",
            "drop it for the deployment, or make the migration a compatible one",
        )


def ask_database(task: Task, admin: Connection) -> dict[str, Any]:
    """Question the live database, beside its users. Raises Refused."""
    database = read_database(admin, task.live)
    with opened(task, task.live) as live:
        schema = read_schema(live, task.store.is_bookkeeping)
        unlogged = [str(row[0]) for row in rows(live, UNLOGGED)]
        dumped = dump_bytes(live)
    missing = refuse_unfit(task, schema)
    whole = task.migration_class == "compatible"
    refuse_no_room(
        task.store,
        [
            Need(task.run.state / "backups", dumped * (DUMPS if whole else DUMPS_OF_FROZEN)),
            needs_of_copies(
                data_directory(admin), database, COPIES if task.in_place else COPIES_OF_ONE_WAY
            ),
        ],
    )
    return {
        "bytes": database.bytes,
        "schema": schema.fingerprint,
        "tables": sorted(schema.tables),
        "missing": missing,
        "unlogged": unlogged,
        "closed_by": (database.mark or {}).get("run"),
    }


def refuse_unfit(task: Task, schema: Schema) -> list[str]:
    """Raise Refused for invalid indexes, missing tables and constraints that do not hold.

    Returns the named indexes and constraints that are not there: the release may bring them. A
    database without a table that no run ever used is as its administrator made it: nothing lacks.
    """
    store = task.store
    if schema.invalid:
        raise refused(
            f"{task.live} has invalid indexes: {', '.join(schema.invalid)}",
            "DROP INDEX CONCURRENTLY each of them, or REINDEX INDEX CONCURRENTLY it",
        )
    if not schema.tables and not left_live_by(task):
        return []
    brought = {table for table, rule in task.declared.items() if rule.created}
    missing = [t for t in store.tables if ("table", t) not in schema.named and t not in brought]
    if missing:
        raise refused(
            f"{task.live} lacks the expected tables: {', '.join(missing)}",
            "correct stores[].database, or declare release.expected_changes.<table>.created: true",
        )
    loose = [name for name in store.constraints if schema.named.get(("constraint", name)) is False]
    if loose:
        raise refused(
            f"{task.live} has constraints that are not valid: {', '.join(loose)}",
            "correct the rows and ALTER TABLE ... VALIDATE CONSTRAINT",
        )
    wanted = {"index": store.indexes, "constraint": store.constraints}
    return [n for kind, names in wanted.items() for n in names if (kind, n) not in schema.named]


def refused(what: str, after: str = "") -> Refused:
    """A refusal before anything changed."""
    default = "examine it; nothing is repaired automatically"
    return Refused(what, now="nothing was changed", untouched=UNTOUCHED, next=after or default)
