"""The writer logs what was acknowledged, and the checker finds what is missing of it."""

from __future__ import annotations

import json
import signal

import pytest

from tests.unit.examples.toon.helpers import Base, run_tool, started

LOST_LINE = "acknowledged writes: {}  lost: {}"


@pytest.fixture(scope="module")
def written(unpacked, tmp_path_factory):
    """A knowledge base that the writer has written to, and its log."""
    home = tmp_path_factory.mktemp("written")
    base, log = Base(home / "base"), home / "acknowledged.jsonl"
    base.home.mkdir()
    with started(unpacked("1.1"), base) as service:
        given = ("--url", service.url, "--log", log, "--rate", 200, "--seconds", 1.5)
        done = run_tool("writer", *given, "--colons")
        assert done.returncode == 0, done.stderr
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(10) == 0
    return base, log


def entries(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


def check(release, base, log):
    with started(release, base) as service:
        done = run_tool("checker", "--url", service.url, "--log", log)
    return done.returncode, done.stdout.splitlines()[-1]


def test_every_kind_of_write_is_logged_and_found(unpacked, written):
    base, log = written
    assert {entry["kind"] for entry in entries(log)} == {"fact", "removed", "context"}
    assert check(unpacked("1.1"), base, log) == (0, LOST_LINE.format(len(entries(log)), 0))


def kept_fact(log):
    removed = {entry["id"] for entry in entries(log) if entry["kind"] == "removed"}
    facts = [entry["fact"] for entry in entries(log) if entry["kind"] == "fact"]
    return next(fact for fact in facts if fact["id"] not in removed)


def without_a_fact(copy, log):
    victim = kept_fact(log)["id"]
    lines = copy.facts.read_text().splitlines(keepends=True)
    copy.facts.write_text("".join(line for line in lines if json.loads(line)["id"] != victim))


def with_another_tag(copy, log):
    victim = kept_fact(log)["id"]
    records = [
        {**record, "tags": ["cut"]} if record["id"] == victim else record
        for record in copy.records()
    ]
    copy.facts.unlink()
    copy.write(*records)


def without_a_removal(copy, _log):
    records = copy.records()
    records.remove(next(record for record in records if "deletes" in record))
    copy.facts.unlink()
    copy.write(*records)


def without_a_context(copy, log):
    name = [entry["name"] for entry in entries(log) if entry["kind"] == "context"][-1]
    (copy.contexts / f"{name}.toon").unlink()


def with_another_context(copy, log):
    name = [entry["name"] for entry in entries(log) if entry["kind"] == "context"][-1]
    path = copy.contexts / f"{name}.toon"
    path.write_text(path.read_text().replace("http:", "https:"))


@pytest.mark.parametrize(
    "damage",
    [
        without_a_fact,
        with_another_tag,
        without_a_removal,
        without_a_context,
        with_another_context,
    ],
)
def test_a_lost_write_is_found(unpacked, written, tmp_path, damage):
    base, log = written
    copy = base.copy(tmp_path / "copy")
    damage(copy, log)
    assert check(unpacked("1.1"), copy, log) == (1, LOST_LINE.format(len(entries(log)), 1))


def test_a_line_that_was_cut_when_the_writer_was_killed_is_left_out(unpacked, written, tmp_path):
    base, log = written
    cut = tmp_path / "cut.jsonl"
    cut.write_text(log.read_text() + '{"kind": "fact", "fact"')
    assert check(unpacked("1.1"), base, cut)[0] == 0


def test_the_same_seed_gives_the_same_facts(tmp_path):
    files = [tmp_path / name for name in ("first", "second", "other")]
    for file, seed in zip(files, (3, 3, 4), strict=True):
        assert run_tool("fill", "--facts", file, "--count", 9, "--seed", seed).returncode == 0
    first, second, other = (file.read_bytes() for file in files)
    assert first == second
    assert first != other


@pytest.mark.parametrize(("option", "colons"), [((), False), (("--colons",), True)])
def test_colons_come_only_when_they_are_asked_for(tmp_path, option, colons):
    file = tmp_path / "facts"
    assert run_tool("fill", "--facts", file, "--count", 60, *option).returncode == 0
    records = [json.loads(line) for line in file.read_text().splitlines()]
    tags = [tag for one in records for tag in one.get("tags", one.get("keywords", []))]
    assert any(":" in tag for tag in tags) is colons
