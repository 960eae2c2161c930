"""Nothing happens to rows unseen: every difference is found, counted and named."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from stagegate.errors import BadInput, StepFailed
from stagegate.sqlite.compare import TableChange, compare_databases
from stagegate.sqlite.drill import refuse_damage
from stagegate.sqlite.expect import read_declared
from stagegate.sqlite.rest import copy_at_rest
from tests.unit.sqlite.helpers import Site, change, fill, kill_with_full_wal, make_site


def differences(tmp_path: Path, before: str, after: str, rows: int = 20) -> dict[str, TableChange]:
    """What two databases differ in; each is made from the test schema and some SQL."""
    one, two = tmp_path / "one.db", tmp_path / "two.db"
    fill(one, rows, "delete")
    change(one, before)
    copy_at_rest(one, two)
    change(two, after)
    found = compare_databases(one, two, lambda name: name.startswith("_yoyo"), 60)
    return {c.name: c for c in found if c.total or c.state != "kept" or c.lost_columns}


def numbers(found: TableChange) -> tuple[int, int, int]:
    return found.added, found.deleted, found.changed


REBUILD = """
CREATE TABLE {t}_new ({columns});
INSERT INTO {t}_new({names}) SELECT {names} FROM {t} ORDER BY {order};
DROP TABLE {t}; ALTER TABLE {t}_new RENAME TO {t};
"""


@pytest.mark.parametrize(
    "after",
    [
        "VACUUM",
        "ALTER TABLE entries ADD COLUMN note TEXT",
        "ALTER TABLE entries ADD COLUMN note TEXT; UPDATE entries SET note = key || '!'",
        "CREATE INDEX idx_more ON entries(weight)",
        "INSERT INTO _yoyo_migration VALUES ('0002-notes')",
        "ANALYZE",
        REBUILD.format(
            t="metrics", columns="name TEXT, value REAL", names="name, value", order="value DESC"
        ),
        REBUILD.format(
            t="entries",
            columns="id INTEGER PRIMARY KEY AUTOINCREMENT, session TEXT, key TEXT, value BLOB,"
            " weight REAL, more INT DEFAULT 7",
            names="id, session, key, value, weight",
            order="key DESC",
        ),
    ],
)
def test_what_keeps_every_row_is_no_change(tmp_path: Path, after: str) -> None:
    assert differences(tmp_path, "", after) == {}


@pytest.mark.parametrize(
    ("table", "after", "expected"),
    [
        ("entries", "DELETE FROM entries WHERE id = 7", (0, 1, 0)),
        ("entries", "INSERT INTO entries(key) VALUES ('new')", (1, 0, 0)),
        ("entries", "UPDATE entries SET weight = weight + 1e-15 WHERE id = 20", (0, 0, 1)),
        ("entries", "UPDATE entries SET value = NULL WHERE id IN (3, 4)", (0, 0, 2)),
        ("entries", "UPDATE entries SET value = 1 WHERE id = 3", (0, 0, 1)),
        ("entries", "UPDATE entries SET id = 1000 WHERE id = 3", (1, 1, 0)),
        ("sessions", "DELETE FROM sessions WHERE id = 's000005'", (0, 1, 0)),
        ("sessions", "UPDATE sessions SET user = 'USER1' WHERE id = 's000001'", (0, 0, 1)),
        ("state", "UPDATE state SET value = 'x' WHERE task < 3", (0, 0, 3)),
        ("state", "DELETE FROM state; INSERT INTO state VALUES (0, 'k', '0')", (0, 9, 0)),
        ("metrics", "DELETE FROM metrics WHERE value = 3", (0, 1, 0)),
        ("metrics", "INSERT INTO metrics VALUES ('p99', 3)", (1, 0, 0)),
        ("metrics", "UPDATE metrics SET value = 33 WHERE value = 3", (1, 1, 0)),
    ],
)
def test_every_difference_is_counted(
    tmp_path: Path, table: str, after: str, expected: tuple[int, int, int]
) -> None:
    found = differences(tmp_path, "", after)
    assert set(found) == {table}
    assert numbers(found[table]) == expected


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("INSERT INTO t VALUES (1, 1)", "UPDATE t SET v = '1'", (0, 0, 1)),
        ("INSERT INTO t VALUES (1, 1)", "UPDATE t SET v = 1.0", (0, 0, 1)),
        ("INSERT INTO t VALUES (1, 'a')", "UPDATE t SET v = 'A'", (0, 0, 1)),
        ("INSERT INTO t VALUES (1, 'a')", "UPDATE t SET v = x'61'", (0, 0, 1)),
        ("INSERT INTO t VALUES (1, NULL)", "UPDATE t SET v = ''", (0, 0, 1)),
        ("INSERT INTO t VALUES (1, 'a')", "UPDATE t SET v = 'a' || char(0) || 'b'", (0, 0, 1)),
        ("INSERT INTO t VALUES (1, NULL)", "UPDATE t SET v = NULL", (0, 0, 0)),
        (
            "INSERT INTO t VALUES (1, 9007199254740993)",
            "UPDATE t SET v = 9007199254740992",
            (0, 0, 1),
        ),
    ],
)
def test_values_are_equal_in_type_and_bytes(
    tmp_path: Path, before: str, after: str, expected: tuple[int, int, int]
) -> None:
    table = "CREATE TABLE t (id INTEGER PRIMARY KEY, v COLLATE NOCASE);"
    found = differences(tmp_path, table + before, after)
    assert (numbers(found["t"]) if found else (0, 0, 0)) == expected


def test_the_type_of_a_column_may_not_change_its_values(tmp_path: Path) -> None:
    before = "CREATE TABLE t (id INTEGER PRIMARY KEY, v INTEGER); INSERT INTO t VALUES (1, 5)"
    after = REBUILD.format(
        t="t", columns="id INTEGER PRIMARY KEY, v TEXT", names="id, v", order="id"
    )
    assert numbers(differences(tmp_path, before, after)["t"]) == (0, 0, 1)


def test_a_key_that_differs_in_case_alone_is_a_change(tmp_path: Path) -> None:
    before = "CREATE TABLE t (k TEXT PRIMARY KEY COLLATE NOCASE); INSERT INTO t VALUES ('a')"
    assert numbers(differences(tmp_path, before, "UPDATE t SET k = 'A'")["t"]) == (0, 0, 1)


def test_null_keys_do_not_hide_rows(tmp_path: Path) -> None:
    before = "CREATE TABLE t (k TEXT PRIMARY KEY, v); INSERT INTO t VALUES (NULL, 1), (NULL, 2)"
    found = differences(tmp_path, before, "DELETE FROM t WHERE v = 1")
    assert numbers(found["t"]) == (0, 1, 0)


def test_a_column_called_rowid_is_a_column(tmp_path: Path) -> None:
    before = "CREATE TABLE t (rowid TEXT, v); INSERT INTO t VALUES ('x', 1), ('x', 2)"
    found = differences(tmp_path, before, "DELETE FROM t WHERE v = 2")
    assert numbers(found["t"]) == (0, 1, 0)


def test_a_descending_integer_key_is_no_row_id(tmp_path: Path) -> None:
    before = "CREATE TABLE t (k INTEGER PRIMARY KEY DESC, v); INSERT INTO t VALUES (NULL, 1)"
    found = differences(tmp_path, before, "INSERT INTO t VALUES (NULL, 2)")
    assert numbers(found["t"]) == (1, 0, 0)


OTHER_KEY = REBUILD.format(
    t="sessions",
    columns="id TEXT, user TEXT, status TEXT, PRIMARY KEY (user, id)",
    names="id, user, status",
    order="id",
)


def test_another_key_is_no_change_of_rows(tmp_path: Path) -> None:
    assert differences(tmp_path, "", OTHER_KEY) == {}


def test_under_another_key_a_lost_row_is_found(tmp_path: Path) -> None:
    after = OTHER_KEY + "DELETE FROM sessions WHERE id = 's000001'"
    assert numbers(differences(tmp_path, "", after)["sessions"]) == (0, 1, 0)


def test_names_with_quotes_are_names(tmp_path: Path) -> None:
    before = 'CREATE TABLE "a""b; --" (id INTEGER PRIMARY KEY, "c ""d" TEXT);'
    found = differences(tmp_path, before, """INSERT INTO "a""b; --"("c ""d") VALUES ('x')""")
    assert numbers(found['a"b; --']) == (1, 0, 0)


def test_a_key_that_is_no_utf8_is_shown(tmp_path: Path) -> None:
    found = differences(
        tmp_path, "", "INSERT INTO sessions VALUES (CAST(x'ff41' AS TEXT), 'u', 's')"
    )
    assert found["sessions"].keys == {"added": ["\udcffA"]}


def test_keys_of_the_first_rows_are_shown(tmp_path: Path) -> None:
    found = differences(tmp_path, "", "DELETE FROM entries WHERE id > 3; DELETE FROM state")
    assert found["entries"].keys == {"deleted": [4, 5, 6, 7, 8]}
    assert found["state"].keys["deleted"][:2] == [[0, "k"], [1, "k"]]


def test_one_row_of_a_hundred_thousand_is_found(tmp_path: Path) -> None:
    found = differences(tmp_path, "", "DELETE FROM entries WHERE id = 77777", rows=100_000)
    assert numbers(found["entries"]) == (0, 1, 0)
    assert found["entries"].keys == {"deleted": [77777]}


def test_one_byte_of_a_hundred_thousand_rows_is_found(tmp_path: Path) -> None:
    after = "UPDATE entries SET value = zeroblob(39) || x'01' WHERE id = 50001"
    found = differences(tmp_path, "", after, rows=100_000)
    assert numbers(found["entries"]) == (0, 0, 1)


MIGRATED = "ALTER TABLE entries ADD COLUMN note TEXT"


@pytest.mark.parametrize(
    ("sql", "declared", "words"),
    [
        (MIGRATED, {}, ""),
        ("DELETE FROM metrics WHERE value = 3", {}, "1 row deleted from metrics (declared: 0)"),
        ("DELETE FROM metrics WHERE value = 3", {"metrics": {"deleted": 1}}, ""),
        (
            "DELETE FROM metrics WHERE value = 3",
            {"metrics": {"deleted": 2}},
            "1 row deleted from metrics (declared: 2)",
        ),
        ("DELETE FROM metrics WHERE value = 3", {"metrics": {"deleted": {"at_most": 2}}}, ""),
        (
            "DELETE FROM metrics",
            {"metrics": {"deleted": {"at_most": 2}}},
            "5 rows deleted from metrics (declared: at most 2)",
        ),
        (
            "DELETE FROM entries WHERE id IN (7, 9)",
            {},
            "2 rows deleted from entries (declared: 0; first keys: 7, 9)",
        ),
        ("UPDATE sessions SET status = 'x'", {}, "51 rows changed in sessions (declared: 0"),
        ("UPDATE sessions SET status = 'x'", {"sessions": {"changed": 51}}, ""),
        ("DROP TABLE metrics", {}, "the table metrics is gone with 5 rows; not declared"),
        ("DROP TABLE metrics", {"metrics": {"dropped": True}}, ""),
        ("DROP TABLE metrics", {"metrics": {"dropped": True, "deleted": 6}}, "declared: 6"),
        ("CREATE TABLE notes (a); INSERT INTO notes VALUES (1)", {}, ""),
        (
            "CREATE TABLE notes (a); INSERT INTO notes VALUES (1)",
            {"notes": {"created": True, "added": 3}},
            "1 row added to notes (declared: 3)",
        ),
        (
            "ALTER TABLE entries DROP COLUMN weight",
            {},
            "the column entries.weight is gone; not declared",
        ),
        (
            "ALTER TABLE entries DROP COLUMN weight",
            {"entries": {"dropped_columns": ["weight"]}},
            "",
        ),
        (
            "ALTER TABLE entries RENAME COLUMN weight TO mass",
            {},
            "the column entries.weight is gone",
        ),
        (MIGRATED, {"nonsense": {"deleted": 0}}, "names nonsense, a table that is on neither"),
        ("DROP INDEX idx_entries_key", {}, "the index idx_entries_key is missing"),
    ],
)
def test_only_what_is_declared_may_happen(
    site: Site, sql: str, declared: dict[str, Any], words: str
) -> None:
    site.options["expect"] = {"tables": ["sessions"], "indexes": ["idx_entries_key"]}
    site.release["expected_changes"] = declared
    state = site.do("backup")["state"]
    change(Path(state["scratch"]), sql)
    if not words:
        assert site.do("compare")["changed"]
        assert site.kinds("compare:memory") == ["intent", "done"]
        return
    with pytest.raises(StepFailed) as failure:
        site.do("compare")
    assert words in failure.value.what
    assert failure.value.code == 20
    assert site.kinds("compare:memory") == ["intent", "failed"]


def test_a_violation_that_a_migration_makes_is_found(site: Site) -> None:
    state = site.do("backup")["state"]
    change(Path(state["scratch"]), "UPDATE entries SET session = 'nobody' WHERE id = 9")
    site.release["expected_changes"] = {"entries": {"changed": 1}}
    with pytest.raises(StepFailed, match="entries row 9 has no parent in sessions"):
        site.do("compare")


def test_a_damaged_copy_is_found(site: Site) -> None:
    state = site.do("backup")["state"]
    place = Path(state["scratch"])
    with closing(sqlite3.connect(place)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'idx_entries_key'"
        root = connection.execute(query).fetchone()[0]
    with place.open("r+b") as handle:
        handle.seek((root - 1) * 4096)
        handle.write(bytes(4096))
    with pytest.raises(StepFailed, match=r"pragma integrity_check|malformed"):
        site.do("compare")


def test_an_index_that_lost_its_rows_is_found_though_every_row_is_there(site: Site) -> None:
    place = Path(site.do("backup")["state"]["scratch"])
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute(
            "UPDATE sqlite_master SET sql = 'CREATE INDEX idx_entries_key ON entries (id)' "
            "WHERE name = 'idx_entries_key'"
        )
        connection.commit()
    store = SimpleNamespace(name="memory", accepted_violations=0)
    with (
        closing(sqlite3.connect(place)) as connection,
        pytest.raises(StepFailed, match=r"is damaged \(pragma integrity_check\).*idx_entries_key"),
    ):
        refuse_damage(store, connection, "the copy")


def test_a_copy_in_wal_mode_with_a_wal_is_read_whole(site: Site) -> None:
    state = site.do("backup")["state"]
    kill_with_full_wal(Path(state["scratch"]), "DELETE FROM entries WHERE id = 1")
    with pytest.raises(StepFailed, match="1 row deleted from entries"):
        site.do("compare")


def test_without_a_backup_there_is_nothing_to_compare_with(site: Site) -> None:
    with pytest.raises(StepFailed, match=r"store:memory .* is not in the ledger"):
        site.do("compare")


def test_a_first_install_is_judged_by_its_objects(tmp_path: Path) -> None:
    site = Site(tmp_path, options={"expect": {"tables": ["entries"], "indexes": ["idx_missing"]}})
    site.do("backup")
    copy = site.state / "scratch" / site.run_id / "memory" / "app.db"
    copy.parent.mkdir(parents=True)
    fill(copy, 10, "delete")
    with pytest.raises(StepFailed, match="the index idx_missing is missing"):
        site.do("compare")


def test_bookkeeping_of_migration_tools_is_no_row_of_ours(tmp_path: Path) -> None:
    site = make_site(tmp_path, bookkeeping=["ledger_*"])
    state = site.do("backup")["state"]
    change(Path(state["scratch"]), "CREATE TABLE ledger_a (x); DELETE FROM _yoyo_migration")
    assert "ledger_a" not in site.do("compare")["evidence"]["rows"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "must map each table"),
        ({"t": 3}, "must map added, deleted, changed"),
        ({"t": {"delete": 3}}, "t.delete: unknown key"),
        ({"t": {"deleted": -1}}, "whole number"),
        ({"t": {"deleted": "some"}}, "whole number"),
        ({"t": {"deleted": True}}, "whole number"),
        ({"t": {"deleted": {"below": 3}}}, "at_most"),
    ],
)
def test_a_declaration_that_cannot_be_is_refused(value: Any, words: str) -> None:
    if value == []:
        value = ["t"]
    with pytest.raises(BadInput, match=words):
        read_declared(value)


def test_numbers_may_come_as_text() -> None:
    assert read_declared({"t": {"deleted": "3"}})["t"].rows == {"deleted": (3, 3)}
