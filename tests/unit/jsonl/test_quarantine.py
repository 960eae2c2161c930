"""Bad bytes are copied whole to a side file that survives, and the source stays as it is."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import BadInput, GateUnknown, Refused
from stagegate.jsonl.model import BadLines
from stagegate.jsonl.quarantine import run_quarantine
from stagegate.jsonl.rules import Rules
from stagegate.jsonl.scan import run_scan
from tests.unit.jsonl.cases import CASES, Case

BAD = b'{"a":1}\nno\n{"a":1}{"a":2}\n\xff\n{"a":1,"b'
RULES = Rules(most_findings=1)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_every_finding_is_there_also_beyond_the_first(tmp_path: Path) -> None:
    path, side = tmp_path / "x.jsonl", tmp_path / "side.jsonl"
    path.write_bytes(BAD)
    report = run_scan(path, RULES)
    assert len(report.findings) == 1
    done = run_quarantine(report, path, side)
    assert (done.findings, done.bytes, done.changed) == (5, 2 + 7 + 7 + 1 + 9, True)
    found = [(line["kind"], line["line"], line["offset"]) for line in lines(side)]
    assert found == [
        ("not_json", 2, 8),
        ("glued", 3, 11),
        ("glued", 3, 18),
        ("not_utf8", 4, 26),
        ("torn_tail", 5, 28),
    ]
    for line in lines(side):
        data = base64.b64decode(line["base64"])
        assert data == BAD[line["offset"] : line["offset"] + line["length"]]
        assert line["source"]["inode"] == path.stat().st_ino
        assert line["source"]["sha256"] == report.digest
    assert path.read_bytes() == BAD
    assert side.stat().st_mode & 0o777 == 0o600
    assert run_scan(side, Rules()).good


@pytest.mark.parametrize("case", [c for c in CASES if c.found], ids=lambda case: case.name)
def test_a_side_file_holds_each_bad_byte_of_a_case(case: Case, tmp_path: Path) -> None:
    path, side = tmp_path / "x.jsonl", tmp_path / "side.jsonl"
    path.write_bytes(case.data)
    report = run_scan(path, Rules.from_params(case.rules))
    done = run_quarantine(report, path, side)
    assert done.findings == len(case.found)
    assert done.bytes == sum(length for *_, length in case.found)
    whole: dict[int, bytes] = {}
    for line in lines(side):
        whole.setdefault(line["of"]["offset"], b"")
        whole[line["of"]["offset"]] += base64.b64decode(line["base64"])
    for _, _, offset, length in case.found:
        assert whole[offset] == case.data[offset : offset + length]


def test_an_accepted_torn_tail_is_kept_as_well(tmp_path: Path) -> None:
    path, side = tmp_path / "x.jsonl", tmp_path / "side.jsonl"
    path.write_bytes(b'{"a":1}\n{"a":')
    report = run_scan(path, Rules(policy={"torn_tail": "accept"}))
    assert report.good
    assert run_quarantine(report, path, side).bytes == 5


def test_a_second_time_changes_nothing(tmp_path: Path) -> None:
    path, side = tmp_path / "x.jsonl", tmp_path / "side.jsonl"
    path.write_bytes(BAD)
    report = run_scan(path, RULES)
    first = run_quarantine(report, path, side)
    before = side.stat()
    again = run_quarantine(report, path, side)
    assert (first.changed, again.changed) == (True, False)
    assert first.digest == again.digest
    assert (side.stat().st_ino, side.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_another_side_file_is_never_written_over(tmp_path: Path) -> None:
    path, side = tmp_path / "x.jsonl", tmp_path / "side.jsonl"
    path.write_bytes(BAD)
    side.write_text("somebody's evidence\n")
    with pytest.raises(Refused, match="holds something else"):
        run_quarantine(run_scan(path, RULES), path, side)
    assert side.read_text() == "somebody's evidence\n"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["side.jsonl", "x.jsonl"]


def test_a_source_that_changed_since_gives_no_side_file(tmp_path: Path) -> None:
    path, side = tmp_path / "x.jsonl", tmp_path / "side.jsonl"
    path.write_bytes(BAD)
    report = run_scan(path, RULES)
    path.write_bytes(BAD.replace(b"no", b"ok"))
    with pytest.raises(GateUnknown, match="is not the file any more"):
        run_quarantine(report, path, side)
    assert list(tmp_path.iterdir()) == [path]


def test_appends_after_the_report_do_not_matter(tmp_path: Path) -> None:
    path, side = tmp_path / "x.jsonl", tmp_path / "side.jsonl"
    path.write_bytes(BAD)
    report = run_scan(path, RULES)
    with path.open("ab") as handle:
        handle.write(b'"}\nmore\n')
    assert run_quarantine(report, path, side).findings == 5


@pytest.mark.parametrize(
    ("side", "said"),
    [
        ("side.jsonl", "must be an absolute path"),
        ("{tmp}/nowhere/side.jsonl", "lies in no directory"),
        ("{tmp}", "no regular file"),
        ("{tmp}/x.jsonl", "is the file itself"),
        ("{tmp}/link", "no regular file"),
    ],
)
def test_a_place_that_cannot_be_is_refused(side: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(BAD)
    (tmp_path / "link").symlink_to("x.jsonl")
    with pytest.raises(BadInput, match=said):
        run_quarantine(run_scan(path, RULES), path, Path(side.format(tmp=tmp_path)))
    assert path.read_bytes() == BAD


def test_the_error_of_a_bad_file_names_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(BAD)
    with pytest.raises(BadLines) as caught:
        run_scan(path, RULES).refuse_bad()
    assert "line 2 (byte 8): no JSON at byte 1 of the line" in caught.value.what
    assert "2 glued, 1 not_json, 1 not_utf8, 1 torn_tail" in caught.value.what
    assert caught.value.next == f"look at it: tail -c +9 {path} | head -c 2 | cat -v"
    assert caught.value.code == 21
    assert caught.value.as_result()["evidence"]["records"] == 1
