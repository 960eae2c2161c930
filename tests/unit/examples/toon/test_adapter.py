"""The adapter says what python-toon keeps, in either version."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

ASK = """
import json, sys
sys.dont_write_bytecode = True
from toon_adapter import KnowledgeTOONAdapter as adapter, damage
given = json.load(sys.stdin)
told = [eval(sys.argv[1], {"adapter": adapter, "damage": damage, "it": it}) for it in given]
print(json.dumps(told))
"""
COLONS = ["area: auth", "http://x", "12:30", "std::vector"]


@pytest.fixture
def ask(unpacked):
    """Ask the adapter of a release about each of several things."""

    def run(version, question, *things):
        done = subprocess.run(
            [sys.executable, "-c", ASK, question],
            env={"PYTHONPATH": str(unpacked(version) / "lib")},
            input=json.dumps(things),
            capture_output=True,
            text=True,
            timeout=30,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def fact(**fields):
    return {"title": "T", "summary": "S", "source": "s", "relevance_score": 0.8, **fields}


@pytest.mark.parametrize("tag", COLONS)
def test_0_1_3_destroys_a_fact_with_a_colon_in_a_tag_and_0_2_0_keeps_it(ask, tag):
    (lost,) = ask("1.0", "damage([it])", fact(tags=[tag]))
    assert "comes back as" in lost
    assert ask("1.1", "damage([it])", fact(tags=[tag])) == [""]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_plain_facts_come_back_in_either_version(ask, version):
    facts = [
        fact(tags=["a", "b"]),
        fact(tags=[]),
        fact(tags=["a b", "1", "true", "null", "", " x "], last_used=None, usage_count=0),
        fact(tags=["x"], summary='a, "b": c\nd'),
    ]
    assert ask(version, "damage([it])", *facts) == [""] * len(facts)
    assert ask(version, "adapter.roundtrip_test(it)", facts) == [True]


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_no_facts_are_an_empty_text_and_one_thing_is_a_list_of_one(ask, version):
    assert ask(version, "[adapter.json_to_toon(it), adapter.toon_to_json('')]", []) == [["", []]]
    assert ask(version, "adapter.toon_to_json(it)", "title: T") == [[{"title": "T"}]]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"tags": "[]"}, "[0].tags is str"),
        ({"relevance_score": True}, "[0].relevance_score is bool"),
        ({"title": 1}, "[0].title is int"),
        ({"source": None}, "[0].source is NoneType"),
    ],
)
def test_a_fact_without_a_required_field_is_refused_by_name(ask, change, problem):
    question = "adapter.validate(adapter.json_to_toon([it]))"
    assert ask("1.1", question, fact(tags=[])) == [[True, []]]
    assert ask("1.1", question, fact(**{"tags": [], **change})) == [[False, [problem]]]


def test_every_required_field_is_enforced(ask):
    whole = fact(tags=["a"])
    for name in whole:
        without = {key: value for key, value in whole.items() if key != name}
        told = ask("1.1", "adapter.validate(adapter.json_to_toon([it]))", without)
        assert told == [[False, [f"[0].{name} is missing"]]]


def test_what_is_no_toon_is_said_to_be_none(ask):
    ((good, problems),) = ask("1.1", "adapter.validate(it)", "[2,]{id}:\n  a\n  b")
    assert not good
    assert "no TOON" in problems[0]


def test_a_saving_is_told_even_where_there_is_none(ask):
    sample = [{"title": "Test", "summary": "Test", "source": "test", "tags": []}]
    sample[0]["relevance_score"] = 0.8
    (told,) = ask("1.0", "adapter.compare_formats(it)", sample)
    assert told["characters"] == {"json": 92, "toon": 93}
    (many,) = ask("1.1", "adapter.compare_formats(it)", [fact(tags=["a"]) for _ in range(20)])
    assert many["tokens"]["toon"] < many["tokens"]["json"]
    assert many["reduction_percent"] > 0
