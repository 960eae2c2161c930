"""How a run ended, from what its ledgers say."""

from __future__ import annotations

import pytest

from stagegate.record.build import build_record
from tests.unit.record.made import Ledger, meta

HOSTS = ("abathur1", "abathur2", "abathur3")


def deployed(host):
    return Ledger(host).prepared().switched().end("deployed")


def restored(host):
    ledger = Ledger(host).prepared().switched()
    ledger.fail("gate", "evaluate", "gate p99 is red", code=21)
    return ledger.step("rollback", "start").end("restored")


def ended(host, verdict):
    return Ledger(host).begin().end(verdict)


def every(make, *rest):
    return {host: make(host, *rest).entries for host in HOSTS}


def unfinished(host):
    return Ledger(host).prepared().write("intent", "quiesce", "hold")


def refused(host):
    return Ledger(host).fail("baseline", "measure", "the release is not healthy", code=10)


def fenced(host):
    ledger = Ledger(host).prepared().switched().fail("gate", "evaluate", "gate p99 is red", code=21)
    return ledger.fail("rollback", "restore:memory", "would lose 3 rows", code=30).end("fenced")


@pytest.mark.parametrize(
    ("entries", "more", "verdict", "code"),
    [
        (every(deployed), {}, "deployed", 0),
        (every(ended, "no_op"), {}, "no_op", 0),
        (every(ended, "nothing"), {"kind": "rollback"}, "no_op", 0),
        (every(ended, "staged"), {}, "staged", 0),
        (every(restored), {}, "restored", 21),
        (every(restored), {"kind": "rollback"}, "restored", 0),
        (every(fenced), {}, "fenced", 30),
        (every(unfinished), {}, "unfinished", 40),
        (every(refused), {}, "refused", 10),
        ({}, {}, "unknown", 30),
        (
            {},
            {"failure": {"host": "abathur1", "code": 12, "msg": "no such release"}},
            "refused",
            12,
        ),
        ({}, {"failure": {"host": "abathur1", "code": 20, "msg": "a bug"}}, "unknown", 30),
        (every(deployed), {"unreachable": ["abathur2"]}, "unknown", 30),
        ({h: deployed(h).entries for h in HOSTS[:2]}, {}, "unknown", 30),
        ({**every(deployed), "abathur2": restored("abathur2").entries}, {}, "unfinished", 40),
        ({**every(deployed), "abathur2": ended("abathur2", "no_op").entries}, {}, "deployed", 0),
        ({**every(restored), "abathur3": fenced("abathur3").entries}, {}, "fenced", 30),
        ({**every(restored), "abathur3": [{"seq": 1}]}, {}, "unknown", 30),
        ({**every(restored), "abathur3": "garbage"}, {}, "unknown", 30),
        (every(ended, "who knows"), {}, "unknown", 30),
    ],
)
def test_a_run_ended_as_the_worst_of_its_hosts(entries, more, verdict, code):
    record = build_record(entries, meta(**more))
    assert (record["verdict"], record["exit"]) == (verdict, code)


def test_hosts_are_named_and_none_is_left_out():
    record = build_record({"abathur2": deployed("abathur2").entries}, meta())
    verdicts = {host: told["verdict"] for host, told in record["hosts"].items()}
    assert verdicts == {"abathur1": "unknown", "abathur2": "deployed", "abathur3": "unknown"}
    assert "abathur1 and abathur3: it has no entry of this run" in record["message"]["what"]


@pytest.mark.parametrize(
    ("code", "exit_code"), [(20, 20), (21, 21), (22, 22), (11, 20), ("21", 20), (None, 20)]
)
def test_the_exit_code_of_a_restored_run_is_that_of_its_cause(code, exit_code):
    ledger = Ledger("abathur1").prepared()
    ledger.fail("gate", "evaluate", "it failed", code=code)
    record = build_record({"abathur1": ledger.end("restored").entries}, meta(hosts=["abathur1"]))
    assert record["exit"] == exit_code


def test_a_terminal_entry_stands_no_longer_when_the_run_goes_on():
    ledger = deployed("abathur1")
    assert verdict_of(ledger) == "deployed"
    assert verdict_of(ledger.step("report", "prune")) == "deployed"
    assert verdict_of(ledger.write("observed", "rollback", "reopen")) == "unfinished"
    assert verdict_of(ledger.step("rollback", "hold")) == "unfinished"
    assert verdict_of(ledger.end("restored")) == "restored"


def test_a_door_that_is_worked_for_another_host_leaves_the_end_as_it_was():
    ledger = deployed("lb1").step("rollback", "open:app2")
    assert verdict_of(ledger) == "deployed"


def test_a_step_begun_again_after_a_crash_counts_by_its_last_attempt():
    ledger = Ledger("abathur1").prepared().write("intent", "quiesce", "hold").switched()
    assert verdict_of(ledger.end("deployed")) == "deployed"


def test_a_finished_step_without_what_must_follow_is_unfinished():
    record = build_record(
        {"abathur1": Ledger("abathur1").prepared().entries}, meta(hosts=["abathur1"])
    )
    host = record["hosts"]["abathur1"]
    assert (host["verdict"], host["release"]) == ("unfinished", "1.0")
    assert host["reason"] == "nothing follows release.rehearse"


def test_the_release_of_a_host_between_two_links_is_not_guessed():
    ledger = Ledger("abathur1").prepared().step("quiesce", "hold")
    ledger.step("restart", "activate:memory").write("intent", "restart", "activate_release")
    record = build_record({"abathur1": ledger.entries}, meta(hosts=["abathur1"]))
    assert record["hosts"]["abathur1"]["release"] == ""


def test_a_run_that_found_all_done_changed_nothing():
    ledger = Ledger("abathur1").begin({"noop": True}).end("deployed")
    assert verdict_of(ledger) == "no_op"


def test_entries_of_another_run_are_left_out():
    other = Ledger("abathur1", run="20250101T000000Z-0000").prepared().end("restored").entries
    mine = deployed("abathur1").entries
    for entry in mine:
        entry["seq"] += len(other)
    record = build_record({"abathur1": other + mine}, meta(hosts=["abathur1"]))
    assert record["verdict"] == "deployed"
    assert record["hosts"]["abathur1"]["entries"] == mine


def verdict_of(ledger):
    return build_record({"abathur1": ledger.entries}, meta(hosts=["abathur1"]))["verdict"]
