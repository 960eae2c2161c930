"""Every file has one verdict, the same with every parser, with true lines and offsets."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from stagegate.jsonl.line import parse_line
from stagegate.jsonl.model import KINDS, Report
from stagegate.jsonl.quick import read_quick
from stagegate.jsonl.records import iterate_records
from stagegate.jsonl.rules import Rules
from stagegate.jsonl.scan import run_scan
from tests.unit.jsonl.cases import CASES, Case
from tests.unit.jsonl.corpus import BAD, GOOD

WAYS: list[dict[str, Any]] = [
    {"parser": "json"},
    {"parser": "orjson"},
    {"parser": "orjson", "processes": 2},
    {"parser": "json", "processes": 3},
]
ANY_VALUE = Rules(policy={"not_an_object": "accept"})


def scan(path: Path, case: Case, **how: Any) -> Report:
    """Validate the file of a case."""
    path.write_bytes(case.data)
    return run_scan(path, Rules.from_params({**case.rules, **how}))


def places(report: Report) -> tuple[tuple[str, int, int, int], ...]:
    return tuple((f.kind, f.line, f.offset, f.length) for f in report.findings)


@pytest.mark.parametrize("how", WAYS, ids=lambda how: "-".join(map(str, how.values())))
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_file_has_its_verdict(case: Case, how: dict[str, Any], tmp_path: Path) -> None:
    report = scan(tmp_path / "x.jsonl", case, **how)
    assert places(report) == case.found
    assert report.records == case.records
    assert report.good == (not case.found)
    assert report.verdict == ("red" if case.found else "green")
    assert sum(report.counts.values()) == len(case.found)
    assert report.digest == hashlib.sha256(case.data).hexdigest()
    first = min((offset for _, _, offset, _ in case.found), default=len(case.data))
    end = report.torn.offset if report.torn and not case.found else first
    assert report.end == end
    assert report.prefix_digest == hashlib.sha256(case.data[:end]).hexdigest()
    assert (report.size, report.scanned) == (len(case.data), len(case.data))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_finding_says_what_a_terminal_can_show(case: Case, tmp_path: Path) -> None:
    for finding in scan(tmp_path / "x.jsonl", case).findings:
        told = finding.message + finding.context
        assert told.isascii()
        assert told.isprintable()
        assert len(finding.message) < 200
        assert len(finding.context) < 1000


@pytest.mark.parametrize("parser", ["json", "orjson"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_records_are_those_that_were_counted(case: Case, parser: str, tmp_path: Path) -> None:
    report = scan(tmp_path / "x.jsonl", case, parser=parser)
    rules = Rules.from_params({**case.rules, "parser": parser})
    found = list(iterate_records(tmp_path / "x.jsonl", rules))
    assert len(found) == report.records
    for offset, length, record in found:
        line = case.data[offset : offset + length]
        assert json.loads(line.decode("utf-8-sig")) == record
        assert case.data[offset + length : offset + length + 1] in (b"\n", b"")


def test_every_kind_of_finding_has_a_case() -> None:
    elsewhere = {"unknown_kind", "schema", "changed"}
    assert {found[0] for case in CASES for found in case.found} == set(KINDS) - elsewhere


@pytest.mark.parametrize("text", GOOD, ids=ascii)
def test_strict_json_is_a_record(text: bytes) -> None:
    parsed = parse_line(text, ANY_VALUE)
    assert parsed.faults == ()
    assert parsed.record == json.loads(text)


@pytest.mark.parametrize(("text", "kind"), BAD.items(), ids=lambda value: ascii(value)[:40])
def test_what_is_no_strict_json_is_told_by_its_kind(text: bytes, kind: str) -> None:
    assert {fault.kind for fault in parse_line(text, ANY_VALUE).faults} == {kind}


@pytest.mark.parametrize("text", BAD, ids=lambda value: ascii(value)[:40])
@pytest.mark.parametrize("frame", [b"%b", b'{"a":%b}', b'{"a":[%b]}', b'{"b":1,"a":[[%b ]]}'])
def test_the_quick_parser_proves_nothing_that_the_strict_one_refuses(
    text: bytes, frame: bytes
) -> None:
    line = frame.replace(b"%b", text)
    quick = read_quick(100)
    assert quick is not None
    good, rules = b'{"b":"x"}', Rules()
    bad = bool(parse_line(line, rules).faults)
    for lines in ([line], [good, line], [line, good], [good] * 20 + [line] + [good] * 20):
        assert (quick(b"\n".join(lines)) is None) or not bad


def test_the_quick_parser_proves_what_is_usual() -> None:
    """Else it would be right, and useless."""
    quick = read_quick(100)
    assert quick is not None
    compact = b'{"id":"8e-1234","t":"a: b","n":[1,0.5,-3],"u":"http://x/:1"}'
    spaced = b'{"id": "5e8e-123a", "t": "na\\u00efve \\u003c", "d": "2025-11-01T12:30:00.123456"}'
    for line in (compact, spaced):
        records = quick(b"\n".join([line] * 500))
        assert records == [json.loads(line)] * 500


def test_no_line_reaches_into_the_next_to_the_quick_parser() -> None:
    """Joined by commas these would be as many records as lines."""
    quick = read_quick(100)
    assert quick is not None
    assert quick(b'{"a":[1\n2]}\n{},{}') is None
    assert quick(b'{"a":[{}\n{}]}\n{},{}') is None
    assert quick(b'{"a":[1\n2]}\n{},7205759403792793,{}') is None
    assert quick(b'{"a":[1\n2]}\n{},7.205759403792793e15,{}') is None
