"""The acts of the module: what they refuse, and what stands in the ledger afterwards."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import BadInput, GateRed, GateUnknown, Refused
from stagegate.gates.act import act
from stagegate.gates.prometheus_text import parse
from stagegate.journal import Run, open_journal
from stagegate.ledger import Entry, read_ledger
from tests.unit.gates.helpers import (
    FakeService,
    free_port,
    gate,
    histogram_gate,
    json_gate,
    services,
    share_gate,
)

PROJECT = Path(__file__).resolve().parents[3]


class Host:
    """A host with its ledger, its service and its gates."""

    def __init__(self, state: Path, service: FakeService) -> None:
        self.state, self.service = state, service
        self.log = state.parent / "app.jsonl"
        self.gates = [
            histogram_gate(
                service.base,
                name="p99",
                target=50,
                relative={"to": "baseline", "max_factor": 3, "ignore_below": 20},
            ),
            share_gate(service.base, name="errors"),
            gate(
                {"kind": "log", "path": str(self.log), "match": {"level": "error"}},
                name="log",
                statistic="delta",
                limit=0,
                samples={"min": 1, "for": 0.1, "every": 0.05},
            ),
        ]

    def act(self, action: str, run: str = "r1", check_mode: bool = False, **more: Any) -> Any:
        """Call the module."""
        return act(self.params(action, run, **more), check_mode)["evidence"]

    def params(self, action: str, run: str = "r1", **more: Any) -> dict[str, Any]:
        """What the module is given."""
        context = {
            "id": run,
            "epoch": 0,
            "system": "demo",
            "host": "h1",
            "state": str(self.state),
            "exclusive": False,
        }
        return {
            "action": action,
            "run": context,
            "gates": self.gates,
            "services": services(self.service.base),
            "synthetic": None,
            "release": {"version": "1.1"},
            "phase": None,
            "windows": [],
            "window_scale": 1.0,
            "notes": {},
            **more,
        }

    def live(self, version: str, run: str = "r0") -> None:
        """Let the ledger say that a release is live, and let it answer."""
        self.service.version = version
        context = Run(run, 0, "demo", "h1", self.state, False)
        with open_journal(context) as journal:
            plan = {"kind": "deploy", "from": "", "to": version}
            journal.note("preflight", "open", state={"plan": plan}, kind="done")
            journal.note("report", "close", state={"verdict": "deployed"}, kind="terminal")

    def write(self, text: str) -> None:
        """Write to the log."""
        with self.log.open("a") as handle:
            handle.write(text)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The ledger."""
        return read_ledger(self.state / "ledger.jsonl").entries

    @property
    def last(self) -> Entry:
        """The last ledger entry."""
        return self.entries[-1]


@pytest.fixture
def host(tmp_path: Path, service: FakeService) -> Host:
    (tmp_path / "state").mkdir()
    return Host(tmp_path / "state", service)


@pytest.fixture
def deployed(host: Host) -> Host:
    """A host whose baseline is taken and which now runs 1.1."""
    host.write('{"level": "error"}\n' * 5)
    host.live("1.0")
    host.act("baseline")
    host.service.version = "1.1"
    host.write('{"level": "info"}\n')
    return host


def test_a_baseline_is_recorded_with_values_counts_and_offsets(host: Host) -> None:
    host.write('{"level": "error"}\n' * 5)
    host.live("1.0")
    evidence = host.act("baseline")
    entry = host.last
    assert (entry.phase, entry.step, entry.kind) == ("baseline", "measure", "done")
    assert entry.state["baseline"] == "measured"
    assert entry.state["version"] == "1.0"
    figures = entry.state["figures"]
    assert set(figures) == {"p99", "errors"}
    assert figures["p99"]["value"] > 0
    assert figures["p99"]["count"] >= 30
    assert entry.state["logs"][str(host.log)]["offset"] == host.log.stat().st_size
    assert {one["name"] for one in evidence["baseline"]} == {"p99", "errors"}


def test_a_baseline_is_exported_as_metrics(host: Host) -> None:
    host.live("1.0")
    host.act("baseline")
    path = host.state / "metrics/stagegate_baseline.prom"
    scrape = parse(path.read_text())
    [p99] = [s for s in scrape.of("stagegate_baseline") if s.get("gate") == "p99"]
    assert p99.value == host.last.state["figures"]["p99"]["value"]
    assert (p99.get("unit"), p99.get("version"), p99.get("system")) == ("ms", "1.0", "demo")
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_all_of_a_baseline_is_exported(host: Host) -> None:
    host.live("1.0")
    host.act("baseline")
    scrape = parse((host.state / "metrics/stagegate_baseline.prom").read_text())
    figures = host.last.state["figures"]
    for metric, key in (("", "value"), ("_count", "count"), ("_variance", "variance")):
        told = {s.get("gate"): s.value for s in scrape.of(f"stagegate_baseline{metric}")}
        assert told == {name: figure[key] for name, figure in figures.items()}


def test_a_baseline_keeps_the_events_behind_a_share_and_when_it_was_taken(host: Host) -> None:
    host.live("1.0")
    host.act("baseline")
    counts = host.last.state["figures"]["errors"]["counts"]
    assert counts["part"] == 0
    assert counts["total"] == host.last.state["figures"]["errors"]["count"]
    assert abs(host.last.state["began"] - time.time()) < 60


def test_what_is_known_before_a_release_is_kept_with_the_baseline(host: Host) -> None:
    notes = {"known_issues": ["search is slow"], "expected_benefits": ["fewer tokens"]}
    host.live("1.0")
    assert host.act("baseline", notes=notes)["notes"] == notes
    assert host.last.evidence["notes"] == notes


def test_a_gate_that_should_be_kept_is_told_and_goes_on(deployed: Host) -> None:
    deployed.gates[1]["severity"] = "should"
    deployed.service.errors = 9
    evidence = deployed.act("gate")
    [errors] = [one for one in evidence["gates"] if one["name"] == "errors"]
    assert (evidence["verdict"], errors["verdict"], errors["found"]) == ("amber", "amber", "red")
    assert errors["reason"].startswith("red, but it only should be kept: 30 % is above")


def test_a_first_installation_has_no_baseline(host: Host) -> None:
    host.gates[0]["source"]["url"] = f"http://127.0.0.1:{free_port()}/metrics"
    down = services(f"http://127.0.0.1:{free_port()}")
    host.gates = [json_gate("http://127.0.0.1:9", source={"service": "none"}), host.gates[2]]
    assert host.act("baseline", services=down)["state"] == "absent"
    assert host.last.state["baseline"] == "absent"
    assert host.last.state["logs"][str(host.log)]["inode"] is None


def test_after_a_first_installation_only_absolute_limits_are_judged(host: Host) -> None:
    down = services(f"http://127.0.0.1:{free_port()}")
    raws = [*host.gates]
    host.gates = []
    host.act("baseline", services=down)
    host.gates = raws[:1]
    [result] = host.act("gate")["gates"]
    assert result["verdict"] == "green"
    assert "no baseline: absolute only" in result["reason"]


def test_something_that_nobody_deployed_is_not_taken_for_a_first_installation(host: Host) -> None:
    with pytest.raises(Refused, match="the ledger knows of no live release"):
        host.act("baseline")
    assert host.last.kind == "failed"


@pytest.mark.parametrize("fault", ["500", "slow", "missing", "nan"])
def test_without_a_baseline_the_deployment_is_refused(host: Host, fault: str) -> None:
    host.live("1.0")
    host.service.fault = fault
    with pytest.raises(Refused) as caught:
        host.act("baseline")
    assert caught.value.code == 10
    assert "is no baseline on h1: gate p99 is unknown" in caught.value.what
    assert host.last.kind == "failed"
    assert {one["verdict"] for one in host.last.evidence["baseline"]} >= {"unknown"}


def test_without_anybody_to_ask_the_deployment_is_refused(host: Host) -> None:
    host.live("1.0")
    host.gates[0]["source"] |= {"url": f"http://127.0.0.1:{free_port()}/metrics", "service": "app"}
    with pytest.raises(Refused, match=r"gate p99 is unknown: .*no answer") as caught:
        host.act("baseline")
    assert caught.value.code == 10
    assert host.last.kind == "failed"


def test_a_release_that_is_bad_itself_is_no_baseline(host: Host) -> None:
    """Errors 30 %: the next release would look good beside it."""
    host.live("1.0")
    host.service.errors = 9
    with pytest.raises(Refused, match="gate errors is red: 30 % is above the limit 1 %") as caught:
        host.act("baseline")
    assert caught.value.code == 10
    assert not (host.state / "metrics").exists()


def test_a_baseline_of_another_release_than_the_ledger_knows_is_refused(host: Host) -> None:
    host.live("1.0")
    host.service.version = "0.9"
    with pytest.raises(Refused, match=r"app is release 0\.9, not 1\.0"):
        host.act("baseline")


def test_a_good_release_passes_and_its_results_are_in_the_ledger(deployed: Host) -> None:
    evidence = deployed.act("gate")
    entry = deployed.last
    assert (entry.phase, entry.step, entry.kind) == ("gate", "evaluate", "done")
    assert entry.state == {"verdict": "green"}
    assert entry.evidence == evidence
    results = {one["name"]: one for one in entry.evidence["gates"]}
    assert {one["verdict"] for one in results.values()} == {"green"}
    assert results["p99"]["baseline"] > 0
    assert results["log"]["actual"] == 0
    assert entry.evidence["services"]["app"] == {"version": "1.1", "instance": "new"}


def test_a_slow_release_is_red_with_its_samples_in_the_ledger(deployed: Host) -> None:
    deployed.service.slow_events = 3
    with pytest.raises(GateRed) as caught:
        deployed.act("gate")
    assert caught.value.code == 21
    assert caught.value.what.startswith("gate p99 is red on h1: ")
    assert "above the limit 100 ms" in caught.value.what
    entry = deployed.last
    assert (entry.phase, entry.step, entry.kind) == ("gate", "evaluate", "failed")
    [p99] = [one for one in entry.evidence["gates"] if one["name"] == "p99"]
    assert (p99["verdict"], bool(p99["samples"])) == ("red", True)
    assert p99["actual"] > p99["limit"] == 100
    assert entry.evidence["error"]["code"] == 21


def test_an_amber_gate_goes_on_and_is_shown(deployed: Host) -> None:
    deployed.gates = [histogram_gate(deployed.service.base, name="p99", target=1)]
    assert deployed.act("gate")["verdict"] == "amber"
    assert deployed.last.kind == "done"


def test_a_silent_release_is_unknown_and_does_not_pass(deployed: Host) -> None:
    deployed.service.fault = "500"
    with pytest.raises(GateUnknown) as caught:
        deployed.act("gate")
    assert caught.value.code == 22
    assert "HTTP 500" in caught.value.what
    assert "errors" in caught.value.what
    assert deployed.last.kind == "failed"


def test_red_is_told_before_unknown(deployed: Host) -> None:
    deployed.write('{"level": "error"}\n')
    deployed.service.fault = "500"
    with pytest.raises(GateRed, match="gate log is red on h1: 1 is above the limit 0"):
        deployed.act("gate")


def test_one_query_that_fails_makes_the_whole_gate_unknown(deployed: Host) -> None:
    bad = {"kind": "sql", "path": str(deployed.log), "query": "SELECT count(*) FROM nothing"}
    deployed.gates.append(gate(bad, name="rows", samples=None, equals=0))
    with pytest.raises(GateUnknown, match="rows"):
        deployed.act("gate")
    verdicts = {one["name"]: one["verdict"] for one in deployed.last.evidence["gates"]}
    assert verdicts == {"p99": "green", "errors": "green", "log": "green", "rows": "unknown"}


PROGRAM = """
import json, sys
from stagegate.gates.act import act
print("asking", flush=True)
act(json.loads(sys.stdin.readline()), False)
print("passed", flush=True)
"""


def heeding_signals() -> None:
    """A child of what was started in the background would ignore Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_a_gate_that_an_operator_ends_early_does_not_pass(deployed: Host) -> None:
    for one in deployed.gates:
        one["samples"] = {"min": 2, "every": 0.05, "for": 60}
    deployed.gates = deployed.gates[:1]
    running = subprocess.Popen(
        [sys.executable, "-X", "faulthandler", "-c", PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=heeding_signals,  # noqa: PLW1509 - this process has one thread
    )
    assert running.stdin is not None
    running.stdin.write(json.dumps(deployed.params("gate")) + "\n")
    running.stdin.flush()
    until = time.monotonic() + 20
    while deployed.last.step != "evaluate" or not deployed.service.seen["events"]:
        assert time.monotonic() < until
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    try:
        said, error = running.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGABRT)  # it tells what each of its threads is at
        raise AssertionError(running.communicate()[1]) from None
    assert running.returncode != 0
    assert (said, "KeyboardInterrupt" in error) == ("asking\n", True)
    assert [e.kind for e in deployed.entries if e.step == "evaluate"] == ["intent"]
    deployed.service.fault = "500"
    deployed.gates[0]["samples"]["for"] = 0.1
    with pytest.raises(GateUnknown):
        deployed.act("gate")


def test_no_gate_at_all_does_not_pass(deployed: Host) -> None:
    deployed.gates = []
    with pytest.raises(GateUnknown, match="none is defined"):
        deployed.act("gate")


def test_a_phase_asked_alone_compares_with_the_run_that_made_the_release_live(host: Host) -> None:
    host.live("1.0", run="r1")
    host.act("baseline", run="r2")
    host.live("1.1", run="r2")
    host.write('{"level": "info"}\n')
    assert host.act("gate", run="alone")["gates"][0]["baseline"] > 0


def test_a_run_without_its_own_baseline_is_unknown(host: Host) -> None:
    host.service.version = "1.1"
    with pytest.raises(GateUnknown, match="gate p99 is unknown on h1: this run recorded no"):
        host.act("gate")


def test_a_resumed_run_does_not_measure_again(deployed: Host) -> None:
    first = deployed.act("gate")
    deployed.service.fault = "500"
    assert deployed.act("gate") == first
    deployed.gates[0]["target"] = 60
    with pytest.raises(GateUnknown):
        deployed.act("gate")


WINDOWS = [
    {"name": "First minutes", "from": 0, "to": 10, "every": 1},
    {"name": "later", "from": 10, "to": 30, "every": 5, "gates": ["errors"]},
]


def test_windows_are_judged_one_after_the_other(deployed: Host) -> None:
    evidence = deployed.act("window", windows=WINDOWS, window_scale=0.05)
    first, later = evidence["windows"]["first_minutes"], evidence["windows"]["later"]
    assert len(first["gates"]) == 3
    assert [one["name"] for one in later["gates"]] == ["errors"]
    assert (first["scale"], first["of_seconds"]) == (0.05, 10)
    assert 0.5 <= first["seconds"] < 5
    assert (deployed.last.phase, deployed.last.step) == ("observe", "later")


def test_a_red_window_ends_the_observation(deployed: Host) -> None:
    deployed.service.slow_events = 3
    with pytest.raises(GateRed):
        deployed.act("window", windows=WINDOWS, window_scale=0.05)
    assert (deployed.last.step, deployed.last.kind) == ("first_minutes", "failed")


@pytest.mark.parametrize("scale", [0.0, -1.0, 1.5, float("nan"), float("inf")])
def test_a_window_is_never_stretched_or_skipped(deployed: Host, scale: float) -> None:
    with pytest.raises(BadInput, match="window_scale"):
        deployed.act("window", windows=WINDOWS, window_scale=scale)


def test_the_evidence_stays_small(deployed: Host) -> None:
    deployed.gates = [
        json_gate(
            deployed.service.base,
            name=f"gate number {i}",
            samples={"min": 2, "every": 0.05, "for": 1.5},
        )
        for i in range(100)
    ]
    evidence = deployed.act("gate")
    assert len(json.dumps(evidence)) <= 60 * 1024 or not evidence["gates"][0]["samples"]
    assert len(deployed.last.line()) < 64 * 1024 + 4096


def test_check_mode_reads_the_gates_and_writes_nothing(host: Host) -> None:
    for action in ("baseline", "gate", "window"):
        assert host.act(action, check_mode=True)["would_measure"] == ["p99", "errors", "log"]
    assert not (host.state / "ledger.jsonl").exists()
    host.gates[0]["limt"] = 3
    with pytest.raises(BadInput, match="did you mean limit"):
        host.act("gate", check_mode=True)


def test_a_self_test_writes_nothing(host: Host) -> None:
    host.live("1.0")
    host.write("\n")
    before = (host.state / "ledger.jsonl").read_bytes()
    assert [one["answers"] for one in host.act("selftest")["gates"]] == [True, True, True]
    assert (host.state / "ledger.jsonl").read_bytes() == before


def test_a_gate_that_cannot_fail_refuses_the_run(host: Host) -> None:
    host.gates[0]["limit"] = 1e9
    with pytest.raises(Refused, match="p99: can never turn red") as caught:
        host.act("selftest")
    assert caught.value.code == 10
    assert not (host.state / "ledger.jsonl").exists()


def test_the_release_must_be_named(host: Host) -> None:
    with pytest.raises(BadInput, match=r"release\.version is missing"):
        host.act("gate", release=None)


def test_a_mistake_in_the_windows_is_told_before_the_run(host: Host) -> None:
    with pytest.raises(BadInput, match=r"windows\[0\]\.evry: unknown key; did you mean every\?"):
        host.act("selftest", windows=[{"name": "x", "to": 5, "evry": 1}])
    tasks = (PROJECT / "roles/gate/tasks/selftest.yml").read_text()
    assert "windows:" in tasks, "preflight proves the windows with the gates"
