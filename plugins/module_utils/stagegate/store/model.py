"""What a user declares of data that live in generations, read once and checked."""

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
MEGABYTE = 1 << 20
GENERATIONS = "generations"


@dataclass(frozen=True)
class Place:
    """Where the data of one store live.

    ``path`` leads through the live link: ``<root>/current/<name>``. ``alias`` is an optional second
    name, a link that stays for ever. ``reserve`` is in bytes.
    """

    name: str
    path: Path
    alias: Path | None = None
    owner: str = ""
    reserve: int = 64 * MEGABYTE

    @property
    def link(self) -> Path:
        """The live link."""
        return self.path.parent

    @property
    def root(self) -> Path:
        """The data directory: the link and the generations lie in it."""
        return self.link.parent

    @property
    def generations(self) -> Path:
        """Where all generations lie."""
        return self.root / GENERATIONS

    @property
    def file(self) -> str:
        """The name of the data in their generation."""
        return self.path.name

    def refuse_impossible(self) -> None:
        """Raise BadInput when its paths cannot mean a link to a generation."""
        if len(self.path.parts) < 4 or self.link.name == GENERATIONS:
            raise BadInput(
                f"stores.{self.name}.path: {self.path} has no live link; "
                "it must be <data directory>/current/<file>"
            )
        if self.alias is not None and (
            self.alias.parent != self.root or self.alias in (self.link, self.generations)
        ):
            raise BadInput(
                f"stores.{self.name}.alias: {self.alias} must lie in {self.root}, "
                "under a name of its own"
            )

    def owner_ids(self) -> tuple[int, int] | None:
        """The user and group ids files must get; None when there is nothing to give away.

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
                next="create the user, or correct the owner",
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


def store_name(params: Mapping[str, Any]) -> str:
    """The name of a store. Raises BadInput."""
    name = str(params.get("name") or "")
    if not NAME.fullmatch(name):
        raise BadInput(f"stores[].name: {name!r} is not a name (a-z, 0-9, - and _)")
    return name


def place_params(params: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a Place from the parameter ``store``. Raises BadInput naming the wrong key."""
    name = store_name(params)
    alias = params.get("alias")
    return {
        "name": name,
        "path": plain_path(params.get("path"), f"stores.{name}.path"),
        "alias": plain_path(alias, f"stores.{name}.alias") if alias else None,
        "owner": str(params.get("owner") or ""),
        "reserve": whole(params.get("reserve_mb"), 64, f"stores.{name}.reserve_mb") * MEGABYTE,
    }


def plain_path(value: object, key: str) -> Path:
    """An absolute path without detours. Raises BadInput."""
    text = str(value or "")
    if not text.startswith("/") or text != os.path.normpath(text) or "\0" in text:
        raise BadInput(f"{key}: {text!r} must be an absolute path without .. , . or //")
    return Path(text)


def whole(value: object, default: int, key: str) -> int:
    """A number that is not negative. Raises BadInput."""
    if value is None:
        return default
    if isinstance(value, bool) or not str(value).isdigit():
        raise BadInput(f"{key}: {value!r} must be a whole number, 0 or more")
    return int(str(value))


def names_in(value: object, key: str) -> tuple[str, ...]:
    """A list of texts; an empty one where nothing is said. Raises BadInput."""
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
        raise BadInput(f"{key} must be a list of names")
    return tuple(value)


def members(value: object, key: str) -> Mapping[str, Any]:
    """A mapping; an empty one where nothing is said. Raises BadInput."""
    if value is not None and not isinstance(value, Mapping):
        raise BadInput(f"{key} must be a mapping")
    return value or {}


def at_least_one(value: object, default: int, key: str) -> int:
    """How many are kept. Raises BadInput for none: the last backup is never removed."""
    number = whole(value, default, key)
    if number < 1:
        raise BadInput(f"{key} must be 1 or more: the last backup is never removed")
    return number
