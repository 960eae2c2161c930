"""What a user declares of a Redis store, read once and checked."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput

NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
ADDRESS = re.compile(r"[A-Za-z0-9.:-]{1,255}")
UNIT = re.compile(r"[A-Za-z0-9][A-Za-z0-9@_.:-]{0,127}")
MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Store:
    """One Redis server of a system; all its databases belong together.

    It is reached at ``address`` and ``port``, or through ``socket`` when that is given.
    ``expendable`` says that whatever is lost can be computed again: going back then asks nobody.
    ``reserve`` is in bytes.
    """

    name: str
    data: Path
    unit: str
    address: str = "127.0.0.1"
    port: int = 6379
    socket: Path | None = None
    password_file: Path | None = None
    owner: str = ""
    reserve: int = 64 * MEGABYTE
    expendable: bool = False

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Store:
        """Read the parameter ``store``; raise BadInput naming the key that is wrong."""
        name = str(params.get("name") or "")
        if not NAME.fullmatch(name):
            raise BadInput(f"stores[].name: {name!r} is not a name (a-z, 0-9, - and _)")
        key = f"stores.{name}"
        port = whole(params.get("port"), 6379, f"{key}.port")
        if not 1 <= port <= 65535:
            raise BadInput(f"{key}.port: {port} is no port")
        return cls(
            name=name,
            data=plain_path(params.get("data"), f"{key}.data"),
            unit=matching(UNIT, params.get("unit"), f"{key}.unit").removesuffix(".service"),
            address=matching(ADDRESS, params.get("address") or "127.0.0.1", f"{key}.address"),
            port=port,
            socket=optional_path(params, "socket", key),
            password_file=optional_path(params, "password_file", key),
            owner=str(params.get("owner") or ""),
            reserve=whole(params.get("reserve_mb"), 64, f"{key}.reserve_mb") * MEGABYTE,
            expendable=bool(params.get("expendable", False)),
        )

    @property
    def place(self) -> str:
        """Where the server answers, in words."""
        return str(self.socket) if self.socket else f"{self.address}:{self.port}"

    def owner_ids(self) -> tuple[int, int] | None:
        """The user and group ids that Redis's files must get; None when there is nothing to give.

        Raises BadInput for a user who does not exist, or whom only root could give files to.
        """
        if not self.owner:
            return None
        try:
            account = pwd.getpwnam(self.owner)
        except KeyError as error:
            raise BadInput(
                f"stores.{self.name}.owner: the user {self.owner} does not exist on this host",
                now="nothing was changed",
                untouched="every service and all data",
                next="name the account that Redis runs as (Debian: redis)",
            ) from error
        if os.geteuid() == 0:
            return account.pw_uid, account.pw_gid
        if account.pw_uid == os.geteuid():
            return None
        raise BadInput(
            f"stores.{self.name}.owner: only root can give files to {self.owner}, "
            f"this is user {os.geteuid()}",
            now="nothing was changed",
            untouched="every service and all data",
            next="run with become, or name the user who runs this",
        )


def matching(pattern: re.Pattern[str], value: object, key: str) -> str:
    """A text of a known form. Raises BadInput."""
    text = str(value or "")
    if not pattern.fullmatch(text):
        raise BadInput(f"{key}: {text!r} is not possible")
    return text


def plain_path(value: object, key: str) -> Path:
    """An absolute path without detours. Raises BadInput."""
    text = str(value or "")
    if not text.startswith("/") or text != os.path.normpath(text) or "\0" in text:
        raise BadInput(f"{key}: {text!r} must be an absolute path without .. , . or //")
    return Path(text)


def optional_path(params: Mapping[str, Any], name: str, key: str) -> Path | None:
    """A path that need not be there. Raises BadInput for one that is no path."""
    return plain_path(params[name], f"{key}.{name}") if params.get(name) else None


def whole(value: object, default: int, key: str) -> int:
    """A number that is not negative. Raises BadInput."""
    if value is None:
        return default
    if isinstance(value, bool) or not str(value).isdigit():
        raise BadInput(f"{key}: {value!r} must be a whole number, 0 or more")
    return int(str(value))
