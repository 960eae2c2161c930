"""A deployment begins only with the words that it needs, and only while they last."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.scenario import Outcome, Stage

pytest_plugins = ["tests.scenario.fixtures"]

SIGN = "playbooks/sign.yml"


def asked(folder: Path, lasts: str) -> tuple[str, ...]:
    """What makes the system ask its QA lead, and look for the word in a folder of the test."""
    lead = {"role": "QA lead", "for": "deploy", "expires": lasts}
    line = {"id": "L-1", "text": "Tested", "proof": "attest:QA lead"}
    told: dict[str, Any] = {
        "sign_offs": [lead],
        "checklist": [line],
        "gates": [],
        "sign_off_root": str(folder),
    }
    return ("-e", json.dumps(told))


def sign(stage: Stage, *arguments: str) -> Outcome:
    who = json.dumps({"sign_as": "QA lead", "sign_name": "Ada Lovelace"})
    return stage.play(SIGN, "-e", "release_version=1.1", "-e", who, *arguments)


def assert_refused(stage: Stage, arguments: tuple[str, ...], said: str) -> None:
    before, entries = stage.host.look(), len(stage.host.ledger())
    outcome = stage.deploy("1.1", *arguments)
    assert outcome.rc != 0
    words = " ".join(outcome.said.split())
    assert said in words, str(outcome)
    assert "playbooks/sign.yml" in words, str(outcome)
    assert stage.host.look() == before
    assert len(stage.host.ledger()) == entries
    assert not stage.host.locked()


def test_a_plan_that_nobody_signed_is_refused(stage: Stage, tmp_path: Path) -> None:
    assert_refused(stage, asked(tmp_path, "24h"), "nobody has signed as QA lead")
    stage.assert_invariants("1.0")


def test_a_word_that_has_expired_is_refused(stage: Stage, tmp_path: Path) -> None:
    # A second is over before any deployment has looked at its hosts.
    arguments = asked(tmp_path, "1s")
    signed = sign(stage, *arguments)
    assert signed.rc == 0, str(signed)
    assert_refused(stage, arguments, "expired on")
    stage.assert_invariants("1.0")


def test_a_word_for_another_plan_is_refused(stage: Stage, tmp_path: Path) -> None:
    arguments = asked(tmp_path, "24h")
    assert sign(stage, *arguments).rc == 0
    assert_refused(stage, (*arguments, "-e", '{"windows": []}'), "changed since: windows")
    stage.assert_invariants("1.0")


def test_a_word_that_lasts_lets_the_deployment_begin(stage: Stage, tmp_path: Path) -> None:
    arguments = asked(tmp_path, "24h")
    before, entries = stage.host.look(), len(stage.host.ledger())
    signed = sign(stage, *arguments)
    assert signed.rc == 0, str(signed)
    assert (stage.host.look(), len(stage.host.ledger())) == (before, entries)
    with stage.host.load() as load:
        outcome = stage.deploy("1.1", *arguments)
    assert outcome.rc == 0, str(outcome)
    (word,) = outcome.record["sign_offs"]
    assert (word["name"], word["verdict"]) == ("Ada Lovelace", "green")
    (line,) = outcome.record["checklist"]
    assert line["verdict"] == "green", line
    stage.assert_invariants("1.1")
    assert not load.lost()
