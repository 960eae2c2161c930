"""How a host ends, and the whole command, where something did not go as it was begun."""

from __future__ import annotations

from typing import Any

from plugins.filter.rollback import door_keeper, lost_servers
from plugins.filter.stagegate import ended_well, outcome_of

RUN = {"exclusive": True}
ALL = ["all"]


def host(**more: Any) -> dict[str, Any]:
    """What is known of a host that its run holds."""
    return {"stagegate_run": RUN, "traffic_manager": "haproxy", **more}


WENT = host(stagegate_verdict="green")


def test_a_host_that_no_wave_took_forward_is_not_called_deployed() -> None:
    hosts = {"h1": WENT, "h2": host()}
    assert [outcome_of(name, hosts, ALL) for name in hosts] == ["unfinished", "unfinished"]
    hosts["h2"] = WENT
    assert [outcome_of(name, hosts, ALL) for name in hosts] == ["deployed", "deployed"]


def test_a_command_that_left_a_host_behind_does_not_end_well() -> None:
    hosts = {"h1": WENT, "h2": host()}
    assert not ended_well(list(hosts), hosts, ALL, on_request=False)
    assert ended_well(list(hosts), hosts, ["release"], on_request=False), "a part has no waves"
    hosts["h2"] = host(stagegate_outcome="nothing")
    assert ended_well(list(hosts), hosts, ALL, on_request=False)


def test_a_host_that_does_not_say_how_it_stands_is_shut_out() -> None:
    hosts = {
        "cut off": host(rollback_seen={"unreachable": True}),
        "refuses": host(rollback_seen={"failed": True}),
        "answers": host(rollback_seen={"observed": {}}),
        "no door": host(rollback_seen={"failed": True}, traffic_manager="none"),
    }
    assert lost_servers(list(hosts), hosts) == ["cut off", "refuses"]
    assert door_keeper(list(hosts), hosts) == "answers"
