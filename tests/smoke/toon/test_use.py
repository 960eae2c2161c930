"""Smoke tests 19 to 28: facts are read, found and rendered, and the service is watched."""

from __future__ import annotations

import json
import re

COMPONENTS = ("adapter", "extraction program", "knowledge base", "contexts", "python")
LINE = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z (ok  |FAIL) ([a-z ]+): \S")
# A file of two lines, of which the second is cut, beside an empty directory of contexts.
BROKEN = """
import pathlib, sys, tempfile
place = pathlib.Path(tempfile.mkdtemp())
(place / "contexts").mkdir()
(place / "entries.jsonl").write_text('{"id": "a", "deletes": "b"}\\n{"id": ')
print(place)
"""
REMOVE = """
import shutil, sys
shutil.rmtree(sys.argv[1])
"""


def test_t19_a_fact_is_read_and_removed(service, data):
    fact = data.fact()
    service.expect(200, "DELETE", f"/facts/{fact['id']}")
    service.expect(404, "GET", f"/facts/{fact['id']}")


def test_t20_a_fact_is_found_by_its_words(service, data, program):
    fact = data.fact(summary="The pilot boards every ship before the breakwater.")
    question = f"{data.mark} breakwater"
    found = service.expect(200, "GET", "/search", q=question, limit=5)["facts"]
    assert found[0] == fact
    told = program("toon-search", question).stdout.splitlines()
    assert json.loads(told[0]) == fact


def test_t21_a_context_gives_its_facts_back(service, data):
    facts = [data.fact(tags=tags) for tags in (["a", "b"], [], ["c"])]
    rendered = data.context(*facts)
    assert rendered.status == 201, rendered.text
    found = service.expect(200, "GET", f"/contexts/{data.mark}")["facts"]
    assert [(fact["id"], fact["tags"]) for fact in found] == [
        (fact["id"], fact["tags"]) for fact in facts
    ]
    brief = service.expect(200, "GET", f"/contexts/{data.mark}", form="brief")["facts"]
    assert [fact["id"] for fact in brief] == [fact["id"] for fact in facts]


def test_t22_a_tag_with_a_colon_is_never_lost_in_silence(service, data, measured):
    fact = data.fact(tags=["area: auth", "http://example.org/a"])
    rendered = data.context(fact)
    if rendered.status == 201:
        (found,) = service.expect(200, "GET", f"/contexts/{data.mark}")["facts"]
        assert found["tags"] == fact["tags"]
        measured("kept")
    else:
        assert (rendered.status, rendered.json["error"]) == (422, "not_kept")
        assert fact["id"] in rendered.json["detail"]
        measured("refused, the fact is named")


def test_t23_the_monitor_tells_of_each_component(service, program):
    done = program("toon-monitor")
    *lines, verdict = done.stdout.splitlines()
    assert done.rc == 0, done.stdout
    assert tuple(LINE.match(line)[2] for line in lines) == COMPONENTS
    assert verdict.endswith("all well")
    told = service.expect(200, "GET", "/monitor")
    assert told["well"] is True
    assert len(told["lines"]) == len(COMPONENTS) + 1


def test_t24_the_monitors_verdict_follows_from_what_it_saw(program, on_host):
    place = on_host(BROKEN).strip()
    try:
        where = {"TOON_FACTS": f"{place}/entries.jsonl", "TOON_CONTEXTS": f"{place}/contexts"}
        done = program("toon-monitor", **where)
    finally:
        on_host(REMOVE, place)
    assert done.rc == 1
    assert "1 valid lines, 1 invalid: line 2, byte 28" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("failing: knowledge base")


def test_t25_every_outcome_is_counted(service, data):
    before = service.metrics()
    data.extract()
    data.extract(422, answer="I do not know what to say.")
    after = service.metrics()
    for outcome in ("stored", "unparsable"):
        counter = f'toon_extractions_total,outcome="{outcome}"'
        assert after[counter] >= before[counter] + 1
    levels = {"json", "code_block", "plain", "none"}
    assert {f'toon_parses_total,level="{level}"' for level in levels} <= after.keys()


def test_t26_the_saving_of_tokens_is_measured(service, program, measured):
    told = service.expect(200, "GET", "/tokens")
    assert told["json"] > 0
    assert told["toon"] > 0
    assert json.loads(program("toon-tokens").stdout)["json"] > 0
    measured(f"{told['reduction_percent']:g} % of {told['json']} tokens")


def test_t27_facts_are_read_and_found_in_time(service, data, measured):
    read = service.usual_seconds(f"/facts/{data.fact()['id']}")
    found = service.usual_seconds("/search", q="smoke test", limit=20)
    measured(f"read {read * 1000:.1f} ms, found {found * 1000:.1f} ms")
    assert read < 0.050
    assert found < 0.250


def test_t28_wrong_requests_are_refused(service):
    service.expect(400, "POST", "/extract", b'{"content": ')
    service.expect(422, "POST", "/extract", {"content": "x", "source_type": "rumour"})
    service.expect(422, "GET", "/search", q="")
    service.expect(404, "GET", "/facts/there-is-none")
    service.expect(404, "GET", "/contexts/there-is-none")
    service.expect(422, "POST", "/contexts/..%2Fescape", {"q": "smoke"})
