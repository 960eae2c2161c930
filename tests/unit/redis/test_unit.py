"""The server's unit: what systemd is told, and when its answer is believed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from stagegate.errors import StepFailed
from stagegate.redis import unit
from stagegate.redis.unit import SystemdUnit
from stagegate.service.systemd import Said, Systemd


class Systemctl:
    """systemctl whose unit goes through given states, one for each look."""

    def __init__(self, *states: str, load: str = "loaded", refuses: str = "") -> None:
        self.states = list(states)
        self.load = load
        self.refuses = refuses
        self.calls: list[str] = []

    def __call__(self, argv: Sequence[str]) -> Said:
        words = [word for word in argv if not word.startswith("--p") and word != "--no-pager"]
        self.calls.append(" ".join(words))
        if self.refuses and self.refuses in words:
            return Said(1, "", "Access denied")
        if "--value" in words:
            return Said(0, "\n", "")
        if words[0] == "journalctl":
            return Said(0, "Can't open the append-only file\n", "")
        if words[1] == "show":
            state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            pid = "7" if state == "active" else "0"
            text = f"LoadState={self.load}\nActiveState={state}\nMainPID={pid}\nResult=exit-code\n"
            return Said(0, f"Id=x\n{text}", "")
        return Said(0, "", "")


def made(systemctl: Systemctl, seconds: float = 5.0) -> SystemdUnit:
    return SystemdUnit("redis-server", seconds, Systemd(systemctl))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks follow each other at once."""
    monkeypatch.setattr(unit, "LOOK", 0.01)


def test_a_start_ends_when_the_server_is_ready() -> None:
    systemctl = Systemctl("inactive", "activating", "active")
    made(systemctl).start()
    assert "systemctl start --no-block -- redis-server.service" in systemctl.calls
    assert sum("show" in call for call in systemctl.calls) == 3


def test_a_server_that_does_not_start_is_told_with_its_last_words() -> None:
    with pytest.raises(StepFailed, match=r"does not start: .*Can't open the append-only file"):
        made(Systemctl("activating", "failed")).start()


def test_a_server_that_is_never_ready_is_not_waited_for() -> None:
    with pytest.raises(StepFailed, match="does not start"):
        made(Systemctl("activating"), seconds=0.05).start()


def test_a_stop_ends_when_nothing_is_left() -> None:
    systemctl = Systemctl("active", "deactivating", "inactive")
    made(systemctl).stop()
    assert "systemctl stop --no-block -- redis-server.service" in systemctl.calls


def test_a_server_that_does_not_stop_is_told() -> None:
    with pytest.raises(StepFailed, match="does not stop"):
        made(Systemctl("active"), seconds=0.05).stop()


def test_what_systemd_refuses_is_told() -> None:
    with pytest.raises(StepFailed, match="Access denied"):
        made(Systemctl("active", refuses="stop")).stop()


def test_an_unknown_unit_is_known_as_such() -> None:
    assert made(Systemctl("active")).exists()
    assert not made(Systemctl("inactive", load="not-found")).exists()
