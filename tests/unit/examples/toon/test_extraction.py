"""An extraction never ends in silence: it is stored, or its outcome says why not."""

from __future__ import annotations

import json

import pytest

from tests.unit.examples.toon.helpers import CONTENT, answer, extract, fact, metrics, run

FENCE = "```"


@pytest.mark.parametrize(
    ("wrapping", "level"),
    [
        ("ANSWER", "json"),
        ("  ANSWER\n", "json"),
        (f"{FENCE}json\nANSWER\n{FENCE}", "code_block"),
        (f"Look:\n{FENCE}\nANSWER\n{FENCE}\nThat is it.", "code_block"),
        (f"{FENCE}python\nprint(1)\n{FENCE}\n{FENCE}json\nANSWER\n{FENCE}", "code_block"),
        ("I would keep ANSWER as it is.", "plain"),
        ('An example is {"a": 1}, but: ANSWER', "plain"),
        (f"{FENCE}json\nnot json\n{FENCE} ANSWER", "plain"),
    ],
)
def test_an_answer_is_understood_however_it_is_wrapped(service, wrapping, level):
    status, told = extract(service, answer=wrapping.replace("ANSWER", answer(fact())))
    assert (status, told["outcome"], told["parse_level"]) == (201, "stored", level)
    counted = f'level="{level}"'
    assert any(
        counted in line and line.startswith("toon_parses_total") and line.endswith(" 1.0")
        for line in metrics(service).splitlines()
    )


@pytest.mark.parametrize(
    ("outcome", "fields"),
    [
        ("too_short", {"content": "x" * 99}),
        ("unparsable", {"answer": ""}),
        ("unparsable", {"answer": "[1, 2]"}),
        ("unparsable", {"answer": '{"facts": []}'}),
        ("unparsable", {"answer": answer(fact())[:-3]}),
        ("declined", {"answer": answer(fact(), should_store=False)}),
        ("declined", {"answer": answer(fact(), should_store="true")}),
        ("below_score", {"answer": answer(fact(), score=0.59)}),
        ("incomplete", {"answer": answer(fact(), score=None)}),
        ("incomplete", {"answer": answer(fact(), score=True)}),
        ("incomplete", {"answer": answer()}),
        ("incomplete", {"answer": answer("text")}),
        ("incomplete", {"answer": answer(fact(), {"title": "T"})}),
        ("incomplete", {"answer": answer(fact(tags="a"))}),
        ("incomplete", {"answer": answer(fact(title="\ud800"))}),
    ],
)
def test_what_is_not_stored_says_why_and_leaves_nothing(service, base, outcome, fields):
    status, told = extract(service, **fields)
    assert (told["outcome"], told["stored"], told["facts"]) == (outcome, 0, [])
    assert told["detail"]
    assert status == (422 if outcome in ("unparsable", "incomplete") else 200)
    assert base.records() == []


def test_the_bundled_model_gives_the_same_answer_to_the_same_content(service, base):
    for _ in range(2):
        assert extract(service)[0] == 201
    first, second = ({**record, "id": ""} for record in base.records())
    assert first == second
    assert first["title"] == "Retry only what can be repeated"


def test_tags_that_a_content_names_are_taken_as_they_are(service, base):
    extract(service, content=f"{CONTENT}\nTags: area: auth, http://x")
    assert base.records()[0]["tags"] == ["area: auth", "http://x"]


def test_a_long_content_is_cut_and_that_is_told(service):
    assert extract(service)[1]["content_cut"] is False
    assert extract(service, content=CONTENT * 20)[1]["content_cut"] is True


def test_a_trial_is_counted_as_a_parse_and_stores_nothing(service, base):
    content = CONTENT.replace(" ", "%20").replace("\n", "%0A")
    status, told = service.get(f"/extract/trial?source_type=review&content={content}")
    assert (status, told["parse_level"] in ("json", "code_block", "plain")) == (200, True)
    assert base.records() == []
    assert 'toon_extractions_total{instance="' in metrics(service)


@pytest.mark.parametrize(
    ("arguments", "status", "outcome"),
    [
        ((CONTENT, "review", "payments"), 0, "stored"),
        (("short", "commit"), 3, "too_short"),
    ],
)
def test_fact_extract_tells_the_outcome_twice(unpacked, service, base, arguments, status, outcome):
    done = run(unpacked("1.1"), "fact-extract", base, *arguments, TOON_URL=service.url)
    assert (done.returncode, json.loads(done.stdout)["outcome"]) == (status, outcome)


@pytest.mark.parametrize(
    ("text", "status", "outcome"),
    [
        ("no answer", 4, "unparsable"),
        (answer({"title": "T"}), 5, "incomplete"),
        (answer(fact(), score=0.1), 0, "below_score"),
    ],
)
def test_fact_extract_passes_an_answer_on(unpacked, service, base, tmp_path, text, status, outcome):
    file = tmp_path / "answer"
    file.write_text(text)
    given = (CONTENT, "review", "--answer", str(file))
    done = run(unpacked("1.1"), "fact-extract", base, *given, TOON_URL=service.url)
    assert (done.returncode, json.loads(done.stdout)["outcome"]) == (status, outcome)


def test_fact_extract_without_a_service_says_so(unpacked, base):
    given = (CONTENT, "review")
    done = run(unpacked("1.1"), "fact-extract", base, *given, TOON_URL="http://127.0.0.1:9")
    assert (done.returncode, json.loads(done.stdout)["outcome"]) == (69, "unavailable")
