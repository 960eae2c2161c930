"""A release that would destroy stored facts is refused, and names the facts."""

from __future__ import annotations

from tests.scenario.knowledge import QUIET, Knowledge

pytest_plugins = ["tests.scenario.fixtures"]

TAGS = ["area: auth", "http://example.org/a", "12:30", "std::vector"]


def test_the_library_is_upgraded_with_what_was_stored_by_it(knowledge: Knowledge) -> None:
    with knowledge.users() as users:
        users.wait_for(20)
        outcome = knowledge.deploy("1.1", "-e", QUIET)
    assert (outcome.rc, outcome.verdict) == (0, "deployed"), str(outcome)
    assert knowledge.served()["version"] == "1.1"
    assert not users.lost()


def test_a_release_that_cannot_keep_a_stored_fact_is_refused_by_the_facts_it_would_destroy(
    knowledge: Knowledge,
) -> None:
    facts = [knowledge.store(f"A fact about {tag}", [tag]) for tag in TAGS]
    before = knowledge.digests()
    outcome = knowledge.deploy("2.0-keeps-0.1.3", "-e", QUIET)
    assert outcome.rc != 0
    assert outcome.verdict == "restored", str(outcome)
    assert all(fact in outcome.what for fact in facts[:1]), outcome.what
    assert "would be destroyed" in outcome.what
    assert "quiesce.hold" not in outcome.steps(knowledge.host.name, "intent")
    assert knowledge.digests() == before
    assert knowledge.served()["version"] == "1.1"
    assert not knowledge.host.locked()
