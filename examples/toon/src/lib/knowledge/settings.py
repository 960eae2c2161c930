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

    Both places have their links resolved once: a data generation switched in while this process
    runs is for the next one.
    """

    facts: Path
    contexts: Path
    host: str
    port: int
    log: Path | None


def read_settings(environment: Mapping[str, str], default: str = "127.0.0.1:8010") -> Settings:
    """Read the settings. Raises StartupError for a missing or misspelt value."""
    host, _, port = environment.get("TOON_LISTEN", default).rpartition(":")
    if not host or not port.isdecimal():
        given = environment.get("TOON_LISTEN")
        raise StartupError(f"TOON_LISTEN must be address:port, not {given!r}")
    log = environment.get("TOON_LOG", "")
    return Settings(
        facts=read_place(environment, "TOON_FACTS", "the file of facts"),
        contexts=read_place(environment, "TOON_CONTEXTS", "the directory of contexts"),
        host=host.strip("[]"),
        port=int(port),
        log=Path(log) if log else None,
    )


def read_place(environment: Mapping[str, str], name: str, what: str) -> Path:
    """Return a place of data, which need not exist yet; the directory that it lies in must."""
    given = environment.get(name, "")
    if not given:
        raise StartupError(f"{name} is not set: name {what}")
    place = Path(given).resolve()
    if not place.parent.is_dir():
        raise StartupError(f"{name}: {place.parent} is not a directory")
    return place
