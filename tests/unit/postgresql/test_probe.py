"""Preflight tells the facts, and refuses what a deployment must not meet; it changes nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from stagegate.errors import BadInput, Refused
from stagegate.postgresql.programs import find_tools
from tests.servers import postgresql
from tests.servers.postgresql import Cluster
from tests.unit.postgresql.helpers import OWNER, Site

BROKEN = (
    "CREATE INDEX CONCURRENTLY double ON metrics (name)",
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'double'::regclass",
)


def refused(site: Site, words: str) -> None:
    before = site.databases()
    with pytest.raises(Refused, match=words) as told:
        site.do("probe")
    assert told.value.now == "nothing was changed"
    assert told.value.next
    assert site.databases() == before


def test_tells_the_facts(site: Site) -> None:
    facts = site.do("probe")["evidence"]
    assert facts["state"] == "database"
    assert facts["database"] == "sparkle"
    assert facts["server"].split(".")[0] == str(facts["tools"])
    assert facts["wal_archiving"] is False
    assert facts["bytes"] > 1 << 20
    assert len(facts["schema"]) == 64
    assert facts["tables"] == ["history", "metrics", "pairs", "users"], "no bookkeeping"
    assert facts["unlogged"] == facts["missing"] == []
    assert facts["closed_by"] is None


def test_a_first_install_has_no_database(empty: Site) -> None:
    assert empty.do("probe")["evidence"]["state"] == "absent"


def test_an_empty_database_lacks_nothing_until_a_run_used_it(empty: Site) -> None:
    empty.admin(f"CREATE DATABASE sparkle OWNER {OWNER}")
    empty.options = {"expect": {"tables": ["users"]}}
    assert empty.do("probe")["evidence"]["state"] == "database"


def test_names_what_the_release_may_still_bring(site: Site) -> None:
    site.options = {"expect": {"indexes": ["users_lower", "later"], "constraints": ["also"]}}
    site.sql("CREATE UNLOGGED TABLE cache (i int)")
    facts = site.do("probe")["evidence"]
    assert facts["missing"] == ["later", "also"]
    assert facts["unlogged"] == ["cache"]


def test_invalid_indexes_are_named(site: Site) -> None:
    for statement in BROKEN:
        site.sql(statement, user=site.cluster.admin)
    refused(site, "invalid indexes: double")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"owner": "stranger"}, "role stranger does not exist"),
        ({"wal_archive": True}, "archives no WAL"),
        ({"reserve_mb": 1 << 40}, "not enough space"),
        ({"port": 1}, "no session on the database postgres"),
        ({"expect": {"tables": ["users", "orders"]}}, "lacks the expected tables: orders"),
        ({"expect": {"constraints": ["loose"]}}, "constraints that are not valid: loose"),
    ],
)
def test_refuses_a_store_that_is_not_as_declared(
    site: Site, options: dict[str, object], words: str
) -> None:
    site.sql("ALTER TABLE pairs ADD CONSTRAINT loose CHECK (a > 0) NOT VALID")
    site.options = options
    refused(site, words)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system")
@pytest.mark.parametrize(
    ("mounted", "words"),
    [
        ("size=32m,nr_inodes=20", "not enough inodes"),
        ("size=32m,ro", "cannot be written: Read-only"),
    ],
)
def test_refuses_a_state_directory_that_will_take_no_dump(
    site: Site, tmp_path: Path, mounted: str, words: str
) -> None:
    site.state = tmp_path / "disk"
    site.state.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", mounted, "tmpfs", str(site.state)]
    subprocess.run(mount, check=True)
    try:
        refused(site, words)
    finally:
        subprocess.run(["umount", str(site.state)], check=True)


def test_a_table_that_the_release_brings_may_be_missing(site: Site) -> None:
    site.options = {"expect": {"tables": ["users", "orders"]}}
    site.release["expected_changes"] = {"orders": {"created": True}}
    assert site.do("probe")["evidence"]["state"] == "database"


def test_refuses_an_admin_who_cannot_see_everything(site: Site) -> None:
    refused_admin = Site(site.cluster, site.state, options={"admin": OWNER})
    refused(refused_admin, f"role {OWNER} is no superuser")


def test_refuses_a_prepared_transaction_that_nobody_ended(site: Site) -> None:
    site.sql("BEGIN; INSERT INTO metrics VALUES ('x', 1); PREPARE TRANSACTION 'forgotten'")
    try:
        refused(site, "prepared transactions that nobody ended: forgotten")
    finally:
        site.sql("ROLLBACK PREPARED 'forgotten'")


def test_refuses_a_database_that_is_gone(site: Site) -> None:
    site.deploy()
    site.admin("DROP DATABASE sparkle WITH (FORCE)")
    refused(site, "no database sparkle, but run 20261122T073000Z-ab12 left it live")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("database", "Sparkle; DROP"),
        ("database", ""),
        ("socket", "var/run"),
        ("socket", "/var/../run"),
        ("owner", "o'wner"),
        ("port", "five"),
        ("lock_timeout", 0),
        ("name", "History"),
    ],
)
def test_a_store_that_cannot_be_is_bad_input(empty: Site, key: str, value: object) -> None:
    empty.options = {key: value}
    with pytest.raises(BadInput, match=key):
        empty.do("probe")


def test_a_name_that_leaves_no_room_is_told_before_anything_begins(empty: Site) -> None:
    empty.options = {"database": "a" * 31}
    empty.run_id = "20261122T073000Z-ab12-and-much-more-of-it"
    with pytest.raises(BadInput, match="leaves no room"):
        empty.do("probe")


def make_tools(directory: Path, version: str) -> Path:
    directory.mkdir(parents=True)
    for name in ("pg_dump", "pg_restore"):
        program = directory / name
        program.write_text(f"#!/bin/sh\necho '{name} (PostgreSQL) {version}'\n")
        program.chmod(0o755)
    return directory


def test_the_nearest_programs_are_taken_and_older_ones_refused(tmp_path: Path) -> None:
    found = [make_tools(tmp_path / major, f"{major}.4") for major in ("13", "17", "15", "16")]
    assert find_tools(15, found).directory.name == "15"
    assert find_tools(14, found).directory.name == "15"
    with pytest.raises(Refused, match="version 18 or later are not on this host; there is only 13"):
        find_tools(18, found)
    (tmp_path / "15" / "pg_restore").unlink()
    assert find_tools(15, found).major == 16


@pytest.fixture
def standby(tmp_path: Path) -> Iterator[Cluster]:
    """A server that waits for a primary's WAL."""
    with postgresql.running() as running:
        running.sql(f"CREATE ROLE {OWNER} LOGIN")
        running.stop()
        (running.data / "standby.signal").touch()
        running.start()
        yield running


def test_refuses_a_standby(standby: Cluster, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="is a standby: it takes no writes"):
        Site(standby, tmp_path).do("probe")
