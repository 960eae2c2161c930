"""The way back is what the class allows and what is really there; nothing is lost unasked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from stagegate.errors import Fenced, StepFailed
from stagegate.postgresql import forward
from tests.unit.postgresql.helpers import (
    ADDED,
    OPEN_AS_BEFORE,
    OWNER,
    READER,
    Site,
    build_twice,
    connects,
    opened,
)

DOWN = "ALTER TABLE history DROP COLUMN note"
HALF = "ALTER TABLE history ADD COLUMN half int"
WRITES = (
    "INSERT INTO users (name) VALUES ('late'); UPDATE history SET tool = 'later' WHERE id = 3;"
    "DELETE FROM metrics WHERE value = 2"
)


def as_it_was(site: Site, before: str) -> None:
    """The live database is the former one, open as it was."""
    assert site.admin(OPEN_AS_BEFORE) == before
    assert connects(site, OWNER)
    assert "note" not in site.sql("TABLE history LIMIT 0; SELECT * FROM history WHERE id = 1")
    assert site.sql("SELECT count(*) FROM users, LATERAL (SELECT 1) s") == "100"


def test_nothing_was_staged_so_nothing_goes_back(site: Site) -> None:
    site.do("backup")
    assert site.do("restore")["state"] == {"unfinished": None}
    assert site.limit() == 17


def test_a_first_install_that_staged_nothing_can_be_tried_again(empty: Site) -> None:
    empty.do("backup")
    empty.do("restore")
    assert empty.do("probe")["evidence"]["state"] == "absent"


@pytest.mark.parametrize(("sql", "which"), [("SELECT 1", "old"), (ADDED, "new")])
def test_compatible_leaves_what_is_wholly_old_or_new(site: Site, sql: str, which: str) -> None:
    site.rehearse()
    site.migrate(sql)
    assert site.do("restore")["state"]["is"] == which


def test_compatible_drops_what_an_index_build_left(site: Site) -> None:
    site.rehearse()
    site.do("stage")
    build_twice(site)
    state = site.do("restore")["state"]
    assert (state["is"], state["dropped"]) == ("old", ["twice"])
    assert state["schema"] == site.do("probe")["evidence"]["schema"]


def test_compatible_names_what_is_half_made_and_touches_nothing(site: Site) -> None:
    site.rehearse()
    site.migrate(f"{HALF}; DROP INDEX users_lower")
    words = r"half made: .*column history.half \(new\), index users_lower \(gone\)"
    with pytest.raises(Fenced, match=words) as told:
        site.do("restore")
    assert "no downgrade by version" in told.value.now
    assert site.sql("SELECT count(half) FROM history") == "0"


def test_reversible_opens_once_the_recorded_schema_is_back(site: Site) -> None:
    site.migration_class = "reversible"
    before = site.admin(OPEN_AS_BEFORE)
    site.deploy()
    site.sql("INSERT INTO users (name) VALUES ('late')")
    with opened(site) as user:
        result = site.do("forensic")
        with pytest.raises(psycopg.OperationalError):
            user.execute("SELECT 1")
    assert (site.evidence / "pinned").exists()
    assert result["evidence"]["bytes"] > 1000
    assert connects(site, OWNER), "the downgrade runs as the owner"
    assert not connects(site, "reader")
    with pytest.raises(Fenced, match=r"half made: .*column history.note \(new\)"):
        site.do("restore", admitted=False)
    assert not connects(site, OWNER), "it stays closed to a person"
    site.sql(DOWN, user=site.cluster.admin)
    site.do("restore", admitted=False)
    assert site.sql("SELECT count(*) FROM users") == "101", "what users wrote is kept"
    assert site.admin(OPEN_AS_BEFORE) == before
    site.sql("INSERT INTO users (name) VALUES ('later')")
    with opened(site) as user:
        site.do("restore")
        assert user.execute("SELECT count(*) FROM users").fetchone() == (102,)


@pytest.mark.parametrize("sql", [f"{ADDED}; {HALF}", "DELETE FROM pairs"])
def test_reversible_takes_the_final_image_when_nobody_used_it_since(site: Site, sql: str) -> None:
    site.migration_class = "reversible"
    before = site.admin(OPEN_AS_BEFORE)
    site.migrate(sql)
    state = site.do("restore")["state"]
    assert state["kept"] == site.beside("failed")
    assert state["unlike"]
    as_it_was(site, before)
    assert site.sql("SELECT count(*) FROM pairs") == "10"
    assert site.databases() == {"sparkle", site.beside("failed")}
    assert not connects(site, OWNER, site.beside("failed"))


def test_reversible_never_replaces_what_somebody_opened(site: Site) -> None:
    site.migration_class = "reversible"
    site.migrate(f"{ADDED}; {HALF}")
    site.admin("ALTER DATABASE sparkle RESET stagegate.closed")
    with pytest.raises(Fenced, match="half made"):
        site.do("restore", admitted=False)
    assert site.databases() == {"sparkle"}


def test_one_way_goes_back_from_a_copy_that_was_not_activated(site: Site) -> None:
    site.migration_class = "one_way"
    before = site.admin(OPEN_AS_BEFORE)
    site.migrate()
    state = site.do("restore")["state"]
    assert (state["database"], state["unfinished"]) == ("sparkle", site.beside("failed"))
    as_it_was(site, before)
    assert site.databases() == {"sparkle", site.beside("failed")}


def test_one_way_goes_back_unasked_before_users_came(site: Site) -> None:
    site.migration_class = "one_way"
    before = site.admin(OPEN_AS_BEFORE)
    site.deploy()
    site.sql("INSERT INTO users (name) VALUES ('smoke')")
    state = site.do("restore", admitted=False)["state"]
    assert state["lost_rows"] == 0
    as_it_was(site, before)
    assert site.databases() == {"sparkle", site.beside("failed")}
    assert site.sql("SELECT count(*) FROM users", site.beside("failed"), "postgres") == "101"


def test_one_way_gives_up_exactly_what_an_operator_accepts(site: Site) -> None:
    site.migration_class = "one_way"
    before = site.admin(OPEN_AS_BEFORE)
    site.deploy()
    site.sql(WRITES)
    site.do("forensic")
    with pytest.raises(StepFailed, match="nobody counted what was written to sparkle"):
        site.do("restore")
    assert site.do("delta")["evidence"]["count"] == 3
    words = r"would lose 3 rows .*history: 1 changed; metrics: 1 deleted; users: 1 added"
    for given in ({}, {"accept_data_loss": 4}):
        with pytest.raises(Fenced, match=words) as told:
            site.do("restore", **given)
        assert "accept_data_loss=3" in told.value.next
    assert site.databases() == {"sparkle", site.beside("old")}, "nothing was renamed"
    assert not connects(site, OWNER), "and nobody writes any more"
    state = site.do("restore", accept_data_loss=3)["state"]
    assert (state["lost_rows"], state["kept"]) == (3, site.beside("failed"))
    as_it_was(site, before)
    assert site.do("delta")["state"] == {"count": 0, "live": False}
    assert site.do("restore")["state"] == state, "twice is once"


def test_a_write_after_the_count_is_noticed(site: Site) -> None:
    site.migration_class = "one_way"
    site.deploy()
    site.do("delta")
    site.sql("INSERT INTO metrics VALUES ('late', 1)", user=site.cluster.admin)
    with pytest.raises(StepFailed, match="or it was written to after the count"):
        site.do("restore", accept_data_loss=0)


def drop_old(site: Site) -> None:
    site.admin(f"DROP DATABASE {site.beside('old')}")
    site.admin(f"ALTER DATABASE sparkle RENAME TO {site.beside('gen')}")


def add_generation(site: Site) -> None:
    site.admin(f"CREATE DATABASE {site.beside('gen')}")


@pytest.mark.parametrize("meddle", [drop_old, add_generation])
def test_databases_that_are_in_no_known_state_are_left_alone(
    site: Site, meddle: Callable[[Site], None]
) -> None:
    site.migration_class = "one_way"
    site.deploy()
    meddle(site)
    before = site.databases()
    with pytest.raises(Fenced, match=r"in no state that run .* makes: there are sparkle"):
        site.do("restore", admitted=False)
    assert site.databases() == before


@pytest.mark.parametrize("migration_class", ["compatible", "one_way"])
def test_a_first_install_is_taken_away_and_kept(empty: Site, migration_class: str) -> None:
    empty.migration_class = migration_class
    empty.deploy("CREATE TABLE users (id int PRIMARY KEY); INSERT INTO users VALUES (1)")
    empty.sql("INSERT INTO users VALUES (2)")
    assert empty.do("delta")["evidence"]["tables"]["users"]["added"] == 1
    with pytest.raises(Fenced, match="would lose 1 rows"):
        empty.do("restore")
    assert empty.do("restore", accept_data_loss=1)["state"]["kept"] == [empty.beside("failed")]
    assert empty.databases() == {empty.beside("failed")}
    assert empty.do("probe")["evidence"]["state"] == "absent"


class Died(BaseException):
    """The process ends here, as by SIGKILL: nothing is written down."""


@pytest.mark.parametrize(
    ("migration_class", "after"), [("reversible", "close"), ("one_way", "recorded")]
)
def test_a_stage_that_died_is_undone(
    site: Site, monkeypatch: pytest.MonkeyPatch, migration_class: str, after: str
) -> None:
    real: Callable[..., Any] = getattr(forward, after)

    def dies(*arguments: Any) -> None:
        real(*arguments)
        raise Died

    site.migration_class = migration_class
    before = site.admin(OPEN_AS_BEFORE)
    site.do("backup")
    with monkeypatch.context() as patched:
        patched.setattr(forward, after, dies)
        with pytest.raises(Died):
            site.do("stage")
    assert not connects(site, "reader")
    assert site.do("restore")["state"]["opened"] is True
    as_it_was(site, before)
    assert site.databases() == {"sparkle"}


def damaged(site: Site) -> None:
    """One bit of the final image."""
    dump = site.backup.with_name("history.frozen") / "sparkle.dump"
    raw = bytearray(dump.read_bytes())
    raw[len(raw) // 2] ^= 1
    times = dump.stat()
    dump.write_bytes(raw)
    os.utime(dump, ns=(times.st_atime_ns, times.st_mtime_ns))


def of_another_run(site: Site) -> None:
    """A whole and proved image, of another instant of the same database."""
    other = replace(site, run_id="20261121T010101Z-ee99")
    other.do("backup")
    frozen = site.backup.with_name("history.frozen")
    shutil.rmtree(frozen)
    shutil.copytree(other.backup, frozen)


@pytest.mark.parametrize(
    ("spoil", "words"), [(damaged, "has the digest"), (of_another_run, "the ledger says")]
)
def test_a_final_image_that_is_not_its_own_takes_nobodys_place(
    site: Site, spoil: Callable[[Site], None], words: str
) -> None:
    site.migration_class = "reversible"
    site.migrate(f"{ADDED}; {HALF}")
    spoil(site)
    before = site.databases()
    with pytest.raises(Fenced, match=words) as failure:
        site.do("restore")
    assert failure.value.code == 30
    assert site.databases() == before
    half = site.sql("SELECT count(half) FROM history", user=site.cluster.admin)
    assert half == "0", "what failed is as it was"
    assert not connects(site, READER), "it stays closed to a person"
