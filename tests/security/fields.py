"""Every field of an inventory that the argument specifications name, with a good value in each."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plugins.action.system_validate import system_options

GOOD: dict[str, Any] = {
    "release.digest": "sha256:" + "0" * 64,
    "release.version": "1.1",
    "release.commit": "0" * 40,
    "sign_offs[].expires": "24h",
    "rollout_waves[]": "100%",
}
"""Values of the fields that have a pattern of their own; others are good by their type."""

BY_TYPE: dict[str, Any] = {
    "str": "demo",
    "path": "/srv/demo",
    "int": 1,
    "float": 1.0,
    "bool": True,
    "raw": "1",
}

Way = tuple[Any, ...]


@dataclass(frozen=True)
class Field:
    """One place where a user writes a value: the way to it, and what its specification says."""

    way: Way
    option: Mapping[str, Any]

    @property
    def path(self) -> str:
        """As a message names it: stores[0].path."""
        text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.way)
        return text[1:]

    def planted(self, values: Mapping[str, Any], value: Any) -> dict[str, Any]:
        """The values with another one in this place."""
        changed: Any = copy.deepcopy(dict(values))
        place = changed
        for step in self.way[:-1]:
            place = place[step]
        place[self.way[-1]] = value
        return dict(changed)


@dataclass(frozen=True)
class Definition:
    """A whole system: its specification, a good value for every key, and its fields."""

    name: str
    options: dict[str, Any]
    values: dict[str, Any]
    fields: tuple[Field, ...]


def definitions() -> list[Definition]:
    """As many systems as it takes to use every driver of every family."""
    options = system_options("haproxy")
    inner = options["stores"]["options"]["migrations"]
    families = [options["stores"]["by_kind"], inner["by_kind"], options["release"]["by_kind"]]
    count = max(map(len, families))
    return [defined(number, options, families) for number in range(count)]


def defined(number: int, options: dict[str, Any], families: list[dict[str, Any]]) -> Definition:
    """The system with the n-th driver of each family."""
    store, migrate, release = (sorted(kinds)[number % len(kinds)] for kinds in families)
    chosen = copy.deepcopy(options)
    stores = chosen["stores"]
    choose(stores["options"]["migrations"], migrate)
    choose(stores, store)
    choose(chosen["release"], release)
    fields: list[Field] = []
    values = {name: good(option, (name,), fields) for name, option in chosen.items()}
    for place, kind in (
        (values["stores"][0], store),
        (values["stores"][0]["migrations"], migrate),
        (values["release"], release),
    ):
        place["kind"] = kind
    return Definition(f"{store}-{migrate}-{release}", options, values, tuple(fields))


def choose(option: dict[str, Any], kind: str) -> None:
    """Give an option the keys of one driver."""
    option["options"] = {**option["options"], **option.pop("by_kind").get(kind, {})}


def good(option: Mapping[str, Any], way: Way, fields: list[Field]) -> Any:
    """A good value of an option; every place in it is noted among the fields."""
    kind = option.get("type", "str")
    if kind == "list":
        inner = {**option, "type": option.get("elements", "raw")}
        return [good(inner, (*way, 0), fields)]
    if kind == "dict":
        known = option.get("options")
        if known:
            return {name: good(one, (*way, name), fields) for name, one in known.items()}
        fields.append(Field((*way, "key"), {"type": "raw"}))
        return {"key": "text"}
    field = Field(way, option)
    fields.append(field)
    if option.get("choices"):
        return option["choices"][0]
    return GOOD.get(field.path.replace("[0]", "[]"), BY_TYPE[kind])
