"""What a running server says of itself: its settings, its state, and who is connected."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import StagegateError, StepFailed
from .client import Client, RedisError

LOOK = 0.05
"""Seconds between two looks: of a save or a load Redis tells nobody, it can only be asked."""

SHOWN = 5
OURS = "stagegate/"

SETTINGS = (
    *("dir", "dbfilename", "appendonly", "appenddirname", "appendfilename", "appendfsync"),
    *("aof-load-truncated", "maxmemory", "maxmemory-policy", "save", "databases"),
)


@dataclass(frozen=True)
class Layout:
    """Where a server keeps its data, and in which form."""

    directory: str
    snapshot: str
    appends: bool
    append_directory: str
    append_file: str
    databases: int

    @property
    def rdb(self) -> Path:
        """The snapshot."""
        return Path(self.directory) / self.snapshot

    @property
    def aof(self) -> Path:
        """The directory of the append-only files."""
        return Path(self.directory) / self.append_directory

    def plain(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        return asdict(self)


def info(client: Client, section: str) -> dict[str, str]:
    """One section of INFO."""
    text = client.call("INFO", section).decode("utf-8", "replace")
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {key: value.strip() for key, value in pairs}


def settings(client: Client) -> dict[str, str]:
    """The settings that matter here. Raises StepFailed when the server does not tell them."""
    found: dict[str, str] = {}
    for name in SETTINGS:
        answer = client.call("CONFIG", "GET", name)
        if len(answer) != 2:
            raise StepFailed(f"Redis at {client.place} does not know the setting {name}")
        found[name] = answer[1].decode("utf-8", "replace")
    return found


def layout_of(told: Mapping[str, str]) -> Layout:
    """Where the data lie, from the settings."""
    return Layout(
        directory=told["dir"],
        snapshot=told["dbfilename"],
        appends=told["appendonly"] == "yes",
        append_directory=told["appenddirname"],
        append_file=told["appendfilename"],
        databases=int(told["databases"]),
    )


def key_counts(client: Client) -> dict[int, int]:
    """How many keys each database that has any holds."""
    found = {}
    for name, text in info(client, "keyspace").items():
        if name.startswith("db"):
            fields = dict(part.split("=", 1) for part in text.split(","))
            found[int(name[2:])] = int(fields["keys"])
    return found


def state_of(client: Client) -> dict[str, str]:
    """What changes whenever somebody writes, or the server is started anew."""
    persistence = info(client, "persistence")
    return {
        "instance": info(client, "server")["run_id"],
        "changes": persistence["rdb_changes_since_last_save"],
    }


def wait_until_loaded(client: Client, end: float) -> None:
    """Return once the server has its data. Raises StepFailed at ``end`` (monotonic)."""
    while info(client, "persistence").get("loading") != "0":
        if time.monotonic() > end:
            raise StepFailed(f"Redis at {client.place} has not loaded its data in time")
        time.sleep(LOOK)


def others(client: Client) -> list[str]:
    """Everybody else who is connected, in words; our own questions are none."""
    found = []
    for line in client.call("CLIENT", "LIST").decode("utf-8", "replace").splitlines():
        fields = dict(part.split("=", 1) for part in line.split(" ") if "=" in part)
        if not fields.get("name", "").startswith(OURS):
            name = fields.get("name") or "no name"
            found.append(f"{fields.get('addr')} ({name}, last did {fields.get('cmd')})")
    return found


def refuse_others(client: Client, seconds: float, error: type[StagegateError] = StepFailed) -> None:
    """Raise unless nobody else is connected; those who are just leaving get some seconds."""
    end = time.monotonic() + seconds
    found = others(client)
    while found and time.monotonic() < end:
        time.sleep(LOOK)
        found = others(client)
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise error(
            f"somebody is still connected to Redis at {client.place}: "
            f"{', '.join(found[:SHOWN])}{more}",
            now="nothing was changed",
            untouched="the data of the store",
            next="stop these programs (a worker, a cron job, a shell with redis-cli), "
            "then run the same command again",
        )


def first_refusal(answers: Iterable[Any]) -> RedisError | None:
    """The first refusal in the answers of a pipeline."""
    return next((answer for answer in answers if isinstance(answer, RedisError)), None)
