"""What the environment tells a process of the service."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict


class StartupError(Exception):
    """The process cannot start; the text is the one line that it leaves on standard error."""


@dataclass(frozen=True)
class Address:
    """Where to listen; port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class Settings:
    """Where a process finds its data and where it can be reached.

    `database` is a URL as libpq takes it; an empty `redis` means that there is no cache. Neither
    holds a password: libpq reads one from the URL's `passfile`, the cache's comes from a file.
    """

    database: str
    listen: Address
    grpc_listen: Address
    redis: str
    redis_password: str
    log: Path | None
    host: str


@dataclass(frozen=True)
class Release:
    """The release whose files these are."""

    version: str


def read_release(root: Path) -> Release:
    """Read the release that is unpacked in `root`."""
    manifest = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
    return Release(version=manifest["version"])


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings; raises StartupError for a missing or misspelt value."""
    redis = environment.get("SPARKLE_REDIS", "")
    if "@" in redis:
        raise StartupError("SPARKLE_REDIS must not hold a password: name its file instead")
    log = environment.get("SPARKLE_LOG", "")
    return Settings(
        database=_database(environment.get("SPARKLE_DATABASE", "")),
        listen=_address(environment, "SPARKLE_LISTEN", "127.0.0.1:8000"),
        grpc_listen=_address(environment, "SPARKLE_GRPC_LISTEN", "127.0.0.1:50051"),
        redis=redis,
        redis_password=_secret(environment.get("SPARKLE_REDIS_PASSWORD_FILE", "")),
        log=Path(log) if log else None,
        host=environment.get("SPARKLE_HOST") or socket.gethostname(),
    )


def _database(url: str) -> str:
    if not url:
        raise StartupError("SPARKLE_DATABASE is not set: name the database by its URL")
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error as error:
        why = str(error).partition("\n")[0]
        raise StartupError(f"SPARKLE_DATABASE is not a URL: {why}") from error
    if "password" in parts:
        raise StartupError("SPARKLE_DATABASE must not hold a password: name a passfile instead")
    return url


def _address(environment: Mapping[str, str], name: str, default: str) -> Address:
    host, _, port = environment.get(name, default).rpartition(":")
    if not host or not port.isdecimal():
        raise StartupError(f"{name} must be address:port, not {environment.get(name)!r}")
    return Address(host.strip("[]"), int(port))


def _secret(file: str) -> str:
    if not file:
        return ""
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise StartupError(f"cannot read the password in {file}: {error.strerror}") from error
