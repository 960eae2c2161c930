"""What a person is shown is the plan, in words that nothing from elsewhere can steer."""

from __future__ import annotations

from typing import Any

import pytest

from stagegate.signing.command import sign_command
from stagegate.signing.model import Wanted
from stagegate.signing.parts import host_part
from stagegate.signing.words import plan_in_words, word_in_words

PLAN: dict[str, Any] = {
    "from": "1.0",
    "to": "1.1",
    "digest": "sha256:1",
    "migration_class": "compatible",
    "migrate": {"memory": ["0002-index"]},
    "noop": False,
}
NOUNS: dict[str, Any] = {
    "rollout_waves": [1, "100%"],
    "gates": [{"name": "p99", "limit": 100, "target": 50, "unit": "ms"}],
    "windows": [{"name": "first", "from": "0s", "to": "5m"}],
}
LINES = [
    {"id": "L-1", "text": "Tested", "proof": "attest:QA lead"},
    {"id": "L-2", "text": "Reviewed", "proof": ["smoke:t01", "attest:QA lead"]},
    {"id": "L-3", "text": "Trained", "proof": "attest:DevOps lead"},
]


def plan(**more: Any) -> str:
    part = host_part(NOUNS, {**PLAN, **more}, {})
    return plan_in_words("demo", "3f2a" * 16, {"h1": part, "h2": part}, NOUNS)


def test_the_plan_tells_all_that_is_agreed_to() -> None:
    text = plan()
    for words in (
        "3f2a3f2a3f2a of demo",
        "1.0 -> 1.1  sha256:1",
        "h1 and h2",
        "1, 100%",
        "compatible; memory: 0002-index",
        "p99: limit 100, target 50 ms",
        "first: 0s to 5m",
        "the data stay with every write",
    ):
        assert words in text


WAYS = [
    ({"migration_class": "reversible"}, "the migration is taken down again"),
    ({"migration_class": "one_way"}, "needs a consent to the exact count"),
    ({"from": ""}, "no release ran before"),
]


@pytest.mark.parametrize(("more", "words"), WAYS)
def test_what_going_back_would_do_is_told(more: dict[str, Any], words: str) -> None:
    assert words in plan(**more)


def test_the_word_tells_the_lines_that_it_proves() -> None:
    everything = word_in_words(Wanted("QA lead", "deploy", 86400.0), LINES)
    assert "L-1 Tested" in everything
    assert "L-2 Reviewed" in everything
    assert "L-3" not in everything
    assert "24 h 00 min, and for this plan alone" in everything
    some = word_in_words(Wanted("QA lead", "deploy", 60.0, lines=("L-2",)), LINES)
    assert "L-1" not in some


def test_no_text_from_elsewhere_steers_the_terminal() -> None:
    text = plan(migrate={"memory": ["\x1b[2J\x1b]0;x\x07\rclean"]}, to="1.1\n  gates")
    assert all(c == "\n" or c.isprintable() for c in text)
    assert len(text.splitlines()) == len(plan().splitlines())


def test_the_command_keeps_a_role_with_spaces_whole() -> None:
    assert sign_command("QA lead", "my prod", run="20261126T100000Z-3f2a") == (
        "ansible-playbook playbooks/sign.yml -i 'my prod' -e run=20261126T100000Z-3f2a "
        "-e \"sign_as='QA lead'\""
    )
