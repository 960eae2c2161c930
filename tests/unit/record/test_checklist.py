"""Checklist lines are ticked by what ran in this run, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from stagegate.record.build import build_record
from stagegate.record.checklist import faults
from stagegate.record.junit import read_junit
from tests.unit.record.made import Ledger, gate, junit, meta, outcome

ROOT = Path(__file__).resolve().parents[3]
HOSTS = ["h1", "h2"]


def run(host, failing=(), gates=(), tests=35):
    ledger = Ledger(host).prepared().switched()
    ledger.step("smoke", "smoke", evidence=outcome(failing, tests))
    return ledger.step("gate", "evaluate", evidence={"gates": list(gates)})


def shown(proof, entries, results=None, hosts=HOSTS, **line):
    lines = [{"id": "S3-001", "text": "A promise", "proof": proof, **line}]
    record = build_record(entries, meta(hosts=hosts), results, lines)
    (found,) = record["checklist"]
    return found["verdict"], found["evidence"]


def both(make, *rest, **more):
    return {host: make(host, *rest, **more).entries for host in HOSTS}


def test_every_proof_is_pending_when_nothing_ran():
    lines = yaml.safe_load((ROOT / "systems/abathur/checklist.yml").read_text())["checklist"]
    bound = build_record({}, meta(), None, lines)["checklist"]
    assert {line["verdict"] for line in bound} == {"pending", "attest"}


@pytest.mark.parametrize("proof", ["smoke:t01", "smoke:test_t01_promise_1", "smoke:t01_promise_1"])
def test_a_smoke_test_is_bound_by_the_beginning_of_its_name(proof):
    assert shown(proof, both(run))[0] == "green"


def test_a_smoke_test_is_not_bound_by_a_part_of_a_word():
    assert shown("smoke:t0", both(run)) == ("pending", "did not run in this run")


def test_a_failed_smoke_test_is_red_with_host_and_reason():
    entries = {"h1": run("h1").entries, "h2": run("h2", {20}).entries}
    verdict, words = shown("smoke:t20", entries)
    assert verdict == "red"
    assert "test_t20_promise_20 failed: assert 612 < 500 (h2)" in words


def test_a_proof_that_is_missing_on_one_planned_host_is_pending():
    entries = {"h1": run("h1").entries, "h2": Ledger("h2").prepared().entries}
    assert shown("smoke:t01", entries) == ("pending", "on 1 of 2 hosts; missing on h2")


def test_the_whole_suite_needs_every_test():
    assert shown("smoke:all=35", both(run)) == ("green", "35 of 35 passed (h1 and h2)")
    assert shown("smoke:all=35", both(run, tests=34)) == ("pending", "34 of 35 passed (h1 and h2)")
    assert shown("smoke:all=35", both(run, {3}))[0] == "red"


def test_a_skipped_test_proves_nothing():
    raw = junit().replace(
        b'name="test_t01_promise_1" time="0.001">',
        b'name="test_t01_promise_1" time="0.001"><skipped message="no vectors here"/>',
    )
    told = {**outcome(), "passed": 34}
    ledger = Ledger("h1").prepared().step("smoke", "smoke", evidence=told)
    results = {"h1": read_junit(raw)}
    found = shown("smoke:t01", {"h1": ledger.entries}, results, ["h1"])
    assert found == ("pending", "skipped: no vectors here")
    assert shown("smoke:all=35", {"h1": ledger.entries}, results, ["h1"])[0] == "pending"


def test_what_a_test_measured_is_its_evidence():
    raw = junit().replace(
        b'name="test_t16_promise_16" time="0.016">',
        b'name="test_t16_promise_16" time="0.016"><properties>'
        b'<property name="measured" value="3.2 ms"/></properties>',
    )
    found = shown("smoke:t16", {"h1": run("h1").entries}, {"h1": read_junit(raw)}, ["h1"])
    assert found == ("green", "3.2 ms")


def test_a_junit_file_of_another_suite_run_proves_nothing():
    """After going back the suite runs again, against the former release."""
    entries = {"h1": run("h1", {20}).entries}
    verdict, _ = shown("smoke:t20", entries, {"h1": read_junit(junit())}, ["h1"])
    assert verdict == "red"


def test_a_junit_file_without_a_smoke_step_proves_nothing():
    entries = {"h1": Ledger("h1").prepared().entries}
    results = {"h1": read_junit(junit())}
    assert shown("smoke:t01", entries, results, ["h1"])[0] == "pending"


def test_a_gate_shows_its_worst_result_over_hosts_and_windows():
    good, poor = gate("p99", "green", 60.0), gate("p99", "amber", 95.0)
    entries = {"h1": run("h1", gates=[good]).entries, "h2": run("h2", gates=[good]).entries}
    assert shown("gate:p99", entries)[0] == "green"
    entries["h2"] = run("h2", gates=[good]).step("observe", "w", evidence={"gates": [poor]}).entries
    assert shown("gate:p99", entries) == ("amber", "95 ms, target 80 ms, limit 100 ms (h2)")
    entries["h1"] = run("h1", gates=[gate("p99", "red", 180.0)]).entries
    assert shown("gate:p99", entries)[0] == "red"


def test_an_unknown_gate_is_pending_with_its_reason():
    doubt = gate("p99", "unknown", None, reason="3 of at least 10 samples")
    found = shown("gate:p99", {"h1": run("h1", gates=[doubt]).entries}, None, ["h1"])
    assert found == ("pending", "inconclusive: 3 of at least 10 samples")


@pytest.mark.parametrize(
    ("make", "verdict"),
    [
        (lambda: Ledger("h1").step("release", "stage", 2.0), "green"),
        (lambda: Ledger("h1").fail("release", "stage", "no space"), "red"),
        (lambda: Ledger("h1").write("intent", "release", "stage"), "pending"),
        (lambda: Ledger("h1").write("observed", "release", "stage"), "pending"),
        (lambda: Ledger("h1").fail("release", "stage", "x").step("release", "stage"), "green"),
        (lambda: Ledger("h1").step("release", "stage").fail("release", "stage", "x"), "red"),
        (lambda: Ledger("h1").step("release", "staged"), "pending"),
    ],
)
def test_a_step_counts_by_how_its_last_attempt_ended(make, verdict):
    assert shown("step:release.stage", {"h1": make().entries}, None, ["h1"])[0] == verdict


def test_a_step_with_a_star_needs_all_that_begin_so():
    ledger = Ledger("h1").step("backup", "store:a").step("backup", "store:b")
    assert shown("step:backup.store:*", {"h1": ledger.entries}, None, ["h1"])[0] == "green"
    ledger.fail("backup", "store:b", "no space")
    assert shown("step:backup.store:*", {"h1": ledger.entries}, None, ["h1"])[0] == "red"


def test_the_way_back_is_asked_only_of_hosts_that_left_the_former_release():
    went = Ledger("h1").prepared().switched().step("rollback", "hold")
    entries = {"h1": went.entries, "h2": Ledger("h2").prepared().entries}
    assert shown("step:rollback.hold", entries)[0] == "green"
    entries["h2"] = Ledger("h2").prepared().switched().entries
    assert shown("step:rollback.hold", entries)[0] == "pending"


WORD = {
    "role": "QA lead",
    "name": "Ada",
    "at": "2026-11-22T07:00:00+00:00",
    "digest": "3f2a9c0b1d" * 6,
    "lines": [],
}


def opened_with(*words, back=False):
    ledger = Ledger("h1")
    plan = {"kind": "deploy", "from": "1.0", "to": "1.1"}
    state = {"plan": plan, "plan_digest": WORD["digest"], "sign_offs": list(words)}
    ledger.write("done", "preflight", "open", state)
    return ledger.step("rollback", "hold") if back else ledger


def attested(ledger, **more):
    return ledger.write("observed", "attest", "x", evidence={"attestation": {**WORD, **more}})


def signed(ledger, proof="attest:QA lead", **line):
    return shown(proof, {"h1": ledger.entries}, None, ["h1"], **line)


def test_a_line_is_signed_by_its_own_role_for_the_plan_that_was_run():
    assert signed(opened_with(WORD)) == (
        "green",
        "signed by Ada (QA lead), 2026-11-22T07:00:00+00:00, plan 3f2a9c0b1d3f",
    )
    assert signed(opened_with({**WORD, "role": "intern"}))[0] == "attest"
    assert signed(opened_with()) == ("attest", "the word is not given yet")
    assert signed(attested(opened_with()))[0] == "green"


@pytest.mark.parametrize("damaged", [None, "x", [], {}, {"name": "Ada"}, {**WORD, "name": 7}])
def test_what_is_no_word_proves_no_line(damaged):
    assert signed(opened_with(damaged))[0] == "attest"


def test_a_word_for_some_lines_proves_no_other():
    assert signed(opened_with({**WORD, "lines": ["S3-001"]}))[0] == "green"
    assert signed(opened_with({**WORD, "lines": ["S3-002"]}))[0] == "attest"


def test_what_follows_a_rollback_is_signed_after_one_alone():
    after = {"after": "rollback"}
    assert signed(opened_with(WORD, back=True), **after)[0] == "attest"
    assert signed(attested(opened_with(back=True)), **after)[0] == "green"
    assert signed(attested(opened_with()), **after) == ("attest", "nothing went back")


def test_the_worst_of_several_proofs_decides():
    entries = {"h1": run("h1").entries}
    assert shown(["smoke:t01", "smoke:t02"], entries, None, ["h1"])[0] == "green"
    assert shown(["smoke:t01", "later:dashboards"], entries, None, ["h1"])[0] == "pending"
    assert shown(["smoke:t01", "attest:QA lead"], entries, None, ["h1"])[0] == "attest"


@pytest.mark.parametrize("proof", [None, "", [], "smoke:", "smoke", "guess:t01", 7])
def test_a_line_without_a_proof_of_a_known_form_is_pending_and_a_fault(proof):
    assert shown(proof, {"h1": run("h1").entries}, None, ["h1"])[0] == "pending"
    assert len(faults([{"id": "S3-001", "text": "A promise", "proof": proof}])) == 1


def test_faults_name_their_line():
    lines = ["not a line", {"id": "a", "text": "x", "proof": "smoke:t01"}]
    assert faults([*lines, lines[1], {"text": "y", "proof": "gate:p99"}]) == [
        "line 1 is not an object",
        "a stands there twice",
        "line 4 needs an id and a text",
    ]


class TestAbathur:
    """The checklist of abathur itself."""

    lines = yaml.safe_load((ROOT / "systems/abathur/checklist.yml").read_text())["checklist"]

    def test_it_has_every_acceptance_line_once_in_order(self):
        assert [line["id"] for line in self.lines] == [f"S3-{n:03d}" for n in range(1, 262)]
        assert faults(self.lines) == []

    def test_each_smoke_proof_names_a_test_of_the_suite(self):
        suite = "".join(p.read_text() for p in (ROOT / "tests/smoke/abathur").glob("test_*.py"))
        names = self.proofs("smoke:t")
        assert len(names) == 35
        assert [n for n in sorted(names) if f"def test_t{n}_" not in suite] == []

    def test_the_listed_smoke_tests_are_bound_in_their_order(self):
        bound = {line["id"]: line["proof"] for line in self.lines}
        assert [bound[f"S3-{n:03d}"] for n in range(104, 139)] == [
            f"smoke:t{n:02d}" for n in range(1, 36)
        ]

    def test_each_gate_proof_names_a_gate_of_the_system(self):
        gates = yaml.safe_load((ROOT / "systems/abathur/gates.yml").read_text())["gates"]
        assert self.proofs("gate:") <= {g["name"] for g in gates}

    def test_what_a_rollback_opens_is_marked(self):
        after = [line["id"] for line in self.lines if line.get("after") == "rollback"]
        assert after == ["S3-206", "S3-207", "S3-208", "S3-209"]

    def proofs(self, kind):
        listed = [line["proof"] for line in self.lines]
        each = [p for proof in listed for p in ([proof] if isinstance(proof, str) else proof)]
        return {p.removeprefix(kind) for p in each if p.startswith(kind)}


PARTS = [
    # proof, the plan of the second host, which shows nothing of it -> verdict
    ("smoke:t01", {"serves": False}, "green"),
    ("smoke:t01", {"serves": True}, "pending"),
    ("step:release.stage", {"code": False}, "green"),
    ("step:release.stage", {"code": True}, "pending"),
    ("step:backup.store:memory", {"stores": []}, "green"),
    ("step:backup.store:*", {"stores": []}, "green"),
    ("step:backup.store:memory", {"stores": ["memory"]}, "pending"),
]


@pytest.mark.parametrize(("proof", "plan", "verdict"), PARTS)
def test_a_host_is_asked_only_for_the_parts_that_it_has(proof, plan, verdict):
    entries = {"h1": run("h1").entries, "h2": Ledger("h2").begin(plan).entries}
    assert shown(proof, entries)[0] == verdict
