"""Two names for one place are found, and nothing else is called one."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from stagegate.clock import SystemClock
from stagegate.overlap import claims_of, overlapping, read_machine, told


def sqlite(path: str) -> dict[str, Any]:
    return {"name": "memory", "kind": "sqlite", "path": path}


def postgresql(**more: Any) -> dict[str, Any]:
    return {"name": "history", "kind": "postgresql", "database": "demo", **more}


REDIS = {"name": "cache", "kind": "redis", "data": "/var/lib/redis", "unit": "redis"}
ONE, OTHER = "one", "other"
PAIRS = [
    # what each of two hosts keeps, whether they are one machine -> the number of overlaps
    (sqlite("/data/current/a.db"), sqlite("/data/current/a.db"), True, 1),
    (sqlite("/data/current/a.db"), sqlite("/data/current/b.db"), True, 1),
    (sqlite("/data/current/a.db"), sqlite("/data/current/a.db"), False, 0),
    (sqlite("/data/a/current/a.db"), sqlite("/data/b/current/a.db"), True, 0),
    (sqlite("/data/current/a.db"), sqlite("/data/facts/current/a.db"), True, 0),
    (sqlite("/data/current/a.db"), sqlite("/data/current/facts/current/a.db"), True, 1),
    (sqlite("/data/generations/x/current/a.db"), sqlite("/data/current/a.db"), True, 1),
    (sqlite("/data/current/a.db"), sqlite("/data-old/current/a.db"), True, 0),
    (postgresql(), postgresql(), True, 1),
    (postgresql(), postgresql(port=5432, socket="/var/run/postgresql"), True, 1),
    (postgresql(), postgresql(port=5433), True, 0),
    (postgresql(), postgresql(database="other"), True, 0),
    (REDIS, REDIS, True, 1),
    (REDIS, sqlite("/var/lib/redis/current/a.db"), True, 1),
]


@pytest.mark.parametrize(("mine", "theirs", "same", "count"), PAIRS)
def test_stores_of_one_machine_have_a_place_each(
    mine: dict[str, Any], theirs: dict[str, Any], same: bool, count: int
) -> None:
    claims = claims_of("h1", ONE, {}, [mine])
    claims += claims_of("h2", ONE if same else OTHER, {}, [theirs])
    assert len(overlapping(claims)) == count


def test_two_stores_of_one_host_overlap_as_those_of_two_do() -> None:
    stores = [sqlite("/data/current/a.db"), {**sqlite("/data/current/b.db"), "name": "notes"}]
    (pair,) = overlapping(claims_of("h1", ONE, {}, stores))
    assert told(pair) == "stores.memory of h1 and stores.notes of h1 are one place: /data"


def test_one_machine_under_two_names_is_called_so() -> None:
    roots = {"state_root": "/var/lib/stagegate/demo"}
    (pair,) = overlapping([*claims_of("h1", ONE, roots, []), *claims_of("h2", ONE, roots, [])])
    assert told(pair).startswith("h1 and h2 are one machine: state_root of both is /var/lib")


def test_machines_that_cannot_be_told_apart_are_not_called_one() -> None:
    stores = [postgresql()]
    assert overlapping([*claims_of("h1", "", {}, stores), *claims_of("h2", "", {}, stores)]) == []


def test_a_machine_is_told_from_a_container_on_it() -> None:
    mine = read_machine(SystemClock())
    assert mine == read_machine(SystemClock())
    code = "from stagegate.clock import SystemClock as C; from stagegate.overlap import *\n"
    ask = [sys.executable, "-c", f"{code}print(read_machine(C()))"]
    assert subprocess.run(ask, capture_output=True, text=True).stdout.strip() == mine
    apart = subprocess.run(["unshare", "-rm", *ask], capture_output=True, text=True)
    assert apart.returncode == 0, apart.stderr
    assert apart.stdout.strip() not in ("", mine)
