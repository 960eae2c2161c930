"""A line that was cut is set aside and told; damage in the middle refuses the deployment."""

from __future__ import annotations

import base64
import json

from tests.scenario.knowledge import QUIET, Knowledge

pytest_plugins = ["tests.scenario.fixtures"]

TORN = b'{"id": "torn", "title": "cut in the mid'


def test_a_torn_tail_is_set_aside_whole_and_everything_else_goes_forward(
    knowledge: Knowledge,
) -> None:
    with knowledge.users() as users:
        users.wait_for(20)
    former = knowledge.facts
    former.write_bytes(former.read_bytes() + TORN)
    outcome = knowledge.deploy("1.1", "-e", QUIET)
    assert (outcome.rc, outcome.verdict) == (0, "deployed"), str(outcome)
    assert former.read_bytes().endswith(TORN), "the former generation keeps what it held"
    assert TORN not in knowledge.facts.read_bytes()
    evidence = knowledge.machine.files.root / knowledge.host.state / "evidence" / outcome.run
    (aside,) = evidence.rglob("torn-tail.jsonl")
    (told,) = (json.loads(line) for line in aside.read_text().splitlines())
    assert base64.b64decode(told["base64"]) == TORN
    assert told["offset"] == former.stat().st_size - len(TORN)
    assert not users.lost()


def test_damage_in_the_middle_is_refused_by_line_and_byte_and_nothing_is_touched(
    knowledge: Knowledge,
) -> None:
    place = knowledge.facts
    lines = place.read_bytes().split(b"\n")
    offset = len(b"\n".join(lines[:2])) + 1
    lines[2] = lines[2][:-1]
    place.write_bytes(b"\n".join(lines))
    before = knowledge.digests()
    outcome = knowledge.deploy("2.3-stores-nothing", "-e", QUIET)
    assert outcome.rc != 0
    assert "line 3" in outcome.said, str(outcome)
    assert str(offset) in outcome.said, str(outcome)
    assert knowledge.digests() == before
    assert knowledge.served()["version"] == "1.1"
    assert not knowledge.host.locked()
