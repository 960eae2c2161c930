"""A rehearsed migration does what was declared, and nothing else, to the last row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stagegate.errors import StepFailed
from tests.servers.postgresql import Cluster
from tests.unit.postgresql.helpers import ADDED, OWNER, Site


@pytest.fixture(scope="module")
def backed_up(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A backup that all tests here compare with."""
    site = Site(cluster, tmp_path_factory.mktemp("backed-up"))
    cluster.sql(f"CREATE DATABASE sparkle TEMPLATE filled OWNER {OWNER}")
    site.do("backup")
    yield site
    for name in site.databases():
        cluster.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def rehearsed(backed_up: Site) -> Site:
    """The same host, with the drilled copy as it was after its restore."""
    copy = backed_up.beside("drill")
    backed_up.admin(f"DROP DATABASE IF EXISTS {copy} WITH (FORCE)")
    backed_up.admin(f"CREATE DATABASE {copy} TEMPLATE filled OWNER {OWNER}")
    return Site(backed_up.cluster, backed_up.state)


def compare(site: Site, sql: str, declared: dict[str, Any], **expect: list[str]) -> dict[str, Any]:
    site.release = {"version": "1.1", "expected_changes": declared}
    site.options = {"expect": expect}
    site.sql(sql, site.beside("drill"), site.cluster.admin)
    evidence: dict[str, Any] = site.do("compare")["evidence"]
    return evidence


KEY_CHANGED = "UPDATE pairs SET b = 'other' WHERE a = 3"


@pytest.mark.parametrize(
    ("sql", "declared", "changes"),
    [
        (ADDED, {}, {}),
        ("CREATE INDEX more ON history (tool)", {}, {}),
        ("ALTER TABLE history ALTER COLUMN id TYPE bigint", {}, {}),
        (
            "DELETE FROM history WHERE id IN (3, 5)",
            {"history": {"deleted": 2}},
            {"history": {"added": 0, "deleted": 2, "changed": 0}},
        ),
        (
            "UPDATE users SET mood = NULL WHERE id <= 7",
            {"users": {"changed": {"at_most": 10}}},
            {"users": {"added": 0, "deleted": 0, "changed": 7}},
        ),
        (
            KEY_CHANGED,
            {"pairs": {"added": 1, "deleted": 1}},
            {"pairs": {"added": 1, "deleted": 1, "changed": 0}},
        ),
        (
            "UPDATE metrics SET value = 7 WHERE name = 'p99'",
            {"metrics": {"added": 2, "deleted": 2}},
            {"metrics": {"added": 2, "deleted": 2, "changed": 0}},
        ),
        (
            "CREATE TABLE notes AS SELECT 1 AS one; DROP TABLE pairs",
            {"notes": {"created": True}, "pairs": {"dropped": True}},
            {
                "notes": {"added": 1, "deleted": 0, "changed": 0},
                "pairs": {"added": 0, "deleted": 10, "changed": 0},
            },
        ),
        ("ALTER TABLE pairs DROP COLUMN n", {"pairs": {"dropped_columns": ["n"]}}, {}),
        ("CREATE SCHEMA app; CREATE TABLE app.logs (i int)", {"app.logs": {"created": True}}, None),
        ("UPDATE alembic_version SET version_num = 'b2'", {}, {}),
        ("UPDATE history SET price = price * 1.0", {}, {}),
    ],
)
def test_what_was_declared_is_right(
    rehearsed: Site, sql: str, declared: dict[str, Any], changes: dict[str, Any] | None
) -> None:
    found = compare(rehearsed, sql, declared)["changes"]
    assert changes is None or found == changes


@pytest.mark.parametrize(
    ("sql", "declared", "words"),
    [
        (
            "DELETE FROM history WHERE id IN (3, 5)",
            {},
            r"2 rows deleted from history \(declared: 0; first keys: 3, 5\)",
        ),
        ("DELETE FROM history WHERE id < 3", {"history": {"deleted": 1}}, "declared: 1; first"),
        ("UPDATE history SET raw = '\\x00fe' WHERE id = 9", {}, "1 row changed in history .* 9"),
        ("UPDATE history SET weight = weight + 1e-9 WHERE id = 9", {}, "1 row changed"),
        (
            "UPDATE metrics SET name = NULL WHERE name = ''",
            {},
            "added to metrics.*deleted from met",
        ),
        (KEY_CHANGED, {}, r"1 row added to pairs .*\['3', 'other'\]"),
        ("INSERT INTO metrics VALUES ('p99', 1)", {}, "1 row added to metrics"),
        ("ALTER TABLE pairs DROP COLUMN n", {}, "the column pairs.n is gone; not declared"),
        ("DROP TABLE pairs", {}, "the table pairs is gone with 10 rows; not declared"),
        ("ALTER TABLE pairs RENAME TO pears", {}, "the table pairs is gone"),
        ("SELECT 1", {"pears": {"deleted": 1}}, "pears, a table that is on neither side"),
        ("SELECT setval('users_id_seq', 7)", {}, "users_id_seq went back from 100 to 7"),
        (
            "CREATE INDEX double ON metrics (name); UPDATE pg_index SET indisvalid = false "
            "WHERE indexrelid = 'double'::regclass",
            {},
            "the index double is invalid",
        ),
    ],
)
def test_what_was_not_declared_is_told(
    rehearsed: Site, sql: str, declared: dict[str, Any], words: str
) -> None:
    with pytest.raises(StepFailed, match=words):
        compare(rehearsed, sql, declared)


@pytest.mark.parametrize(
    ("expect", "words"),
    [
        ({"tables": ["orders"]}, "the table orders is missing"),
        ({"indexes": ["history_user", "later"]}, "the index later is missing"),
        ({"constraints": ["loose"]}, "the constraint loose is there, but not valid"),
        ({"constraints": ["history_pkey", "none"]}, "the constraint none is missing"),
    ],
)
def test_named_objects_must_be_there_and_hold(
    rehearsed: Site, expect: dict[str, list[str]], words: str
) -> None:
    loose = "ALTER TABLE pairs ADD CONSTRAINT loose CHECK (a > 0) NOT VALID"
    with pytest.raises(StepFailed, match=words):
        compare(rehearsed, loose, {}, **expect)


def test_named_objects_that_are_there_are_right(rehearsed: Site) -> None:
    compare(
        rehearsed,
        ADDED,
        {},
        tables=["users"],
        indexes=["history_user"],
        constraints=["history_weight"],
    )


def test_the_place_is_taken_as_a_url_too_and_nothing_is_left(rehearsed: Site) -> None:
    rehearsed.sql("DELETE FROM pairs", rehearsed.beside("drill"))
    rehearsed.release["expected_changes"] = {"pairs": {"deleted": 10}}
    url = rehearsed.cluster.url(rehearsed.beside("drill"))
    assert rehearsed.do("compare", database=url)["state"]["database"] == rehearsed.beside("drill")
    assert rehearsed.databases() == {"sparkle", rehearsed.beside("drill")}
