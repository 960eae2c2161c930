"""What preflight asks of a store, and every reason to refuse a deployment before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import Refused, StepFailed
from ..store.space import Need, megabytes, refuse_shortage, refuse_unwritable
from .client import Client, connected
from .scratch import PROGRAMS, program
from .server import info, key_counts, settings
from .task import Task
from .unit import Unit

OLDEST = 7
"""The first version whose append-only files begin with a snapshot and are listed by a manifest."""

COPIES_BESIDE_STATE = 4
"""Whole copies of a run: backup, frozen image, the one that is loaded to prove it, evidence."""

COPIES_BESIDE_DATA = 3
"""A snapshot that is being written, and an image with its append-only twin beside the former."""

LOSSES = {
    "always": "none",
    "everysec": "up to the last second",
    "no": "what the kernel had not written yet",
}
"""What a power cut takes of acknowledged writes, by ``appendfsync``."""


def probe(task: Task, unit: Unit, act: bool) -> dict[str, Any]:
    """The facts of a store that may be deployed to. Raises Refused; changes nothing.

    With ``act`` each directory is proved by writing a file to it, otherwise (check mode) it is only
    looked at.
    """
    task.store.owner_ids()
    for name in PROGRAMS:
        program(name)
    if not unit.exists():
        raise refused(f"this host has no unit {task.store.unit}", "correct stores[].unit")
    try:
        with connected(task.store, task.client_name) as client:
            facts = ask(client, task)
    except StepFailed as error:
        raise refused(f"stores.{task.store.name}: {error.what}", error.next) from error
    for directory in (task.store.data, *state_places(task)):
        refuse_unwritable(directory, act)
    size = int(facts["bytes"])
    needs = [
        Need(task.run.state / "backups", size * COPIES_BESIDE_STATE),
        Need(task.store.data, size * COPIES_BESIDE_DATA),
    ]
    refuse_shortage(needs, task.store.reserve)
    refuse_no_memory(int(facts["used_memory"]), Path("/proc/meminfo").read_text())
    return facts


def state_places(task: Task) -> list[Path]:
    """The directories of the run's own records that it will write to."""
    return [task.run.state / part for part in ("backups", "evidence", "scratch")]


def ask(client: Client, task: Task) -> dict[str, Any]:
    """Question the server. Raises Refused for one that a rollback could not put back."""
    server, persistence = info(client, "server"), info(client, "persistence")
    replication, memory = info(client, "replication"), info(client, "memory")
    told = settings(client)
    refuse_kind(server, replication, client)
    refuse_place(task, told)
    refuse_unwell(persistence)
    snapshot = Path(told["dir"]) / told["dbfilename"]
    stored = snapshot.stat().st_size if snapshot.is_file() else 0
    return {
        "version": server["redis_version"],
        "role": replication["role"],
        "replicas": int(replication["connected_slaves"]),
        "keys": sum(key_counts(client).values()),
        "databases": {str(n): keys for n, keys in key_counts(client).items()},
        "bytes": max(stored, int(memory["used_memory"])),
        "used_memory": int(memory["used_memory"]),
        "maxmemory": int(told["maxmemory"]),
        "maxmemory_policy": told["maxmemory-policy"],
        "appendonly": told["appendonly"] == "yes",
        "appendfsync": told["appendfsync"],
        "torn_appends_are_loaded": told["aof-load-truncated"] == "yes",
        "save": told["save"],
        "power_cut_loses": what_is_lost(told),
    }


def what_is_lost(told: Mapping[str, str]) -> str:
    """What a power cut takes of acknowledged writes, in words: the report promises no more."""
    if told["appendonly"] == "yes":
        return LOSSES.get(told["appendfsync"], "unknown")
    return "everything since the last snapshot" if told["save"] else "everything"


def refuse_kind(server: Mapping[str, str], replication: Mapping[str, str], client: Client) -> None:
    """Raise Refused for a server of another kind than this driver can put back."""
    major = server["redis_version"].split(".")[0]
    if not major.isdigit() or int(major) < OLDEST:
        raise refused(
            f"Redis {server['redis_version']} is too old: {OLDEST} or later is needed",
            "upgrade Redis",
        )
    if server["redis_mode"] != "standalone":
        raise refused(f"Redis runs as {server['redis_mode']}, only standalone can be put back")
    if replication["role"] != "master":
        raise refused("Redis is a replica: its data come from another server, not from users")
    if client.call("MODULE", "LIST"):
        raise refused("Redis has modules loaded: an image with their types cannot be proved here")


def refuse_place(task: Task, told: Mapping[str, str]) -> None:
    """Raise Refused when the data are elsewhere than declared."""
    if Path(told["dir"]).resolve() != task.store.data.resolve():
        raise refused(
            f"stores.{task.store.name}.data: {task.store.data} is not where Redis keeps its data "
            f"({told['dir']})",
            "correct stores[].data",
        )


def refuse_unwell(persistence: Mapping[str, str]) -> None:
    """Raise Refused for a server that does not keep what it is given."""
    if persistence["loading"] != "0":
        raise refused("Redis is still loading its data", "wait until it is ready")
    for key, what in (
        ("rdb_last_bgsave_status", "snapshot"),
        ("aof_last_write_status", "write to its append-only file"),
        ("aof_last_bgrewrite_status", "rewrite of its append-only file"),
    ):
        if persistence[key] != "ok":
            raise refused(
                f"the last {what} of Redis failed", "see its log: no room, or no memory to fork"
            )


def refuse_no_memory(used: int, meminfo: str) -> None:
    """Raise Refused unless a second server with the same data has room beside the first."""
    words = dict(line.split(":", 1) for line in meminfo.splitlines() if ":" in line)
    free = int(words["MemAvailable"].split()[0]) * 1024
    if free < used:
        raise refused(
            f"not enough memory to prove a backup: a second server needs {used} bytes "
            f"({megabytes(used)} MB), available are {free} bytes ({megabytes(free)} MB)",
            "free memory on this host",
        )


def refused(what: str, after: str = "choose another store, or another driver") -> Refused:
    """A refusal before anything changed."""
    return Refused(
        what, now="nothing was changed", untouched="every service and all data", next=after
    )
