"""Offsets, lines and digests are those of the file, wherever it is cut or read from."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from stagegate.errors import BadInput
from stagegate.jsonl.pieces import LINES, TAIL, Piece, read_pieces
from stagegate.jsonl.records import iterate_digests, iterate_records
from stagegate.jsonl.rules import Rules
from stagegate.jsonl.scan import run_scan

ONE = b'{"a":1}\n'
LAST = '{"id":"x","n":[1.5,-12],"t":"na\u00efve \\u00e9","o":{"k":null}}\n'.encode()
PARSERS = ["json", "orjson"]


@pytest.mark.parametrize("parser", PARSERS)
def test_a_file_cut_anywhere_in_its_last_record_has_a_torn_tail(
    parser: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.jsonl"
    data = ONE * 3 + LAST
    for cut in range(len(ONE) * 3 + 1, len(data)):
        path.write_bytes(data[:cut])
        report = run_scan(path, Rules(parser=parser))
        assert report.torn is not None
        assert (report.torn.kind, report.torn.line, report.torn.offset) == ("torn_tail", 4, 24)
        assert report.torn.length == cut - 24
        assert report.counts == {"torn_tail": 1}
        assert (report.records, report.end) == (3, 24)
        assert report.prefix_digest == hashlib.sha256(ONE * 3).hexdigest()


@pytest.mark.parametrize("parser", PARSERS)
def test_a_number_that_was_cut_short_is_torn_though_it_is_json(parser: str, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    data = b"1\n" + b"-12.5e+3"
    accepting = {"not_an_object": "accept"}
    for cut in range(3, len(data) + 1):
        path.write_bytes(data[:cut])
        rules = Rules(parser=parser, policy=accepting)
        assert run_scan(path, rules).counts == {"torn_tail": 1}


@pytest.mark.parametrize("parser", PARSERS)
def test_an_append_after_any_torn_tail_is_told_and_loses_no_byte(
    parser: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.jsonl"
    torn = LAST[:-1]
    for cut in range(1, len(torn)):
        path.write_bytes(ONE + torn[:cut] + LAST + ONE)
        report = run_scan(path, Rules(parser=parser))
        assert report.records == 2
        assert (report.end, report.lines) == (8, 3)
        assert sum(finding.length for finding in report.findings) == cut + len(LAST) - 1
        if b"{" not in torn[1:cut]:  # else an inner object may be the first that is whole
            assert report.counts == {"glued": 2} or torn[:cut].endswith(b"\xc3")
            assert [f.offset for f in report.findings] in ([8, 8 + cut], [8])


def lengths_of(pieces: list[Piece]) -> list[int]:
    """The length of every line as the pieces tell it; the last has no newline, and may be empty."""
    lengths = []
    for piece in pieces:
        if piece.role == LINES:
            lengths += [len(line) for line in piece.data.split(b"\n")[:-1]]
        elif piece.length >= 0:
            lengths.append(piece.length)
    return lengths if pieces and pieces[-1].role == TAIL else [*lengths, 0]


@pytest.mark.parametrize("longest", [1, 5, 8, 30, 1000])
def test_pieces_are_the_file(longest: int, tmp_path: Path) -> None:
    data = b"\n" + ONE * 2 + b"x" * 50 + b"\n\n" + ONE + b"y" * 30 + b"\n" + b"z" * 12
    path = tmp_path / "x"
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    try:
        for block in range(1, 60):
            for stop in (len(data), 52, 9, 1, 0):
                pieces = list(read_pieces(descriptor, 0, stop, longest, block))
                assert b"".join(piece.data for piece in pieces) == data[:stop]
                offset = 0
                for piece in pieces:
                    assert piece.offset == offset or not piece.data
                    offset += len(piece.data)
                    assert len(piece.data) <= longest + max(block, longest // 8)
                    assert piece.role != LINES or piece.data.endswith(b"\n")
                assert lengths_of(pieces) == [len(line) for line in data[:stop].split(b"\n")]
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("parser", PARSERS)
def test_a_scan_may_begin_at_any_line_and_end_at_any_byte(parser: str, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    data = ONE * 5 + b"no\n" + LAST
    path.write_bytes(data)
    rules = Rules(parser=parser)
    report = run_scan(path, rules, start=16)
    assert (report.records, report.lines, report.end) == (4, 5, 40)
    assert [(f.kind, f.line, f.offset) for f in report.findings] == [("not_json", 6, 40)]
    assert report.digest == hashlib.sha256(data[16:]).hexdigest()
    assert report.prefix_digest == hashlib.sha256(data[16:40]).hexdigest()
    part = run_scan(path, rules, until=40, start=8)
    assert (part.good, part.records, part.scanned, part.size) == (True, 4, 40, len(data))
    inside = run_scan(path, rules, until=12)
    assert inside.torn is not None
    assert (inside.torn.line, inside.torn.offset, inside.torn.length) == (2, 8, 4)
    assert run_scan(path, rules, until=0).good
    with pytest.raises(BadInput, match="no line begins at byte 3"):
        run_scan(path, rules, start=3)
    for start, until in ((-1, 8), (8, 0)):
        with pytest.raises(BadInput, match="are no range"):
            run_scan(path, rules, start=start, until=until)


@pytest.mark.parametrize("parser", PARSERS)
def test_records_come_with_their_places(parser: str, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    lines = [b'{"id":%d}' % number for number in range(100)]
    lines[50] = b"no"
    data = b"\n".join(lines) + b"\n" + b'{"id":'
    path.write_bytes(data)
    found = list(iterate_records(path, Rules(parser=parser)))
    assert [record["id"] for _, _, record in found] == [*range(50), *range(51, 100)]
    for offset, length, record in found:
        assert json.loads(data[offset : offset + length]) == record
    some = list(iterate_records(path, Rules(parser=parser), start=9, until=36))
    assert [record["id"] for _, _, record in some] == [1, 2, 3]


@pytest.mark.parametrize("parser", PARSERS)
def test_digests_compare_two_files_by_key(parser: str, tmp_path: Path) -> None:
    one, other = tmp_path / "1.jsonl", tmp_path / "2.jsonl"
    one.write_bytes(b'{"id":"a","n":1}\n{"id":"b","n":1}\n{"n":1}\n')
    other.write_bytes(b'{"id":"b","n":1}\n{"id":"a","n":2}\n')
    rules = Rules(parser=parser)
    before = {d.key: d.digest for d in iterate_digests(one, rules, "id")}
    after = {d.key: d.digest for d in iterate_digests(other, rules, "id")}
    assert set(before) == {"a", "b", None}
    assert before["b"] == after["b"] == hashlib.sha256(b'{"id":"b","n":1}').hexdigest()
    assert before["a"] != after["a"]


def test_findings_beyond_the_first_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes((ONE + b"no\n") * 5000)
    report = run_scan(path, Rules(most_findings=7))
    assert len(report.findings) == 7
    assert [f.line for f in report.findings] == [2, 4, 6, 8, 10, 12, 14]
    assert (report.counts, report.records) == ({"not_json": 5000}, 5000)
    assert run_scan(path, Rules(most_findings=7, processes=2)) == report.__class__(
        **{**vars(report), "rules": Rules(most_findings=7, processes=2)}
    )
