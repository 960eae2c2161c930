"""What was acknowledged is in the file, whatever happens, and every line of it is accounted for."""

from __future__ import annotations

import json
import signal
from concurrent.futures import ThreadPoolExecutor

from tests.unit.examples.toon.helpers import answer, extract, fact, metrics, run, run_tool, started


def test_facts_of_all_three_shapes_are_read_and_found(unpacked, filled):
    shapes = {"v1": 10, "v2": 10, "v3": 10}
    with started(unpacked("1.1"), filled) as service:
        for record in filled.records():
            assert service.get(f"/facts/{record['id']}") == (200, record)
        words = filled.records()[-1]["title"].replace(" ", "%20")
        _, found = service.get(f"/search?q={words}&limit=1")
        assert found["facts"][0]["title"] == filled.records()[-1]["title"]
        told = metrics(service)
    for shape, number in shapes.items():
        assert any(
            f'shape="{shape}"' in line and line.endswith(f" {number}.0")
            for line in told.splitlines()
        )


def test_an_acknowledged_fact_survives_a_kill(unpacked, base):
    with started(unpacked("1.1"), base) as service:
        status, told = extract(service)
        service.process.send_signal(signal.SIGKILL)
        service.process.wait(10)
    assert (status, told["outcome"]) == (201, "stored")
    assert [record["id"] for record in base.records()] == told["facts"]


def test_a_cut_last_line_stays_one_bad_line(unpacked, base):
    with started(unpacked("1.1"), base) as service:
        _, first = extract(service)
    whole = base.facts.stat().st_size
    with base.facts.open("a") as file:
        file.write('{"id": "cut", "tit')
    with started(unpacked("1.1"), base) as service:
        _, second = extract(service)
        _, health = service.get("/health")
        assert health["invalid_lines"] == [{"line": 2, "offset": whole}]
        assert health["facts"] == 2
        for told in (first, second):
            assert service.get(f"/facts/{told['facts'][0]}")[0] == 200


def test_a_bad_line_is_named_with_its_number_and_its_byte(unpacked, filled):
    lines = filled.facts.read_bytes().splitlines(keepends=True)
    lines[4:4] = [b"no json\n", b'{"id": "x"}\n']
    filled.facts.write_bytes(b"".join(lines))
    offset = sum(map(len, lines[:4]))
    done = run(unpacked("1.1"), "toon-monitor", filled)
    assert done.returncode == 1
    assert f"30 valid lines, 2 invalid: line 5, byte {offset}: no JSON" in done.stdout
    assert "line 6" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("failing: knowledge base")
    assert run(unpacked("1.1"), "toon-selftest", filled).returncode == 1


def test_a_file_that_is_not_there_yet_is_no_fault(unpacked, base):
    done = run(unpacked("1.1"), "toon-monitor", base)
    assert (done.returncode, "knowledge base: Not yet created" in done.stdout) == (0, True)


def test_what_another_program_appends_is_seen(service, base):
    _, told = extract(service)
    done = run_tool("fill", "--facts", base.facts, "--count", 3)
    assert done.returncode == 0
    for record in base.records():
        assert service.get(f"/facts/{record['id']}") == (200, record)
    assert len(base.records()) == 3 + len(told["facts"])


def test_many_writers_leave_whole_lines(service, base):
    def write(number):
        return extract(service, answer=answer(fact(title=f"Number {number}")))[0]

    with ThreadPoolExecutor(8) as writers:
        assert set(writers.map(write, range(120))) == {201}
    titles = {record["title"] for record in base.records()}
    assert titles == {f"Number {number}" for number in range(120)}


def test_a_removed_fact_stays_in_the_file_and_is_gone(unpacked, service, base):
    _, told = extract(service)
    (fact_id,) = told["facts"]
    assert service.ask("DELETE", f"/facts/{fact_id}")[0] == 200
    assert service.get(f"/facts/{fact_id}")[0] == 404
    assert service.ask("DELETE", f"/facts/{fact_id}")[0] == 404
    first, second = base.records()
    assert (first["id"], second["deletes"]) == (fact_id, fact_id)
    assert run(unpacked("1.1"), "toon-search", base, "payment").returncode == 1


def test_a_service_stays_with_the_generation_that_it_started_on(unpacked, tmp_path, base):
    second = base.copy(tmp_path / "second")
    link = tmp_path / "current"
    link.symlink_to(base.home)
    there = {"TOON_FACTS": f"{link}/entries.jsonl", "TOON_CONTEXTS": f"{link}/contexts"}
    with started(unpacked("1.1"), base, **there) as service:
        link.unlink()
        link.symlink_to(second.home)
        assert extract(service)[0] == 201
    assert len(base.records()) == 1
    assert not second.facts.exists()


def test_a_place_that_is_not_there_is_refused_in_one_line(unpacked, base, tmp_path):
    missing = str(tmp_path / "nowhere" / "entries.jsonl")
    done = run(unpacked("1.1"), "toon-api", base, TOON_FACTS=missing)
    assert done.returncode == 78
    assert done.stderr == f"toon-api: TOON_FACTS: {tmp_path}/nowhere is not a directory\n"


def test_the_log_tells_a_failure_from_a_fallback(service, base):
    extract(service, answer="nothing of use")
    extract(service, answer=f"So: {answer(fact())}")
    lines = [json.loads(line) for line in (base.home / "log.jsonl").read_text().splitlines()]
    parses = [(line["event"], line["level"]) for line in lines if "parse_level" in line]
    assert parses == [("parse failed", "warning"), ("parsed by fallback", "info")]
    assert {line["version"] for line in lines} == {"1.1"}
