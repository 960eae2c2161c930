"""A word on a run is added to its own entries, once for each person, also after its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from stagegate import conduct
from stagegate.attesting import attest_run
from stagegate.errors import Refused
from stagegate.history import last_change
from stagegate.journal import Run
from stagegate.ledger import read_ledger

PLAN = {"kind": "deploy", "from": "1.0", "to": "1.1", "digest": "d", "inputs": "i"}
OWNER = {"operator": "night", "controller": "c1", "controller_id": "c1/boot/1/2", "started": "now"}
SIGNED = {"plan_digest": "3f2a" * 16, "sign_offs": [{"role": "QA lead", "name": "Ada"}]}
WORD = {"role": "Support", "name": "Grace", "at": "2026-11-27T09:00:00+00:00"}


@pytest.fixture
def ended(tmp_path: Path) -> Run:
    """A run that was signed, deployed and closed, seen from outside: no lock is held."""
    seen = Run("run-1", 0, "demo", "host1", tmp_path / "state", exclusive=False)
    epoch = conduct.open_run(seen, PLAN, OWNER, resume=False, signed=SIGNED)
    conduct.close_run(Run("run-1", epoch, "demo", "host1", seen.state), "deployed", {})
    return seen


def test_the_words_for_a_plan_stand_in_the_entry_that_opens_its_run(ended: Run) -> None:
    opened = read_ledger(ended.state / "ledger.jsonl").entries[0]
    assert (opened.phase, opened.step) == ("preflight", "open")
    assert {key: opened.state[key] for key in SIGNED} == SIGNED


def test_a_word_is_bound_to_the_plan_of_its_run_and_ends_nothing(ended: Run) -> None:
    told = attest_run(ended, WORD)
    assert told["changed"]
    last = told["entries"][-1]
    assert (last["phase"], last["step"], last["kind"]) == ("attest", "Support", "observed")
    assert last["evidence"]["attestation"] == {**WORD, "digest": SIGNED["plan_digest"]}
    change = last_change(read_ledger(ended.state / "ledger.jsonl").entries)
    assert change is not None
    assert change.verdict == "deployed"
    assert not (ended.state / "lock").exists()


def test_the_same_person_adds_nothing_and_another_one_does(ended: Run) -> None:
    attest_run(ended, WORD)
    again = attest_run(ended, {**WORD, "at": "2026-11-28T09:00:00+00:00"})
    assert not again["changed"]
    other = attest_run(ended, {**WORD, "name": "Joan"})
    given = [
        e["evidence"]["attestation"]["name"] for e in other["entries"] if e["phase"] == "attest"
    ]
    assert given == ["Grace", "Joan"]


def test_no_word_is_taken_on_a_run_that_was_never_begun(ended: Run) -> None:
    before = (ended.state / "ledger.jsonl").read_bytes()
    with pytest.raises(Refused, match="no run run-2 was begun on host1"):
        attest_run(Run("run-2", 0, "demo", "host1", ended.state, exclusive=False), WORD)
    assert (ended.state / "ledger.jsonl").read_bytes() == before


def test_the_next_run_opens_after_a_word(ended: Run) -> None:
    attest_run(ended, WORD)
    seen = Run("run-2", 0, "demo", "host1", ended.state, exclusive=False)
    assert conduct.open_run(seen, {**PLAN, "from": "1.1", "to": "1.2"}, OWNER, resume=False) == 2
