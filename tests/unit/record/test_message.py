"""The four parts that a person reads first, word by word."""

from __future__ import annotations

from stagegate.record.build import build_record
from tests.unit.record.made import RUN, Ledger, meta


def message(entries, **more):
    return build_record(entries, meta(**{"hosts": ["abathur1", "abathur2"], **more}))["message"]


def test_deployed():
    entries = {
        h: Ledger(h).prepared().switched().end("deployed").entries for h in ("abathur1", "abathur2")
    }
    assert message(entries) == {
        "what": "abathur went from 1.0 to 1.1 on abathur1 and abathur2",
        "now": "abathur1 and abathur2: 1.1 serves; the data are migrated",
        "untouched": "the backups of this run and the former release, on every host",
        "next": "nothing to do; checklist lines that are still pending stand in the report",
    }


def test_restored_after_a_red_gate_in_the_first_wave():
    first = Ledger("abathur1").prepared().switched()
    first.fail("gate", "evaluate", "gate query_p99 is red on abathur1: 183 over 100 ms", code=21)
    first.write(
        "observed", "rollback", "begin", {"way_back": {"name": "R2", "reason": "compatible"}}
    )
    first.step("rollback", "start").end("restored")
    second = Ledger("abathur2").prepared()
    second.write(
        "observed", "rollback", "begin", {"way_back": {"name": "R0", "reason": "not begun"}}
    )
    entries = {"abathur1": first.entries, "abathur2": second.end("restored").entries}
    assert message(entries) == {
        "what": "abathur1, gate.evaluate: gate query_p99 is red on abathur1: 183 over 100 ms",
        "now": "abathur1: 1.0 serves; the data stay, with every write accepted since the switch; "
        "only the code went back\n"
        "abathur2: 1.0 serves; the live data were never touched; the migrated copy is set aside",
        "untouched": "the backups of this run and the former release, on every host",
        "next": f"read artifacts/{RUN}/report.html, fix the cause, then deploy again:\n"
        "ansible-playbook deploy.yml -i prod -e release_version=<the corrected release>",
    }


def test_fenced_until_an_exact_loss_is_accepted():
    ledger = Ledger("abathur1").prepared().switched()
    ledger.fail("gate", "evaluate", "gate errors is red", code=21)
    ledger.step("rollback", "hold").step("rollback", "delta:memory", evidence={"count": 412})
    ledger.fail("rollback", "restore:memory", "putting memory back would lose 412 rows", code=30)
    told = message({"abathur1": ledger.end("fenced").entries}, hosts=["abathur1"])
    assert told["what"] == (
        "abathur1, gate.evaluate: gate errors is red\n"
        "going back stopped: abathur1, rollback.restore:memory: "
        "putting memory back would lose 412 rows"
    )
    assert told["now"] == (
        "abathur1: no service runs, the start guard holds them; everything is kept as found"
    )
    assert told["next"] == (
        "412 accepted rows would leave the live store; they are exported first. To accept:\n"
        "ansible-playbook playbooks/rollback.yml -i prod -e accept_data_loss=412"
    )


def test_hosts_that_would_lose_different_counts_are_decided_one_by_one():
    entries = {}
    for host, count in (("abathur1", 3), ("abathur2", 5)):
        ledger = Ledger(host).prepared().switched()
        ledger.step("rollback", "delta:memory", evidence={"count": count})
        entries[host] = (
            ledger.fail("rollback", "restore:memory", "x", code=30).end("fenced").entries
        )
    assert message(entries)["next"].splitlines()[1:] == [
        "ansible-playbook playbooks/rollback.yml -i prod --limit abathur1 -e accept_data_loss=3",
        "ansible-playbook playbooks/rollback.yml -i prod --limit abathur2 -e accept_data_loss=5",
    ]


def test_fenced_for_another_reason_gives_that_reasons_advice():
    ledger = Ledger("abathur1").prepared().switched().fail("gate", "evaluate", "red", code=21)
    ledger.fail(
        "rollback", "restore:memory", "the image is damaged", next="decide by hand", code=30
    )
    told = message({"abathur1": ledger.end("fenced").entries}, hosts=["abathur1"])
    assert told["next"] == "decide by hand\nansible-playbook playbooks/rollback.yml -i prod"


def test_unfinished_can_go_on_or_back():
    ledger = Ledger("abathur1").prepared().write("intent", "quiesce", "hold")
    told = message({"abathur1": ledger.entries}, hosts=["abathur1"])
    assert told == {
        "what": "abathur1: quiesce.hold was begun and has no outcome",
        "now": "abathur1: 1.0 serves; the live data were not touched "
        "(quiesce.hold was begun and has no outcome)",
        "untouched": "the live data and the live release, on every host",
        "next": "go on with the run:\n"
        f"ansible-playbook deploy.yml -i prod -e release_version=1.1 -e resume={RUN}\n"
        "or take it back:\n"
        "ansible-playbook playbooks/rollback.yml -i prod",
    }


def test_a_run_that_began_to_go_back_only_goes_back():
    ledger = Ledger("abathur1").prepared().switched().write("intent", "rollback", "hold")
    told = message({"abathur1": ledger.entries}, hosts=["abathur1"])
    assert told["next"] == "finish going back:\nansible-playbook playbooks/rollback.yml -i prod"


def test_nothing_is_claimed_of_a_host_that_is_gone():
    first = Ledger("abathur1").prepared()
    told = message({"abathur1": first.entries}, unreachable=["abathur2"])
    assert told["what"] == "abathur2: it could not be reached"
    assert "abathur2: not known, it could not be reached" in told["now"].splitlines()
    assert "abathur2" not in told["untouched"]
    assert "every host" not in told["untouched"]
    assert told["next"].startswith("bring back abathur2; then go on with the run:")


def test_refused_gives_the_advice_of_what_refused_it():
    advice = "wait for it to end, then run the same command again"
    failure = {
        "host": "abathur1",
        "phase": "preflight",
        "step": "Take the system",
        "stagegate": {"what": "run x holds the system", "code": 11, "next": advice},
    }
    told = message({}, failure=failure)
    assert told["what"] == "abathur1, preflight.Take the system: run x holds the system"
    assert told["untouched"] == "every service and all data, on every host"
    assert told["next"] == advice
    assert told["now"] == ("abathur1 and abathur2: 1.0 serves; the data were not touched")


def test_what_the_failing_step_left_alone_is_said_in_its_own_words():
    ledger = Ledger("abathur1").prepared()
    ledger.fail("migrate", "stage:memory", "disk full", untouched="the live database of every host")
    told = message({"abathur1": ledger.end("restored").entries})
    assert told["untouched"].startswith("the live database of every host")


def test_a_command_quotes_an_odd_inventory():
    ledger = Ledger("abathur1").prepared()
    told = message({"abathur1": ledger.entries}, inventory="my hosts; reboot", hosts=["abathur1"])
    assert "ansible-playbook playbooks/rollback.yml -i 'my hosts; reboot'" in told["next"]


def test_a_run_that_no_host_knows_cannot_be_resumed():
    told = message({}, hosts=["abathur1"])
    assert told["what"] == "abathur1: it has no entry of this run"
    assert told["next"] == (
        "bring back abathur1; then put back what the ledgers there call red or unfinished, "
        "if anything:\nansible-playbook playbooks/rollback.yml -i prod"
    )
