"""What users wrote on a release that goes back is counted exactly, exported, and kept."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import Fenced
from tests.unit.sqlite.helpers import (
    HOLDER,
    Site,
    ask,
    change,
    content,
    kill_with_full_wal,
    process,
)


@pytest.fixture
def live(site: Site) -> Site:
    """A site whose new generation is live."""
    site.deploy()
    return site


def exported(site: Site) -> list[dict[str, Any]]:
    text = (site.evidence / "delta.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_counts_every_row_and_each_once(live: Site) -> None:
    change(
        live.live,
        """
        INSERT INTO entries(session, key, value) VALUES ('s000001', 'new', x'00ff');
        UPDATE entries SET note = 'seen' WHERE id IN (5, 6, 7);
        DELETE FROM entries WHERE id = 9;
        DELETE FROM state WHERE task = 3;
        INSERT INTO state VALUES (3, 'k', 'again');
        INSERT INTO metrics VALUES ('p99', 1), ('p99', 1);
        UPDATE sessions SET user = user;
        """,
    )
    state = live.do("delta")["state"]
    assert state["tables"] == {
        "entries": {"added": 1, "changed": 3, "deleted": 1},
        "metrics": {"added": 2, "changed": 0, "deleted": 0},
        "state": {"added": 0, "changed": 1, "deleted": 0},
    }
    assert state["count"] == 8
    assert len(exported(live)) == 8


def test_the_export_holds_the_rows_themselves(live: Site) -> None:
    change(
        live.live,
        "INSERT INTO entries VALUES (900, 's000001', 'k', x'00ff', 1e999, 'é' || char(0));"
        "DELETE FROM state WHERE task = 1",
    )
    live.do("delta")
    added, deleted = exported(live)
    assert (added["table"], added["op"], added["key"]) == ("entries", "added", [900])
    assert base64.b64decode(added["row"]["value"]["base64"]) == b"\x00\xff"
    assert added["row"]["weight"] == {"real": "inf"}
    assert added["row"]["note"] == "é\0"
    assert deleted == {
        "table": "state",
        "op": "deleted",
        "key": [1, "k"],
        "row": {"task": 1, "key": "k", "value": "1"},
    }


def test_text_that_is_no_utf8_comes_back(live: Site) -> None:
    change(live.live, "INSERT INTO entries(id, key) VALUES (900, CAST(x'ff41' AS TEXT))")
    live.do("delta")
    text = exported(live)[0]["row"]["key"]
    assert text.encode("utf-8", "surrogateescape") == b"\xffA"


def test_the_export_is_the_same_every_time(live: Site) -> None:
    change(live.live, "UPDATE entries SET note = 'x' WHERE id % 2; DELETE FROM metrics")
    first = live.do("delta")["state"]
    raw = (live.evidence / "delta.jsonl").read_bytes()
    (live.evidence / "delta.jsonl").unlink()
    change(live.live, "INSERT INTO metrics VALUES ('x', 1); DELETE FROM metrics WHERE name = 'x'")
    second = live.do("delta")["state"]
    assert (live.evidence / "delta.jsonl").read_bytes() == raw
    assert first["sha256"] == second["sha256"] == hashlib.sha256(raw).hexdigest()
    assert (live.evidence / "delta.jsonl").stat().st_mode & 0o777 == 0o600


def test_rows_that_are_only_in_the_wal_of_a_killed_service_count(live: Site) -> None:
    kill_with_full_wal(live.live, "INSERT INTO metrics VALUES ('late', 1)")
    before = content(live.new.parent)
    assert live.do("delta")["state"]["count"] == 1
    assert content(live.new.parent) == before
    assert not list((live.state / "scratch").rglob("reading-*"))


def test_nothing_written_is_a_count_of_nothing(live: Site) -> None:
    assert live.do("delta")["state"]["count"] == 0
    assert exported(live) == []


def test_a_generation_that_is_not_live_has_no_delta(site: Site) -> None:
    site.do("stage")
    assert site.do("delta")["state"] == {"count": 0, "live": False}


def test_counts_again_only_what_changed(live: Site) -> None:
    change(live.live, "INSERT INTO metrics VALUES ('x', 1)")
    assert live.do("delta")["state"]["count"] == 1
    assert live.do("delta")["state"]["count"] == 1
    change(live.live, "INSERT INTO metrics VALUES ('x', 1)")
    assert live.do("delta")["state"]["count"] == 2


def test_counts_nothing_while_somebody_writes(live: Site) -> None:
    with process(HOLDER, str(live.live), "BEGIN IMMEDIATE"), pytest.raises(Fenced, match="pid"):
        live.do("delta")


def test_counts_nothing_against_another_image(live: Site) -> None:
    change(live.evidence / "activated.db", "DELETE FROM metrics")
    with pytest.raises(Fenced, match="is not the image that was kept"):
        live.do("delta")


def test_keeps_the_whole_failed_state(live: Site) -> None:
    kill_with_full_wal(live.live, "INSERT INTO metrics VALUES ('late', 1)")
    before = content(live.new.parent)
    state = live.do("forensic")["state"]
    kept = Path(state["file"])
    assert content(live.new.parent) == before
    assert kept.parent == live.evidence
    assert kept.name.startswith("failed-20")
    assert kept.name.endswith("Z.db")
    assert ask(kept, "SELECT count(*) FROM metrics WHERE name = 'late'") == 1
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == state["sha256"]
    assert state["damage"] == ""
    assert (live.evidence / "pinned").exists()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_keeps_it_once(live: Site) -> None:
    first = live.do("forensic")["state"]
    assert live.do("forensic")["state"] == first
    Path(first["file"]).write_bytes(b"lost")
    again = live.do("forensic")["state"]
    assert ask(Path(again["file"]), "SELECT count(*) FROM entries") == 200


@pytest.mark.parametrize(("begin", "words"), [(100, "malformed"), (0, "not a database")])
def test_keeps_a_damaged_database_as_it_is(live: Site, begin: int, words: str) -> None:
    raw = bytearray(live.new.read_bytes())
    raw[begin : begin + 1000] = bytes([255]) * 1000
    live.new.write_bytes(raw)
    state = live.do("forensic")["state"]
    assert words in state["damage"]
    assert Path(state["file"]).read_bytes() == bytes(raw)


def test_keeps_nothing_of_nothing(tmp_path: Path) -> None:
    assert Site(tmp_path).do("forensic")["state"] == {"absent": True}


def test_keeps_nothing_while_somebody_writes(live: Site) -> None:
    with process(HOLDER, str(live.live), "BEGIN IMMEDIATE"), pytest.raises(Fenced, match="pid"):
        live.do("forensic")
