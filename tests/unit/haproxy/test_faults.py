"""What goes wrong at the door: a lost socket, a forgetful reload, a proxy that is no proxy."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stagegate.errors import BadInput, Refused, StepFailed
from stagegate.haproxy import runtime
from stagegate.haproxy.runtime import Runtime
from tests.servers.haproxy import asking, needs_haproxy, until
from tests.unit.haproxy.helpers import Site


@needs_haproxy
def test_without_its_socket_nothing_is_closed_and_the_ledger_says_so(site: Site) -> None:
    site.proxy.socket.rename(site.place / "elsewhere.sock")
    with asking(site.proxy.port) as users, pytest.raises(StepFailed, match="it is not there"):
        site.do("close")
    assert users.failed == []
    assert site.kinds("close:app1") == ["intent", "failed"]
    (site.place / "elsewhere.sock").rename(site.proxy.socket)
    assert site.proxy.admin("app1") == 0
    assert site.do("close")["changed"]


@needs_haproxy
def test_a_dead_proxy_is_told_from_a_missing_socket(site: Site) -> None:
    site.proxy.stop()
    with pytest.raises(StepFailed, match=r"nobody listens on it|it is not there"):
        site.do("close")


@needs_haproxy
def test_a_reload_forgets_and_the_state_is_set_again(site: Site) -> None:
    site.do("close")
    site.do("weight", "app2", weight=50)
    site.proxy.reload()
    assert site.proxy.admin("app1") == 0
    again = site.do("steady")
    assert again["changed"]
    assert again["evidence"]["set_again"]
    assert site.proxy.admin("app1") == 1
    assert site.do("steady", "app2")["evidence"]["after"]["weight"] == 50
    assert not site.do("steady")["changed"]
    assert site.kinds("steady:app1") == ["intent", "done"] * 2


@needs_haproxy
def test_what_an_earlier_run_closed_is_still_expected(site: Site) -> None:
    site.do("close")
    site.proxy.reload()
    later = Site(site.place, site.proxy, run_id="20261123T073000Z-cd34")
    assert later.do("steady")["changed"]
    assert site.proxy.admin("app1") == 1


@needs_haproxy
def test_a_server_that_somebody_closed_by_hand_is_opened_again(site: Site) -> None:
    site.do("close")
    site.do("open")
    site.proxy.says("set server sparkle/app1 state maint")
    assert site.do("steady")["changed"]
    assert site.proxy.admin("app1") == 0


@needs_haproxy
def test_what_cannot_be_opened_again_is_told(site: Site) -> None:
    site.noun["ready_within"] = 0.5
    site.do("close")
    site.do("open")
    site.proxy.says("set server sparkle/app1 state maint")
    site.proxy.backends[0].stop()
    with pytest.raises(StepFailed, match="was open and is not any more"):
        site.do("steady")
    assert site.kinds("steady:app1") == ["intent", "failed"]


@needs_haproxy
def test_of_a_server_that_no_run_touched_nothing_is_expected(site: Site) -> None:
    site.proxy.says("set server sparkle/app3 state drain")
    told = site.do("steady", "app3")
    assert not told["changed"]
    assert told["evidence"]["expected"] == {"admin": None, "weight": None}
    assert site.proxy.admin("app3") == 8


@needs_haproxy
def test_a_reload_in_the_middle_of_a_drain_does_not_open_the_server(site: Site) -> None:
    site.noun["drain_within"] = 8
    with asking(site.proxy.port, users=3, path="/slow/1.5") as users:
        until(lambda: len(site.proxy.says("show stat sparkle 4 -1")) > 0)
        reload = threading.Timer(0.5, site.proxy.reload)
        reload.start()
        closed = site.do("close")
        reload.join()
        users.over.set()
    assert closed["evidence"]["reloaded"]
    assert closed["evidence"]["repeated"] >= 1
    assert site.proxy.admin("app1") == 1


@needs_haproxy
def test_a_reload_that_loads_states_forgets_nothing(keeping: Site) -> None:
    keeping.do("close")
    keeping.do("weight", "app2", weight=25)
    keeping.proxy.reload()
    assert keeping.proxy.admin("app1") == 1
    assert not keeping.do("steady")["changed"]
    assert not keeping.do("steady", "app2")["changed"]
    keeping.do("open")
    keeping.proxy.reload()
    assert keeping.proxy.admin("app1") == 0


@needs_haproxy
def test_no_request_fails_when_the_proxy_reloads_while_a_server_is_replaced(keeping: Site) -> None:
    backend = keeping.proxy.backends[0]
    with asking(keeping.proxy.port, browsers=True) as users:
        until(lambda: len(users.served) == 3)
        keeping.do("close")
        backend.stop()
        keeping.proxy.reload()
        served = users.total()
        until(lambda: users.total() > served + 20)
        backend.start()
        keeping.do("open")
    assert users.failed == []
    assert users.again <= 4  # the former worker closes the connections that nobody uses


@needs_haproxy
def test_a_weight_that_rounds_is_refused_before_it_rounds_to_nothing(site: Site) -> None:
    site.proxy.stop()
    text = site.proxy.config().replace("weight 100", "weight 1")
    site.proxy.config = lambda: text  # type: ignore[method-assign]
    site.proxy.start()
    with pytest.raises(StepFailed, match="would make it 0"):
        site.do("weight", weight=50)
    assert site.do("weight", weight=100)["evidence"]["after"]["weight"] == 1
    assert site.do("weight", weight=0)["evidence"]["after"]["weight"] == 0


@needs_haproxy
def test_a_share_of_the_traffic_is_what_users_get(site: Site) -> None:
    for name, percent in (("app1", 10), ("app2", 100), ("app3", 0)):
        assert site.do("weight", name, weight=percent)["changed"] == (percent != 100)
    with asking(site.proxy.port) as users:
        until(lambda: users.total() > 250)
    assert users.failed == []
    assert users.served.get("app3", 0) <= 4
    assert 0.05 < users.served["app1"] / users.total() < 0.15


@pytest.mark.parametrize("name", ["app1;disable", "app1\nshow", "", "a b", "-x", "x" * 65, "ä"])
def test_a_name_cannot_carry_a_second_command(tmp_path: Path, name: str) -> None:
    from stagegate.haproxy.model import Door

    with pytest.raises(BadInput, match=r"traffic\.(server|backend)"):
        Door.from_params({"host": "lb1", "backend": name, "server": name or "app1"})


@contextmanager
def false_proxy(place: Path, answer: bytes, more: bool = False) -> Iterator[Path]:
    """Something that answers on a socket like no proxy."""
    path = place / "false.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            link, _ = listener.accept()
            with link:
                link.recv(4096)
                link.sendall(answer)
                try:
                    while more:
                        link.sendall(answer)
                    link.recv(1)
                except OSError:
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path


def test_an_answer_that_never_ends_is_cut_off(short_path: Path) -> None:
    with (
        false_proxy(short_path, b"x" * 65536, more=True) as path,
        pytest.raises(StepFailed, match="longer than"),
    ):
        Runtime(path).ask("show info")


def test_a_proxy_that_says_nothing_is_not_waited_for(short_path: Path) -> None:
    with (
        false_proxy(short_path, b"") as path,
        pytest.raises(StepFailed, match="does not answer `show info`"),
    ):
        Runtime(path, timeout=0.3).ask("show info")


def test_an_answer_is_made_fit_for_a_terminal() -> None:
    assert runtime.printable("a\x1b[31m\nb" + "c" * 500) == "a?[31m b" + "c" * 192


@needs_haproxy
def test_a_socket_that_may_only_look_is_refused(site: Site) -> None:
    site.proxy.stop()
    site.proxy.level = "operator"
    site.proxy.start()
    with pytest.raises(Refused, match="gives the level operator"):
        site.do("probe")
    with pytest.raises(StepFailed, match="Permission denied"):
        site.do("close")
