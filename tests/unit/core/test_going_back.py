"""Which hosts a rollback of shared data waits for."""

from __future__ import annotations

from typing import Any

from plugins.filter.rollback import not_back, unheld

BACK = {"hold": True, "data": True}


def host(*facts: str, services: int = 1, stores: int = 0, **more: Any) -> dict[str, Any]:
    return {
        "services": ["api"] * services,
        "stores": ["history"] * stores,
        "rollback_way": BACK,
        **dict.fromkeys(facts, True),
        **more,
    }


def test_a_host_with_stores_of_its_own_waits_for_no_other_wave() -> None:
    hosts = {"h1": host(stores=1), "h2": host("rollback_data_back", stores=1)}
    assert not_back(list(hosts), hosts) == []


def test_nothing_starts_before_the_keeper_of_shared_data_put_them_back() -> None:
    hosts = {"db": host(services=0, stores=1), "lb": host(services=0), "app": host()}
    assert not_back(list(hosts), hosts) == ["db"]
    hosts["db"]["rollback_data_back"] = True
    assert not_back(list(hosts), hosts) == []


def test_a_host_that_is_not_known_to_be_held_counts_as_one_that_writes() -> None:
    hosts = {
        "held": host("rollback_held"),
        "failed": host(),
        "lost": host(rollback_way=None),
        "done": host(rollback_way={"hold": False}),
    }
    assert unheld(list(hosts), hosts) == ["failed", "lost"]
