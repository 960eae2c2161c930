"""How a host ends, and the whole command, where something did not go as it was begun."""

from __future__ import annotations

from typing import Any

import pytest

from plugins.filter.failure import failure_of, first_failure
from plugins.filter.rollback import door_keeper, lost_servers
from plugins.filter.stagegate import ended_well, outcome_of
from stagegate.record.console import HIDDEN

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


TASK = {"name": "Put the archive on the host", "tags": ["release", "always"]}


def test_a_failure_is_told_by_host_phase_and_task() -> None:
    said = {"failed": True, "msg": "no space", "_ansible_no_log": False}
    words = "Put the archive on the host: no space"
    assert failure_of(said, TASK, "h1") == {"host": "h1", "phase": "release", "msg": words}


def test_the_failed_item_of_a_loop_speaks_for_it() -> None:
    items = [{"msg": "well"}, {"failed": True, "msg": "bad", "stagegate": {"code": 12}}]
    told = failure_of({"failed": True, "msg": "one failed", "results": items}, TASK, "h1")
    assert (told["msg"], told["stagegate"]) == ("Put the archive on the host: bad", {"code": 12})


@pytest.mark.parametrize(
    ("result", "task"),
    [
        ({"failed": True, "stagegate": {"what": "canary"}}, {**TASK, "no_log": True}),
        ({"failed": True, "msg": "canary", "_ansible_no_log": True}, TASK),
        (
            {"failed": True, "results": [{"failed": True, "msg": "canary"}]},
            {**TASK, "no_log": True},
        ),
    ],
)
def test_what_may_hold_a_secret_is_not_told(result: dict[str, Any], task: dict[str, Any]) -> None:
    told = failure_of(result, task, "h1")
    assert told["msg"] == f"Put the archive on the host: {HIDDEN}"
    assert "canary" not in str(told)


def test_a_lost_host_and_one_that_others_ended_have_no_failure_of_their_own() -> None:
    assert failure_of({"unreachable": True, "failed": True, "msg": "gone"}, TASK, "h1") == {}
    assert failure_of({}, {}, "h2") == {}
    hosts = {"h1": {}, "h2": {"stagegate_failure": {}}, "h3": {"stagegate_failure": {"msg": "x"}}}
    assert first_failure(list(hosts), hosts) == {"msg": "x"}
