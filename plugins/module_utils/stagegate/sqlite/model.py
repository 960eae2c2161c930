"""What a user declares of a SQLite store and of a release, read once and checked."""

from __future__ import annotations

import fnmatch
import os
import pwd
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput

NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")
JOURNAL_MODES = ("wal", "delete", "truncate", "persist")
BOOKKEEPING = ("_yoyo*", "yoyo_*", "alembic_version")
"""Tables in which migration tools keep their own account; no rows of the application."""

MEGABYTE = 1 << 20
GENERATIONS = "generations"


@dataclass(frozen=True)
class Store:
    """One SQLite database of a system.

    ``path`` leads through the live link: ``<root>/current/<file>``. ``alias`` is an optional second
    name, a link that stays for ever. ``reserve`` is in bytes. ``accepted_violations`` is how many
    rows may break a foreign key before anyone calls the database broken.
    """

    name: str
    path: Path
    alias: Path | None = None
    owner: str = ""
    journal_mode: str = "wal"
    reserve: int = 64 * MEGABYTE
    tables: tuple[str, ...] = ()
    indexes: tuple[str, ...] = ()
    bookkeeping: tuple[str, ...] = BOOKKEEPING
    accepted_violations: int = 0

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Store:
        """Read the parameter ``store``; raise BadInput naming the key that is wrong."""
        name = str(params.get("name") or "")
        if not NAME.fullmatch(name):
            raise BadInput(f"stores[].name: {name!r} is not a name (a-z, 0-9, - and _)")
        mode = str(params.get("journal_mode") or "wal").lower()
        if mode not in JOURNAL_MODES:
            raise BadInput(
                f"stores.{name}.journal_mode: {mode!r} is not possible, "
                f"only {', '.join(JOURNAL_MODES)}"
            )
        path = plain_path(params.get("path"), f"stores.{name}.path")
        expect = params.get("expect") or {}
        store = cls(
            name=name,
            path=path,
            alias=plain_path(params["alias"], f"stores.{name}.alias")
            if params.get("alias")
            else None,
            owner=str(params.get("owner") or ""),
            journal_mode=mode,
            reserve=whole(params.get("reserve_mb"), 64, f"stores.{name}.reserve_mb") * MEGABYTE,
            tables=tuple(expect.get("tables") or ()),
            indexes=tuple(expect.get("indexes") or ()),
            bookkeeping=BOOKKEEPING + tuple(params.get("bookkeeping") or ()),
            accepted_violations=whole(
                params.get("accepted_violations"), 0, f"stores.{name}.accepted_violations"
            ),
        )
        return store.checked()

    def checked(self) -> Store:
        """The same store. Raises BadInput when its paths cannot mean a link to a generation."""
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
        return self

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
        """The database's file name."""
        return self.path.name

    def is_bookkeeping(self, table: str) -> bool:
        """True for a table of a migration tool."""
        return any(fnmatch.fnmatchcase(table, pattern) for pattern in self.bookkeeping)

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
