"""The observer goes on until every window is judged, whatever happens to it or to a pass."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stagegate.errors import BadInput
from stagegate.observer import under_supervisord, under_systemd
from stagegate.observer.orders import GIVEN, ORDERS, Orders, read_orders, write_orders
from stagegate.observer.passes import run_pass, run_passes
from stagegate.service.processes import runs_with

PLAYBOOK = """\
import json, pathlib, sys, time
place = pathlib.Path(sys.argv[1])
passes = place / "passes"
with passes.open("a") as handle:
    handle.write("x")
{trouble}
left = len(passes.read_text())
(place / "result.json").write_text(json.dumps({{"next": None if left >= {last} else {pause}}}))
"""


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., Orders]]:
    """Orders whose playbook is a program that counts its passes, and is over with the last one."""
    place = tmp_path / "observer"

    def made(last: int, trouble: str = "", pause: float = 0.05, until: float = 4e9) -> Orders:
        program = tmp_path / "playbook.py"
        program.write_text(PLAYBOOK.format(last=last, trouble=trouble, pause=pause))
        command = (sys.executable, str(program), str(place))
        orders = Orders(
            "demo", "r1", tmp_path, place, command, {"PATH": os.environ["PATH"]}, 0.1, until
        )
        write_orders(orders, {"password": "canary"})
        return orders

    yield made
    under_supervisord.end(place)


def passes(orders: Orders) -> int:
    place = orders.place / "passes"
    return len(place.read_text()) if place.exists() else 0


def wait_for(condition: Callable[[], bool], within: float = 20.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def supervisor_runs(orders: Orders) -> bool:
    pid = under_supervisord.read_pid(orders.place / "supervisord.pid")
    return bool(pid) and runs_with(pid, str(orders.place / "supervisord.conf"))


def is_over(orders: Orders) -> bool:
    """True when the last pass said that nothing is left."""
    return orders.result.exists() and orders.result.read_text() == '{"next": null}'


def test_what_it_was_told_is_kept_for_its_owner_alone(make: Callable[..., Orders]) -> None:
    orders = make(1)
    assert read_orders(orders.place / ORDERS) == orders
    assert {p.name: p.stat().st_mode & 0o777 for p in orders.place.iterdir()} == {
        ORDERS: 0o600,
        GIVEN: 0o600,
    }
    assert "canary" not in (orders.place / ORDERS).read_text()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"system": "demo"}', "\x00"])
def test_orders_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    place = tmp_path / ORDERS
    place.write_text(text)
    with pytest.raises(BadInput, match="holds no orders"):
        read_orders(place)


def test_it_looks_until_all_is_judged(make: Callable[..., Orders]) -> None:
    waits: list[float] = []
    assert run_passes(make(3), waits.append) == 3
    assert waits == [0.05, 0.05]


@pytest.mark.parametrize(
    "trouble",
    ["sys.exit(4)", "(place / 'result.json').write_text('{'); sys.exit(0)"],
    ids=["no host answers", "the result is torn"],
)
def test_a_pass_that_tells_nothing_is_tried_again_after_a_pace(
    make: Callable[..., Orders], trouble: str
) -> None:
    orders = make(2, f"if len(passes.read_text()) == 1: {trouble}")
    assert run_pass(orders) == orders.pace
    assert run_pass(orders) is None


def test_a_pass_that_asks_nobody_is_tried_later_and_later_and_not_for_ever(
    make: Callable[..., Orders],
) -> None:
    orders = make(9, "sys.exit(4)")
    assert [run_pass(orders) for _ in range(3)] == pytest.approx([0.1, 0.2, 0.4])
    assert run_pass(make(9, "sys.exit(4)", until=time.time() - 1)) is None


def test_a_playbook_that_is_not_there_is_a_pass_that_tells_nothing(
    make: Callable[..., Orders], tmp_path: Path
) -> None:
    orders = make(1)
    lost = Orders(**{**vars(orders), "command": (str(tmp_path / "gone"),)})
    assert run_pass(lost) == orders.pace
    assert "No such file" in orders.log.read_text()


def test_under_supervisord_it_goes_on_when_it_is_killed_and_ends_by_itself(
    make: Callable[..., Orders],
) -> None:
    orders = make(6, pause=0.3)
    under_supervisord.begin(orders)
    wait_for(lambda: passes(orders) >= 2)
    supervisor = under_supervisord.read_pid(orders.place / "supervisord.pid")
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    wait_for(lambda: is_over(orders), 40)
    wait_for(lambda: not supervisor_runs(orders))
    assert passes(orders) >= 6


def test_a_later_deployment_takes_its_place(make: Callable[..., Orders]) -> None:
    first = make(10_000)
    under_supervisord.begin(first)
    wait_for(lambda: passes(first) >= 1)
    old = under_supervisord.read_pid(first.place / "supervisord.pid")
    second = make(1)
    under_supervisord.begin(second)
    assert not runs_with(old, str(first.place / "supervisord.conf"))
    wait_for(lambda: not supervisor_runs(second))


def test_the_timer_names_the_very_moment_of_the_next_pass(
    make: Callable[..., Orders], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(under_systemd, "told", lambda argv: asked.append(" ".join(argv[1:])))
    monkeypatch.setattr(under_systemd, "UNITS", tmp_path)
    under_systemd.begin(make(1))
    timer = (tmp_path / "stagegate-watch-demo.timer").read_text()
    moment = timer.partition("OnCalendar=")[2].split("\n")[0]
    found = time.mktime(time.strptime(moment, "%Y-%m-%d %H:%M:%S UTC")) - time.timezone
    assert 0 <= found - time.time() <= 2.5
    service = (tmp_path / "stagegate-watch-demo.service").read_text()
    assert "WantedBy=multi-user.target" in service, "a machine that boots makes a pass at once"
    under_systemd.schedule(make(1), None)
    assert asked == [
        "daemon-reload",
        "restart stagegate-watch-demo.timer",
        "enable stagegate-watch-demo.service stagegate-watch-demo.timer",
        "disable stagegate-watch-demo.service",
        "disable --now stagegate-watch-demo.timer",
    ]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing")
def test_the_units_are_what_systemd_understands(
    make: Callable[..., Orders], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_systemd, "UNITS", tmp_path)
    monkeypatch.setattr(under_systemd, "told", lambda argv: None)
    under_systemd.begin(make(1))
    units = [str(tmp_path / f"stagegate-watch-demo.{kind}") for kind in ("service", "timer")]
    done = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True)
    assert [line for line in done.stderr.splitlines() if "stagegate-watch" in line] == []
