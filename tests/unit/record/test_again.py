"""A record gains the words that came later, and nothing else in it changes."""

from __future__ import annotations

import copy

from stagegate.record.again import with_words
from stagegate.record.build import build_record, to_bytes
from stagegate.record.html import to_html
from stagegate.record.junit import read_junit
from stagegate.record.markdown import to_markdown
from tests.unit.record.made import Ledger, junit, meta, outcome

SUPPORT = {"role": "Support", "for": "report", "text": "no user has complained"}
WORD = {
    "role": "Support",
    "name": "Grace",
    "at": "2026-11-23T09:00:00+00:00",
    "operator": "ops",
    "controller": "deploy1",
    "given": "terminal",
}
LINES = [
    {"id": "L-1", "text": "Connects", "proof": "smoke:t01"},
    {"id": "L-2", "text": "No complaints", "proof": ["smoke:t02", "attest:Support"]},
    {"id": "L-3", "text": "Later", "proof": "later:this, and that"},
]


def ledger():
    made = Ledger("h1").prepared().switched().step("smoke", "smoke", evidence=outcome())
    return made.end("deployed")


def record():
    about = meta(hosts=["h1"], sign_offs=[SUPPORT])
    return build_record({"h1": ledger().entries}, about, {"h1": read_junit(junit())}, LINES)


def later(**more):
    entries = ledger().write("observed", "attest", "Support", evidence={"attestation": WORD})
    return {"h1": copy.deepcopy(entries.entries), **more}


def verdicts(found):
    return {line["id"]: line["verdict"] for line in found["checklist"]}


def test_the_word_ticks_its_line_and_ends_the_waiting():
    before, after = record(), with_words(record(), later(), [SUPPORT])
    assert verdicts(before) == {"L-1": "green", "L-2": "attest", "L-3": "pending"}
    assert verdicts(after) == {"L-1": "green", "L-2": "green", "L-3": "pending"}
    assert "sign_as=Support" in before["message"]["next"]
    assert after["message"]["next"].startswith("nothing to do")
    assert [w["name"] for w in after["sign_offs"]] == ["Grace"]
    assert "Grace" in to_markdown(after)
    assert "at a terminal, ops on deploy1" in to_html(after)


def test_everything_else_stays_and_a_second_time_changes_nothing():
    before = record()
    after = with_words(before, later(), [SUPPORT])
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {"hosts", "sign_offs", "checklist", "message"}
    assert after["hosts"]["h1"]["entries"][:-1] == before["hosts"]["h1"]["entries"]
    assert to_bytes(with_words(after, later(), [SUPPORT])) == to_bytes(after)


def test_only_words_are_taken_from_what_a_host_sends_later():
    sent = later()
    sent["h1"][3]["evidence"] = {"altered": True}
    sent["h1"].append({**sent["h1"][-1], "seq": 99, "phase": "gate"})
    assert with_words(record(), sent, [SUPPORT]) == with_words(record(), later(), [SUPPORT])
    assert with_words(record(), {"h1": "nonsense", "h9": []}, [SUPPORT]) == record()


def test_no_word_is_awaited_on_a_run_that_changed_nothing():
    entries = Ledger("h1").write("terminal", "preflight", "noop", {"verdict": "no_op"}).entries
    found = build_record({"h1": entries}, meta(hosts=["h1"], sign_offs=[SUPPORT]), None, LINES)
    assert (found["verdict"], found["sign_offs"]) == ("no_op", [])
    assert found["message"]["next"].startswith("nothing to do")
