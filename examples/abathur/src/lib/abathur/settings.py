"""What the environment tells a process of the service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


class StartupError(Exception):
    """The process cannot start; the text is the one line that it leaves on standard error."""


@dataclass(frozen=True)
class Settings:
    """Where a process finds its data and where it can be reached.

    `database` has its links resolved once: a data generation switched in while this process runs is
    for the next one. An empty `embeddings_url` means the service's own embeddings.
    """

    database: Path
    host: str
    port: int
    log: Path | None
    documents: Path | None
    sync_interval: float
    embeddings_url: str


def read_settings(environment: Mapping[str, str], listen: str, default: str) -> Settings:
    """Read the settings; `listen` names the variable with this process's address.

    Raises StartupError for a missing or misspelt value.
    """
    given = environment.get("ABATHUR_DATABASE", "")
    if not given:
        raise StartupError("ABATHUR_DATABASE is not set: name the database file")
    database = Path(given).resolve()
    if not database.is_file():
        raise StartupError(f"{given} is not a file: create it with the release's migrations first")
    host, _, port = environment.get(listen, default).rpartition(":")
    if not host or not port.isdecimal():
        raise StartupError(f"{listen} must be address:port, not {environment.get(listen)!r}")
    log = environment.get("ABATHUR_LOG", "")
    documents = environment.get("ABATHUR_DOCUMENTS", "")
    return Settings(
        database=database,
        host=host.strip("[]"),
        port=int(port),
        log=Path(log) if log else None,
        documents=Path(documents) if documents else None,
        sync_interval=_seconds(environment.get("ABATHUR_SYNC_INTERVAL", "0.5")),
        embeddings_url=environment.get("ABATHUR_EMBEDDINGS_URL", ""),
    )


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.05 <= value <= 3600:
        raise StartupError(f"ABATHUR_SYNC_INTERVAL must be 0.05 to 3600 seconds, not {text!r}")
    return value
