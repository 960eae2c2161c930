"""What a deployment does on a host is decided before it does anything."""

from __future__ import annotations

from typing import Any

import pytest

from stagegate.plan import deployment_plan

STORES: list[dict[str, Any]] = [
    {"name": "facts", "kind": "jsonl", "migrations": {"kind": "command"}},
    {"name": "contexts", "kind": "files", "migrations": {"kind": "command"}},
    {"name": "cache", "kind": "redis"},
]


def plan(pending: dict[str, list[str]], live: str = "1.0", **more: Any) -> dict[str, Any]:
    mend, migration_class = more.get("mend", []), more.get("migration_class", "compatible")
    nouns = {"stores": STORES, "services": [{"name": "api"}], "doors": "none", "mend": mend}
    release = {"version": "1.1", "kind": "archive", "migration_class": migration_class}
    return deployment_plan(release, live, pending, nouns, True)


@pytest.mark.parametrize(
    ("pending", "mend", "migration_class", "migrate", "freeze"),
    [
        ({}, [], "compatible", [], []),
        ({"contexts": ["1"]}, [], "compatible", ["contexts"], []),
        ({"contexts": ["1"]}, [], "one_way", ["contexts"], ["cache"]),
        ({}, ["facts"], "compatible", [], ["facts"]),
        ({"facts": ["1"]}, ["facts"], "compatible", ["facts"], []),
        ({"contexts": ["1"]}, ["facts"], "one_way", ["contexts"], ["cache", "facts"]),
    ],
)
def test_a_store_is_copied_for_its_migration_for_its_way_back_or_to_be_mended(
    pending: dict[str, list[str]],
    mend: list[str],
    migration_class: str,
    migrate: list[str],
    freeze: list[str],
) -> None:
    made = plan(pending, mend=mend, migration_class=migration_class)
    assert (list(made["migrate"]), made["freeze"]) == (migrate, freeze)


def test_what_must_be_mended_is_no_reason_to_do_nothing() -> None:
    assert plan({}, live="1.1")["noop"]
    assert not plan({}, live="1.1", mend=["facts"])["noop"]


def test_a_resumed_run_is_the_same_one_though_its_store_was_mended_meanwhile() -> None:
    assert plan({}, mend=["facts"])["inputs"] == plan({})["inputs"]
