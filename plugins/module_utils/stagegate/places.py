"""Where a store's data lie: the live ones, the drilled copy, and what a run makes of them.

A place is what a migration and a release are given: the path of a file, or the URL of a database
(libpq's own form, without a password: on its own host a database knows who asks).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlencode

from .errors import BadInput

IN_PLACE = ("postgresql",)
"""Kinds of stores whose live data a migration changes in place, unless it must be undone by a
copy: a shared database cannot be exchanged under users who go on writing to it."""
NAME_LIMIT = 63
"""Bytes that PostgreSQL keeps of a name (NAMEDATALEN - 1)."""


def tag(run: str) -> str:
    """A run's id as a part of a database's name: ``20261122T073000Z-ab12`` loses what a name cannot
    have."""
    return re.sub(r"[^a-z0-9]", "", run.lower())


def in_place(store: Mapping[str, Any], migration_class: str) -> bool:
    """True when the migration runs on the live data themselves."""
    return store["kind"] in IN_PLACE and migration_class != "one_way"


def database_name(store: Mapping[str, Any], run: str, which: str) -> str:
    """The name of a database that a run makes beside the live one.

    ``which`` is drill, gen (the next generation), old (the former one) or failed.
    """
    name = f"{store['database']}_{which}_{tag(run)}"
    if len(name) > NAME_LIMIT:
        raise BadInput(
            f"stores.{store['name']}.database: {store['database']} leaves no room for a run's name",
            next=f"choose a name that is {len(name) - NAME_LIMIT} bytes shorter",
        )
    return name


def url(store: Mapping[str, Any], database: str) -> str:
    """The URL of a database on its own host, over the server's socket."""
    where = {
        "host": store.get("socket") or "/var/run/postgresql",
        "port": store.get("port") or 5432,
    }
    return f"postgresql:///{quote(database)}?{urlencode(where, safe='/')}"


def scratch_copy(store: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """The place of a store's drilled copy, on which a release is rehearsed."""
    if store["kind"] == "postgresql":
        return url(store, database_name(store, str(run["id"]), "drill"))
    name = PurePosixPath(str(store["path"])).name
    return f"{run['state']}/scratch/{run['id']}/{store['name']}/{name}"


def generation(store: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """The place that a run's migration changes: the next generation, or the live data in place."""
    if store["kind"] == "postgresql":
        plan = run.get("plan") or {}
        if in_place(store, str(plan.get("migration_class") or "compatible")):
            return url(store, str(store["database"]))
        return url(store, database_name(store, str(run["id"]), "gen"))
    path = PurePosixPath(str(store["path"]))
    return str(path.parent.parent / "generations" / f"gen-{run['id']}" / path.name)


def is_live(store: Mapping[str, Any], place: str) -> bool:
    """True for the place that the services themselves use."""
    if store["kind"] == "postgresql":
        return place == url(store, str(store["database"]))
    return place == str(store["path"])
