"""A server leaves and comes back, and no user notices."""

from __future__ import annotations

import threading
import time

import pytest

from stagegate.errors import Refused, StepFailed
from tests.servers.haproxy import asking, needs_haproxy, running, until
from tests.unit.haproxy.helpers import Site

pytestmark = needs_haproxy


def test_no_request_fails_while_every_server_is_replaced_in_turn(site: Site) -> None:
    with asking(site.proxy.port) as users:
        until(lambda: len(users.served) == 3)
        for backend in site.proxy.backends * 2:
            closed = site.do("close", backend.name)
            assert closed["changed"]
            backend.stop()
            served = users.served[backend.name]
            backend.start()
            assert users.served[backend.name] == served
            opened = site.do("open", backend.name)
            assert opened["evidence"]["after"]["status"] == "UP"
            until(lambda b=backend, n=served: users.served[b.name] > n)
    assert users.failed == []
    assert users.total() > 100


def test_a_closed_server_is_in_maintenance_and_the_ledger_says_so(site: Site) -> None:
    closed = site.do("close")
    assert site.proxy.admin("app1") == 1
    assert closed["evidence"]["others_serving"] == ["app2", "app3"]
    assert site.kinds("close:app1") == ["intent", "done"]
    state = site.entries("close:app1")[-1].state
    assert (state["server"], state["admin"], state["was"]) == ("app1", "maint", "ready")


def test_a_request_under_way_ends_before_its_server_is_closed(site: Site) -> None:
    with asking(site.proxy.port, users=1, path="/slow/0.6") as users:
        until(lambda: "app1," in site.proxy.says("show stat sparkle 4 -1"))
        until(lambda: sessions(site, "app1") == 1)
        closed = site.do("close")
        assert 0.1 < closed["evidence"]["waited"] < 2
    assert closed["evidence"]["sessions_ended"] == 0
    assert users.failed == []


def test_what_outlasts_the_drain_is_ended_and_counted(site: Site) -> None:
    site.noun["drain_within"] = 0.3
    with asking(site.proxy.port, users=6, path="/slow/2") as users:
        until(lambda: sessions(site, "app1") == 2)
        closed = site.do("close")
        users.over.set()
    assert closed["evidence"]["sessions_ended"] == 2
    assert 0.3 <= closed["evidence"]["waited"] < 1.8
    assert len(users.failed) == 2


def test_a_user_whose_cookie_names_the_server_goes_on_elsewhere(site: Site) -> None:
    import http.client

    link = http.client.HTTPConnection("127.0.0.1", site.proxy.port, timeout=10)
    site.do("close")
    for _ in range(3):
        link.request("GET", "/", headers={"Cookie": "server=app1"})
        assert link.getresponse().read() in (b"app2", b"app3")
    link.close()


def test_closing_twice_changes_once(site: Site) -> None:
    assert site.do("close")["changed"]
    assert not site.do("close")["changed"]
    assert site.do("open")["changed"]
    assert not site.do("open")["changed"]


def test_a_server_gets_nobody_before_the_proxy_found_it_well(site: Site) -> None:
    backend = site.proxy.backends[0]
    site.do("close")
    backend.stop()
    with asking(site.proxy.port) as users:
        later = threading.Timer(0.7, backend.start)
        later.start()
        opened = site.do("open")
        later.join()
        until(lambda: "app1" in users.served)
    assert opened["evidence"]["waited"] > 0.6
    assert users.failed == []


def test_a_server_that_does_not_become_well_is_shut_again(site: Site) -> None:
    site.noun["ready_within"] = 0.5
    site.do("close")
    site.proxy.backends[0].stop()
    with asking(site.proxy.port) as users, pytest.raises(StepFailed, match="does not find") as told:
        site.do("open")
    assert users.failed == []
    assert site.proxy.admin("app1") == 1
    assert "maintenance" in told.value.now
    assert site.kinds("open:app1") == ["intent", "failed"]


def test_a_server_that_is_open_but_down_is_not_called_open(site: Site) -> None:
    site.noun["ready_within"] = 0.5
    site.proxy.backends[0].stop()
    until(lambda: "app1" in site.proxy.says("show stat sparkle 4 -1") and down(site, "app1"))
    with pytest.raises(StepFailed, match="does not find sparkle/app1 well"):
        site.do("open")


def test_on_the_way_back_a_door_that_nobody_closed_stays_open(site: Site) -> None:
    site.noun["ready_within"] = 0.5
    site.proxy.backends[0].stop()
    until(lambda: "app1" in site.proxy.says("show stat sparkle 4 -1") and down(site, "app1"))
    assert not site.do("open", phase="rollback")["changed"]
    assert site.proxy.admin("app1") == 0
    site.proxy.backends[0].start()
    until(lambda: not down(site, "app1"))
    site.do("close", phase="rollback")
    site.proxy.backends[0].stop()
    with pytest.raises(StepFailed, match="does not find sparkle/app1 well"):
        site.do("open", phase="rollback")


def test_a_server_of_weight_zero_is_not_called_open(site: Site) -> None:
    site.do("close")
    site.do("weight", weight=0)
    with pytest.raises(StepFailed, match="its weight is 0"):
        site.do("open")
    assert site.proxy.admin("app1") == 1


def test_the_last_healthy_server_is_not_closed(site: Site) -> None:
    site.do("close", "app2")
    site.proxy.backends[2].stop()
    until(lambda: down(site, "app3"))
    with asking(site.proxy.port) as users:
        with pytest.raises(Refused, match="sparkle/app1 is the last healthy server") as refused:
            site.do("close")
        until(lambda: users.served.get("app1", 0) > 10)
    assert "app2 MAINT" in refused.value.what
    assert "app3 DOWN" in refused.value.what
    assert users.failed == []
    assert site.proxy.admin("app1") == 0
    assert site.kinds("close:app1") == ["intent", "failed"]


def test_a_pool_of_one_is_closed_only_with_leave(short_path) -> None:
    with running(short_path, names=("app1",)) as proxy:
        site = Site(short_path, proxy)
        with pytest.raises(Refused, match="the others: there are none"):
            site.do("close")
        assert proxy.admin("app1") == 0
        site.do("close", last="allow")
        assert proxy.admin("app1") == 1


def test_an_emergency_server_does_not_count_as_another(short_path) -> None:
    with running(short_path, names=("app1",)) as proxy:
        proxy.stop()
        proxy.more = f"  server sorry 127.0.0.1:{proxy.backends[0].port} backup check inter 100ms\n"
        proxy.start()
        until(proxy.healthy)
        with pytest.raises(Refused, match="last healthy"):
            Site(short_path, proxy).do("close")


def test_a_server_that_serves_nobody_may_always_be_closed(site: Site) -> None:
    for backend in site.proxy.backends:
        backend.stop()
    until(lambda: all(down(site, b.name) for b in site.proxy.backends))
    site.do("close")
    assert site.proxy.admin("app1") == 1


def test_a_lost_host_is_shut_at_once_also_when_it_is_the_last(site: Site) -> None:
    site.do("close", "app2")
    site.do("close", "app3")
    with asking(site.proxy.port, users=2, path="/slow/5") as users:
        until(lambda: sessions(site, "app1") == 2)
        begun = time.monotonic()
        shut = site.do("shut", phase="rollback")
        assert time.monotonic() - begun < 1.5
        users.over.set()
    assert site.proxy.admin("app1") == 1
    assert shut["evidence"]["sessions_ended"] == 2
    assert shut["evidence"]["others_serving"] == []
    assert site.kinds("shut:app1") == ["intent", "done"]


def test_check_mode_looks_and_changes_nothing(site: Site) -> None:
    told = site.do("close", check_mode=True)
    assert told["changed"]
    assert told["diff"]["before"] == "ready\n"
    assert told["diff"]["after"] == "maint\n"
    assert not site.do("open", check_mode=True)["changed"]
    assert site.do("announce", check_mode=True)["changed"]
    assert site.do("weight", check_mode=True, weight=50)["diff"]["after"] == "weight 50\n"
    assert site.proxy.admin("app1") == 0
    assert site.entries() == []


def test_check_mode_refuses_the_last_healthy_server_too(site: Site) -> None:
    site.do("close", "app2")
    site.do("close", "app3")
    with pytest.raises(Refused, match="last healthy"):
        site.do("close", check_mode=True)


def test_the_opening_is_announced_where_users_write(site: Site) -> None:
    site.do("announce", phase="admit")
    done = site.entries("open")[-1]
    assert (done.phase, done.kind) == ("admit", "done")
    assert done.state == {"doors": "haproxy", "host": "lb1", "server": "sparkle/app1"}
    assert site.proxy.admin("app1") == 0


def sessions(site: Site, server: str) -> int:
    """How many requests a server has under way."""
    lines = site.proxy.says("show stat sparkle 4 -1").splitlines()
    return next(int(line.split(",")[4]) for line in lines if line.startswith(f"sparkle,{server},"))


def down(site: Site, server: str) -> bool:
    """True when the proxy found a server dead."""
    lines = site.proxy.says("show stat sparkle 4 -1").splitlines()
    return any(line.startswith(f"sparkle,{server},") and ",DOWN," in line for line in lines)
