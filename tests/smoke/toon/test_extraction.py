"""Smoke tests 11 to 18: what is extracted is stored, and what is not stored says why."""

from __future__ import annotations

import json

import pytest

V2 = {
    *("id", "title", "summary", "type", "key_concepts", "problem_solved", "source"),
    *("relevance_score", "found_date", "auto_extracted", "confidence_score", "tags"),
    *("usage_count", "last_used", "source_quality"),
}

# Worth keeping, by the bundled model's measure: it says many different words.
NOTE = (
    "Close the pool before the loop ends\nConnections that outlive their loop keep the process"
    " from ending, because each holds a thread that waits for an answer nobody sends. A deadline on"
    " every wait, and one owner who closes them all in the reverse order, ends that."
)


def test_t11_an_extracted_fact_stands_in_the_file(service, data, stored):
    before = stored()
    fact = data.fact(tags=["written", "probe"])
    after = stored()
    assert [record for record in after["records"] if record["id"] == fact["id"]] == [fact]
    assert after["bytes"] > before["bytes"]


def test_t12_the_bundled_model_is_asked_where_no_answer_comes_along(service, data):
    told = data.extract(answer=None)
    assert (told["outcome"], told["stored"]) == ("stored", 1)


@pytest.mark.parametrize(
    ("level", "wrapping"),
    [
        ("json", "{}"),
        ("code_block", "I looked at it.\n```json\n{}\n```\nThat is all."),
        ("plain", "I would keep this: {} and nothing else."),
    ],
)
def test_t13_each_level_of_the_fallback_stores(service, data, level, wrapping):
    counter = f'toon_parses_total,level="{level}"'
    before = service.metrics()[counter]
    told = data.extract(answer=wrapping.format(data.answer()))
    assert (told["outcome"], told["parse_level"]) == ("stored", level)
    assert service.metrics()[counter] >= before + 1


@pytest.mark.parametrize(
    ("outcome", "status", "fields"),
    [
        ("too_short", 200, {"content": "Too short."}),
        ("unparsable", 422, {"answer": "I do not know what to say."}),
        ("declined", 200, {"answer": '{"should_store": false}'}),
        ("below_score", 200, {"answer": '{"should_store": true, "score": 0.2, "facts": []}'}),
        ("incomplete", 422, {"answer": '{"should_store": true, "score": 0.9, "facts": [{}]}'}),
    ],
)
def test_t14_what_is_not_stored_says_why(service, data, stored, outcome, status, fields):
    before = stored()["records"]
    told = data.extract(status, **fields)
    assert (told["outcome"], told["facts"]) == (outcome, [])
    assert told["detail"]
    assert stored()["records"] == before


def test_t15_a_content_that_is_cut_says_so(data):
    assert data.extract(content="Long. " * 1000)["content_cut"] is True
    assert data.extract()["content_cut"] is False


def test_t16_the_file_stays_json_of_the_known_shape(data, stored):
    fact = data.fact()
    (record,) = (record for record in stored()["records"] if record["id"] == fact["id"])
    assert set(record) == V2


def test_t17_fact_extract_stores_and_says_so(program, data, stored):
    done = program("fact-extract", NOTE, "commit", data.focus)
    assert done.rc == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    data.removes(*(f"/facts/{fact}" for fact in told["facts"]))
    assert (told["outcome"], told["stored"]) == ("stored", 1)
    known = [record["id"] for record in stored()["records"]]
    assert told["facts"][0] in known


def test_t18_fact_extract_never_ends_well_in_silence(program, data):
    short = program("fact-extract", "Too short.", "review", data.focus)
    assert (short.rc, json.loads(short.stdout)["outcome"]) == (3, "too_short")
    nobody = program("fact-extract", "A note. " * 20, "review", TOON_URL="http://127.0.0.1:9")
    assert (nobody.rc, json.loads(nobody.stdout)["outcome"]) == (69, "unavailable")
