"""A torn tail is told with its place, never cut off, and never glued to the next record."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from stagegate.errors import BadInput, Refused, StepFailed
from tests.unit.jsonl_store.helpers import append, fact, lines, make_host, records
from tests.unit.plain.host import Host, process

pytestmark = pytest.mark.usefixtures("patience")

LAST = lines([fact(99, tags=["ä", "b"])])
NUMBER = b'{"id": "f9", "n": 12345}\n'


def torn(place: Path, tail: bytes, **options: object) -> Host:
    host = make_host(place, 3, **options)
    with host.old.open("ab") as out:
        out.write(tail)
    return host


def test_every_cut_of_the_last_record_is_told_and_set_aside(tmp_path: Path) -> None:
    """Asked of the content itself: the driver's own look at every process takes its time."""
    for cut in range(1, len(LAST)):
        host = torn(tmp_path / str(cut), LAST[:cut])
        before = host.old.read_bytes()
        end = len(before) - cut
        with pytest.raises(Refused, match=rf"line 4 \(byte {end}\)") as caught:
            host.do("probe")
        assert "torn-tail.jsonl" in caught.value.next
        host.options["on_torn_tail"] = "quarantine"
        assert host.do("probe")["evidence"]["records"] == 3
        content, target = host.task("stage").content, tmp_path / str(cut) / "copy"
        staged = content.copy(host.old, target, tmp_path / str(cut))
        assert (staged["end"], staged["torn_bytes"]) == (end, cut)
        assert target.read_bytes() == before[:end]
        assert host.old.read_bytes() == before, "nothing is ever cut out of a file that served"
        kept = [json.loads(line) for line in Path(staged["side_file"]).read_text().splitlines()]
        assert kept[0]["offset"] == end
        assert b"".join(base64.b64decode(part["base64"]) for part in kept) == LAST[:cut]


@pytest.mark.parametrize(
    "tail",
    [b"12", b"true", NUMBER[:-1], b"\0", b"\0" * 512, b"   ", b'{"id"', b"\xc3", b"\r"],
)
def test_whatever_has_no_newline_is_no_record(tmp_path: Path, tail: bytes) -> None:
    host = torn(tmp_path, tail)
    with pytest.raises(Refused, match="line 4"):
        host.do("probe")
    host.options["on_torn_tail"] = "quarantine"
    host.deploy()
    assert records(host.live) == [fact(n) for n in range(3)]
    append(host, fact(50))
    assert records(host.live)[-1] == fact(50), "and the next record stands by itself"


def test_with_an_optional_newline_a_whole_record_is_one(tmp_path: Path) -> None:
    host = torn(tmp_path, LAST[:-1], rules={"final_newline": "optional"}, reads={})
    assert host.do("probe")["evidence"]["records"] == 4
    host.deploy()
    assert host.live.read_bytes() == host.old.read_bytes()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (b'{"id": "a"}{"id": "b"}\n', r"line 4 \(byte"),
        (b'{"id": "a"\n', "line 4"),
        (b"\0\0\0\n", "line 4"),
        (b'{"id": "a", "id": "b"}\n', "line 4"),
        (b'{"id": NaN}\n', "line 4"),
        (b'{"id": "\xff"}\n', "line 4"),
        (b'{"no": "kind"}\n', "line 4"),
        (b"\n", "line 4"),
    ],
)
def test_damage_in_the_middle_is_refused_with_its_place(
    tmp_path: Path, damage: bytes, words: str
) -> None:
    host = torn(tmp_path, damage + LAST, on_torn_tail="quarantine")
    before = host.old.read_bytes()
    with pytest.raises(Refused, match=words) as caught:
        host.do("probe")
    assert "accepted_damage" in caught.value.next
    with pytest.raises(StepFailed, match="is damaged"):
        host.do("backup")
    assert not host.backup.exists()
    assert host.old.read_bytes() == before


def test_accepted_damage_is_counted_and_one_more_is_too_many(tmp_path: Path) -> None:
    host = torn(tmp_path, b"{\n" + LAST, accepted_damage=1)
    assert host.do("probe")["evidence"]["damage"] == 1
    host.deploy()
    assert host.live.read_bytes() == host.old.read_bytes(), "the bad line is there as before"
    again = torn(tmp_path / "again", b"{\n}\n" + LAST, accepted_damage=1)
    with pytest.raises(Refused, match="2 findings, 1 are accepted"):
        again.do("probe")


def test_a_tail_that_appears_while_the_services_stop_fails_the_step(tmp_path: Path) -> None:
    host = make_host(tmp_path)
    host.do("probe")
    with host.old.open("ab") as out:
        out.write(b'{"id": "f9')
    with pytest.raises(StepFailed, match="ends with bytes that are no record"):
        host.do("stage")
    state = host.do("restore")["state"]
    assert not state["activated"]
    assert host.target() == "gen-first"


SLOW = """
import os, sys, time
out = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
os.write(out, b'{"id": "slow", ')
print("ready", flush=True)
time.sleep(0.3)
os.write(out, b'"title": "whole"}\\n')
time.sleep(600)
"""


def test_a_record_in_the_making_is_no_torn_tail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stagegate.jsonl_store.content.PATIENCE", 20.0)
    host = make_host(tmp_path)
    with process(SLOW, str(host.live)):
        assert host.do("probe")["evidence"]["torn"] is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rules": {"policy": {"torn_tail": "accept"}}}, "say stores.facts.on_torn_tail"),
        ({"rules": {"polcy": {}}}, "did you mean policy"),
        ({"on_torn_tail": "cut"}, "must be refuse or quarantine"),
        ({"accepted_damage": -1}, "must be a whole number"),
        ({"reads": {"1.0": ["thrd"]}}, "no kind 'thrd'; known here: second, first"),
        ({"reads": {"1.0": "first"}}, "must be a list of kinds"),
        ({"reads": ["first"]}, "must map each release"),
    ],
)
def test_bad_input_is_named_by_its_key(
    tmp_path: Path, options: dict[str, object], words: str
) -> None:
    host = make_host(tmp_path, **options)
    with pytest.raises(BadInput, match=words):
        host.do("probe")
