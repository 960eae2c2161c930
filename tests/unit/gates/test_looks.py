"""Looking at a release that is live: each look and each verdict stands in the ledger."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from stagegate.conduct import open_run
from stagegate.gates.act import act
from stagegate.journal import Run, open_journal
from stagegate.ledger import Entry, read_ledger
from tests.unit.gates.helpers import FakeService, services, share_gate

LATER: dict[str, Any] = {"name": "later", "from": 0, "to": 600, "every": 60}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stagegate.gates.windows.SHORTEST_PACE", 0.2)


class Live:
    """A host on which a deployment of 1.1 has just ended, whose window lasts ``seconds``."""

    def __init__(self, state: Path, service: FakeService, seconds: float, **more: Any) -> None:
        self.state, self.service = state, service
        self.windows = [{**LATER, **more}]
        self.scale = seconds / 600
        self.note("preflight", "open", "done", {"plan": {"kind": "deploy", "to": "1.1"}})
        self.begin()
        self.note("report", "close", "terminal", {"verdict": "deployed"})

    def note(
        self, phase: str, step: str, kind: str, state: dict[str, Any], run: str = "r1"
    ) -> None:
        with open_journal(Run(run, 0, "demo", "h1", self.state, False)) as journal:
            journal.note(phase, step, state=state, kind=kind)

    def begin(self) -> None:
        """What the deployment writes down of its later windows."""
        gates = [self.gate()["name"]]
        told = {"name": "later", "begins": 0.0, "ends": 600.0, "every": 1.0, "gates": gates}
        extra = {k: v for k, v in self.windows[0].items() if k in ("on_unknown", "red_after")}
        state = {"windows": [{**told, **extra}], "scale": self.scale, "version": "1.1"}
        self.note("observe", "begin", "observed", state)

    def gate(self) -> dict[str, Any]:
        return share_gate(self.service.base, name="errors")

    def call(self, action: str, **run: Any) -> Any:
        context = {"id": "asked", "epoch": 0, "system": "demo", "host": "h1", "exclusive": False}
        params = {
            "action": action,
            "run": {**context, "state": str(self.state), **run},
            "gates": [self.gate()],
            "services": services(self.service.base),
            "synthetic": None,
            "release": {"version": "1.1"},
            "phase": None,
            "windows": self.windows if action == "window" else [],
            "window_scale": self.scale,
        }
        return act(params, False)["evidence"]

    def watch(self) -> dict[str, Any]:
        """Look as the observer does, until every window is judged; return the last answer."""
        while True:
            told: dict[str, Any] = self.call("look")
            if told["judged"] or told["next"] is None:
                return told
            time.sleep(min(told["next"], 0.05))

    def entries(self) -> list[Entry]:
        return [e for e in read_ledger(self.state / "ledger.jsonl").entries if e.phase == "observe"]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_a_good_release_is_looked_at_until_its_window_is_green(
    state: Path, service: FakeService
) -> None:
    live = Live(state, service, 1.5)
    told = live.watch()
    assert (told["verdict"], told["goes_back"], told["next"]) == ("green", False, None)
    looks = [e for e in live.entries() if e.step == "look:later"]
    assert len(looks) >= 3
    last = live.entries()[-1]
    assert (last.run, last.step, last.kind) == ("r1", "later", "done")
    assert last.evidence["looks"] == len(looks)
    assert len(last.evidence["gates"][0]["samples"]) == len(looks)
    assert all(len(e.line()) < 2000 for e in looks)


def test_a_regression_in_the_middle_ends_the_window_and_asks_to_go_back(
    state: Path, service: FakeService
) -> None:
    live = Live(state, service, 60)
    assert live.call("look")["judged"] == []
    service.errors = 30
    told = live.watch()
    assert (told["verdict"], told["goes_back"]) == ("red", True)
    assert "gate errors" in told["judged"][0]["reason"]
    assert live.entries()[-1].kind == "failed"
    assert live.entries()[-1].evidence["error"]["next"].startswith("ansible-playbook")


def test_a_window_in_which_nothing_answers_is_unknown_and_never_green(
    state: Path, service: FakeService
) -> None:
    service.fault = service.health_fault = "500"
    told = Live(state, service, 1.0).watch()
    assert (told["verdict"], told["goes_back"]) == ("unknown", False)
    assert "no look gave a measurement" in told["judged"][0]["reason"]


def test_a_window_that_may_not_be_unknown_goes_back(state: Path, service: FakeService) -> None:
    service.fault = service.health_fault = "500"
    assert Live(state, service, 1.0, on_unknown="red").watch()["goes_back"]


def test_a_window_that_nobody_looked_at_is_unknown(state: Path, service: FakeService) -> None:
    live = Live(state, service, 0.05)
    time.sleep(0.1)
    told = live.call("look")
    assert (told["verdict"], told["judged"][0]["reason"]) == ("unknown", "nobody looked")


def test_a_host_that_a_run_holds_is_not_looked_at(state: Path, service: FakeService) -> None:
    live = Live(state, service, 600)
    live.note("preflight", "open", "done", {"plan": {"kind": "deploy", "to": "1.2"}}, run="r2")
    told = live.call("look")
    assert (told["judged"], told["next"]) == ([], 10.0)
    assert [e.step for e in live.entries()] == ["begin"]


def test_nothing_is_asked_of_a_release_that_went_back(state: Path, service: FakeService) -> None:
    live = Live(state, service, 600)
    live.note("rollback", "reopen", "observed", {})
    live.note("report", "close", "terminal", {"verdict": "restored"})
    assert live.call("look")["next"] is None


def test_a_deployment_writes_its_later_windows_down_before_it_ends(
    state: Path, service: FakeService
) -> None:
    live = Live(state, service, 600)
    run = Run("r2", 0, "demo", "h1", state)
    epoch = open_run(run, {"kind": "deploy", "to": "1.1"}, {"operator": "night shift"}, False)
    told = live.call("window", id="r2", epoch=epoch, exclusive=True)
    assert (told["watched"], told["pace"], told["lasting"]) == (["later"], 60.0, 600.0)
    begin = live.entries()[-1]
    assert (begin.run, begin.step, begin.state["version"]) == ("r2", "begin", "1.1")
    assert begin.state["windows"][0]["gates"] == ["errors"]


def test_a_single_phase_hands_nothing_over(state: Path, service: FakeService) -> None:
    live = Live(state, service, 600)
    assert live.call("window")["watched"] == []
