"""Each release is what its description says, each bad one bad in its own way."""

from __future__ import annotations

import json
import signal

import pytest

from tests.unit.examples.toon.helpers import answer, extract, fact, migrate, run, run_tool, started

FOUND = {"facts": "facts/0001_found.py", "contexts": "contexts/0001_found.py"}
REWRITE = "contexts/0101_toon_0_2.py"


@pytest.fixture
def lived_in(unpacked, filled):
    """A knowledge base that 1.0 has written facts and contexts to."""
    with started(unpacked("1.0"), filled) as service:
        for number in range(3):
            tags = ["x"] * number
            assert extract(service, answer=answer(fact(title=f"T{number}", tags=tags)))[0] == 201
        ids = [record["id"] for record in filled.records()]
        for name, chosen in (("all", ids), ("new", ids[-3:]), ("old", ids[:5])):
            assert service.ask("POST", f"/contexts/{name}", {"ids": chosen})[0] == 201
    return filled


def contexts_of(release, base):
    """Every context in every form, as a release reads it."""
    with started(release, base) as service:
        names = service.get("/contexts")[1]["contexts"]
        return {
            (name, form): service.get(f"/contexts/{name}?form={form}")[1]["facts"]
            for name in names
            for form in ("full", "brief")
        }


def last_line(done):
    return done.stdout.splitlines()[-1]


def test_a_release_founds_what_is_not_there_and_leaves_what_is(unpacked, base, filled):
    before = filled.facts.read_bytes()
    for store, name in FOUND.items():
        place = filled.facts if store == "facts" else filled.contexts
        assert migrate(unpacked("1.0"), name, place).returncode == 0
    assert filled.facts.read_bytes() == before
    assert list(filled.contexts.iterdir()) == []


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_good_release_proves_itself_and_leaves_the_data_as_they_were(unpacked, filled, version):
    before = {record["id"] for record in filled.records()}
    done = run(unpacked(version), "toon-selftest", filled)
    assert (done.returncode, last_line(done)) == (0, "all passed"), done.stdout + done.stderr
    gone = {record["deletes"] for record in filled.records() if "deletes" in record}
    kept = {record["id"] for record in filled.records() if "deletes" not in record}
    assert kept - gone == before
    assert filled.texts() == {}


def test_1_1_rewrites_contexts_and_changes_no_fact_in_them(unpacked, lived_in):
    before, texts = contexts_of(unpacked("1.0"), lived_in), lived_in.texts()
    facts = lived_in.facts.read_bytes()
    done = migrate(unpacked("1.1"), REWRITE, lived_in.contexts)
    assert (done.returncode, done.stdout) == (0, "6 contexts rewritten\n"), done.stderr
    assert lived_in.texts().keys() == texts.keys()
    assert lived_in.texts()["old.brief.toon"].startswith("[5]{id,")
    assert "tags: []" in lived_in.texts()["new.toon"]
    assert contexts_of(unpacked("1.1"), lived_in) == before
    assert lived_in.facts.read_bytes() == facts


def test_1_1_needs_its_migration_and_1_0_cannot_follow_it(unpacked, lived_in):
    refused = run(unpacked("1.1"), "toon-selftest", lived_in)
    assert refused.returncode == 1
    assert "FAIL every stored context can be decoded: all.brief.toon" in refused.stdout
    assert migrate(unpacked("1.1"), REWRITE, lived_in.contexts).returncode == 0
    assert run(unpacked("1.1"), "toon-selftest", lived_in).returncode == 0
    old = run(unpacked("1.0"), "toon-selftest", lived_in)
    assert old.returncode == 1
    assert "new.toon: [0].tags is str" in old.stdout


def test_1_1_leaves_every_context_when_one_cannot_be_read(unpacked, lived_in):
    (lived_in.contexts / "zz.toon").write_text("[2]:\n  - id: a\n")
    before = lived_in.texts()
    done = migrate(unpacked("1.1"), REWRITE, lived_in.contexts)
    assert done.returncode == 1
    assert done.stderr.startswith("zz.toon cannot be read: ")
    assert lived_in.texts() == before


def test_2_0_names_the_stored_facts_that_it_would_destroy_and_no_other(unpacked, filled):
    done = run_tool("fill", "--facts", filled.facts, "--count", 4, "--seed", 7, "--colons")
    assert done.returncode == 0
    colons = [
        record
        for record in filled.records()
        if any(":" in tag for tag in record.get("keywords", record.get("key_concepts", [])))
    ]
    assert run(unpacked("1.1"), "toon-selftest", filled).returncode == 0
    done = run(unpacked("2.0-keeps-0.1.3"), "toon-selftest", filled)
    assert done.returncode == 1
    assert last_line(done).startswith(
        f"1 failed, the first: every stored fact survives TOON: {len(colons)} of 34 would be"
    )
    for record in filled.records():
        assert (record["id"] in last_line(done)) is (record in colons)


def test_2_0_passes_where_no_fact_shows_it(unpacked, filled):
    assert run(unpacked("2.0-keeps-0.1.3"), "toon-selftest", filled).returncode == 0


def test_2_1_drops_facts_and_its_selftest_does_not_see_it(unpacked, filled):
    before = filled.records()
    done = migrate(unpacked("2.1-drops-lines"), "facts/0210_one_shape.py", filled.facts)
    assert done.returncode == 0
    assert filled.records() == before[10:20]
    assert run(unpacked("2.1-drops-lines"), "toon-selftest", filled).returncode == 0


def test_2_2_is_killed_halfway_and_leaves_a_broken_copy(unpacked, filled, tmp_path):
    copy = filled.copy(tmp_path / "copy")
    done = migrate(unpacked("2.2-renames-first"), "facts/0220_quality.py", copy.facts)
    assert done.returncode == -signal.SIGKILL
    assert len(copy.records()) == 15
    assert len(filled.records()) == 30


def test_2_3_stores_nothing_and_all_who_ask_it_are_content(unpacked, filled):
    release = unpacked("2.3-stores-nothing")
    assert run(release, "toon-selftest", filled).returncode == 0
    before = filled.facts.read_bytes()
    with started(release, filled) as service:
        status, told = extract(service)
        assert (status, told["outcome"]) == (201, "stored")
        assert service.get(f"/facts/{told['facts'][0]}")[0] == 200
        given = (
            "A note. It says a lot of different things, so that it is kept by the model"
            " that judges it: retries, keys, attempts, payments, timeouts, refusals, limits,"
            " owners, deadlines, pools, threads and loops that end before their time comes."
        )
        done = run(release, "fact-extract", filled, given, "review", TOON_URL=service.url)
        assert (done.returncode, json.loads(done.stdout)["outcome"]) == (0, "stored")
    assert filled.facts.read_bytes() == before
