"""One call of the driver of a directory of files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..plain.task import PlainTask
from ..store.expected import own_changes, read_bounds
from ..store.model import Place, place_params
from ..store.task import common_params
from .content import FilesContent


@dataclass(frozen=True)
class Task(PlainTask):
    """What one call is about."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Task:
        """Read the module's parameters; raise BadInput naming the one that is wrong."""
        store = Place(**place_params(params["store"]))
        store.refuse_impossible()
        common = common_params(params)
        declared = own_changes(params)
        mine = declared.get(store.name) if isinstance(declared, Mapping) else declared
        content = FilesContent(
            store=store.name,
            version=common["version"],
            reserve=store.reserve,
            declared=read_bounds(mine, store.name),
        )
        return cls(**common, store=store, content=content)
