"""Every row that was written is exported once, exactly, and can be written again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from stagegate.postgresql.catalog import Table, read_schema
from stagegate.postgresql.delta import apply_delta, statement
from stagegate.postgresql.session import connect
from tests.unit.postgresql.helpers import Site

WRITES = r"""
INSERT INTO users (name, mood, active) VALUES (E'tab\t new\nline \\ slash', 'sad', false);
INSERT INTO users (name, mood, active) VALUES ('Zoë', NULL, NULL);
INSERT INTO history (user_id, tool, weight, price, raw, extra, note) VALUES
  (101, '', 1e-20, 0.10, '\xdeadbeef', '{"a": [1, null]}', 'new column');
UPDATE history SET weight = 1e-7, seen = '2026-11-22 08:00:00.000001+00' WHERE id = 7;
UPDATE pairs SET n = n + 1 WHERE a = 3;
DELETE FROM pairs WHERE a = 9;
DELETE FROM metrics WHERE ctid = (SELECT ctid FROM metrics WHERE name = 'p99' LIMIT 1);
INSERT INTO metrics VALUES (NULL, 8);
"""


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def content(site: Site, database: str) -> str:
    parts = (
        "SELECT * FROM users ORDER BY 1",
        "SELECT id, user_id, tool, weight, price, seen, raw, extra FROM history ORDER BY 1",
        "SELECT * FROM pairs ORDER BY 1, 2",
        "SELECT * FROM metrics ORDER BY 1, 2",
    )
    return "\n--\n".join(site.sql(part, database, site.cluster.admin) for part in parts)


def test_what_was_written_can_be_written_again_to_the_former_database(site: Site) -> None:
    site.migration_class = "one_way"
    site.deploy()
    site.sql(WRITES)
    written = content(site, "sparkle")
    evidence = site.do("delta")["evidence"]
    assert evidence["count"] == 8
    assert evidence["tables"] == {
        "history": {"added": 1, "changed": 1, "deleted": 0},
        "metrics": {"added": 1, "changed": 0, "deleted": 1},
        "pairs": {"added": 0, "changed": 1, "deleted": 1},
        "users": {"added": 2, "changed": 0, "deleted": 0},
    }
    file = Path(evidence["file"])
    assert evidence["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert file.stat().st_mode & 0o777 == 0o600
    found = lines(file)
    assert [line["table"] for line in found] == sorted(line["table"] for line in found)
    assert {"table": "users", "key": [101], "op": "added"}.items() <= found[-2].items()
    assert found[-2]["row"] == {
        "id": 101,
        "name": "tab\t new\nline \\ slash",
        "state": "new",
        "mood": "sad",
        "active": False,
    }
    gone = next(line for line in found if line["table"] == "pairs" and line["op"] == "deleted")
    assert gone["key"] == [9, "back\\slash9"]
    assert {
        "table": "metrics",
        "key": None,
        "op": "added",
        "row": {"name": None, "value": 8},
    } in found

    site.do("restore", accept_data_loss=8)
    assert content(site, "sparkle") != written
    with connect(site.store, "sparkle", run=site.run_id, step="again") as connection:
        schema = read_schema(connection, lambda table: False)
        assert "note" not in schema.tables["history"].columns
        done = apply_delta(connection, schema, found)
    assert done == {"added": 4, "changed": 2, "deleted": 2}
    assert content(site, "sparkle") == written


def test_with_nothing_written_nothing_is_restored_to_count_it(site: Site) -> None:
    site.migration_class = "one_way"
    site.deploy()
    assert site.do("delta")["evidence"]["count"] == 0
    assert (site.evidence / "delta.jsonl").read_bytes() == b""
    site.do("restore")
    assert site.sql("SELECT count(*) FROM history") == "100"


PAIRS = Table("public", "pairs", ("a", "b", "n"), ("integer", "text", "integer"), ("a", "b"))
HEAP = Table("app", "heap", ("x", "flag"), ("text", "boolean"), ())


def test_a_line_becomes_one_statement_with_bound_values() -> None:
    line = {"table": "pairs", "key": [1, "x"], "op": "changed", "row": {"a": 1, "b": "x", "z": 3}}
    query, values = statement(line, PAIRS)
    assert query.as_string(None) == (
        'UPDATE "public"."pairs" SET "a" = %s, "b" = %s WHERE "a" = %s AND "b" = %s'
    )
    assert values == ["1", "x", "1", "x"]
    line = {"table": "app.heap", "key": None, "op": "deleted", "row": {"x": None, "flag": True}}
    query, values = statement(line, HEAP)
    assert query.as_string(None).startswith('DELETE FROM "app"."heap" WHERE ctid = (SELECT ctid')
    assert values == [None, "t"]
