"""alembic on a real server: to the recorded revision or told what is true, whatever dies."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import BadInput, Refused, StepFailed
from stagegate.migrate import alembic_apply
from tests.forked import fork
from tests.servers import place as servers
from tests.unit.migrate.alembic_site import FIRST, INDEX, NO_INDEX, SECOND, Site, line, release

CONCURRENTLY = """
with op.get_context().autocommit_block():
    op.create_index("words_word", "words", ["word"], unique=True, postgresql_concurrently=True)
"""
SLEEP = 'op.execute("SELECT pg_sleep(60)")'


def failing(site: Site, place: Path, **changes: Any) -> StepFailed:
    """The failure of an apply."""
    with pytest.raises(StepFailed) as caught:
        site.apply(place, **changes)
    assert site.last().kind == "failed"
    assert site.sessions() == 0
    return caught.value


def test_pending_migrations_are_applied_and_recorded(site: Site) -> None:
    place = release(site.place / "1.1", line(FIRST, SECOND))
    state = site.apply(place)
    assert site.revision() == "r2"
    assert site.has("words_word")
    assert (state["before"], state["target"]) == ("", "r2")
    assert state["applied"] == ["r1", "r2"]
    assert set(state["files"]) == {"r1", "r2"}
    assert site.last().state == state
    assert "Running upgrade r1 -> r2" in site.last().evidence["said"]
    assert site.sessions() == 0
    assert site.apply(place)["applied"] == ["r1", "r2"]  # begun again: the same, and nothing is run


def test_every_wait_of_the_migrating_session_is_bounded_also_outside_of_transactions(
    site: Site,
) -> None:
    names = ("application_name", "lock_timeout", "statement_timeout")
    names += ("idle_in_transaction_session_timeout",)
    up = "\n".join(
        f"    op.execute(\"INSERT INTO words VALUES ({n}, current_setting('{name}'))\")"
        for n, name in enumerate(names)
    )
    step = ("r2", f"with op.get_context().autocommit_block():\n{up}")
    site.apply(release(site.place / "1.1", line(FIRST, step)))
    told = site.sql("SELECT word FROM words ORDER BY id").splitlines()
    assert told == ["stagegate/run-1/apply", "1s", "30s", "30s"]


def test_a_migration_that_fails_first_leaves_the_database_as_it_was(site: Site) -> None:
    site.begin()
    bad = release(site.place / "1.1", line(FIRST, ("r2", 'raise RuntimeError("no such luck")')))
    failure = failing(site, bad)
    assert "r2.py line 8: RuntimeError: no such luck" in failure.what
    assert failure.now == f"{site.database} is as it was, at the revision r1: nothing was committed"
    assert site.revision() == "r1"


def test_a_migration_that_fails_midway_is_rolled_back_and_tells_no_row(site: Site) -> None:
    site.begin()
    site.sql("INSERT INTO words VALUES (1, 'secret'), (2, 'secret')")
    up = 'op.add_column("words", sa.Column("more", sa.Text))\n' + INDEX.replace(
        '["word"]', '["word"], unique=True'
    )
    failure = failing(site, release(site.place / "1.1", line(FIRST, ("r2", up))))
    assert 'r2.py line 9: could not create unique index "words_word"' in failure.what
    assert "nothing was committed" in failure.now
    entry = site.last()
    assert "secret" not in f"{failure.parts()}{entry.evidence}{entry.state}"
    assert site.sql("SELECT count(*) FROM words") == "2"


@pytest.mark.parametrize("live", [True, False])
def test_a_failed_concurrent_index_is_found_and_named_and_nothing_is_downgraded(
    site: Site, live: bool
) -> None:
    site.begin()
    site.sql("INSERT INTO words VALUES (1, 'twice'), (2, 'twice')")
    bad = release(site.place / "1.1", line(FIRST, ("r2", CONCURRENTLY, NO_INDEX)))
    copy = {} if live else {"database": site.copy("gen")}
    failure = failing(site, bad, run=site.run("run-2", "one_way"), **copy)
    assert "index words_word (new)" in failure.what
    assert "twice" not in failure.what
    if live:
        assert "half migrated" in failure.what
        assert failure.untouched == "nothing was downgraded; what is not named is as it was"
        assert site.has("words_word")
    else:
        assert failure.now == "it ran on a copy; the live data are as they were"
        assert not site.has("words_word")
    assert site.revision() == "r1"


def test_migrations_before_the_one_that_fails_stay_where_each_has_its_own_transaction(
    site: Site,
) -> None:
    steps = (FIRST, SECOND, ("r3", 'op.execute("SELECT nothing FROM nowhere")'))
    place = release(site.place / "1.1", line(*steps), per_migration=True)
    failure = failing(site, place)
    assert 'r3.py line 8: relation "nowhere" does not exist' in failure.what
    assert "half migrated: the revision is r2, not none" in failure.what
    assert site.revision() == "r2"


@pytest.mark.parametrize("per_migration", [True, False])
def test_a_migration_that_ends_its_transaction_by_itself_is_found_out(
    site: Site, per_migration: bool
) -> None:
    up = 'op.execute("ALTER TABLE words ADD more text")\nop.execute("COMMIT")'
    place = release(site.place / "1.1", line(FIRST, ("r2", up)), per_migration)
    failure = failing(site, place, phase="release", database=site.copy("drill"))
    assert "r2.py line 9: the migration ends its transaction by itself" in failure.what
    assert "column words.more (new)" in failure.what
    assert failure.now == "it ran on a copy; the live data are as they were"


def test_rows_that_were_committed_before_a_failure_are_not_called_rolled_back(site: Site) -> None:
    site.begin()
    up = (
        "with op.get_context().autocommit_block():\n"
        "    op.execute(\"INSERT INTO words VALUES (1, 'here')\")\n"
        "raise RuntimeError('late')"
    )
    failure = failing(site, release(site.place / "1.1", line(FIRST, ("r2", up))))
    assert "rows may have been changed" in failure.now


def reader(site: Site, stop: threading.Event, waited: list[float]) -> None:
    """A user who reads on, and how long each answer took."""
    with site.connect(autocommit=True) as session:
        while not stop.is_set():
            began = time.monotonic()
            session.execute("SELECT count(*) FROM words")
            waited.append(time.monotonic() - began)
            stop.wait(0.01)


def test_a_migration_that_gets_no_lock_gives_up_and_holds_up_readers_no_longer_than_its_bound(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alembic_apply, "ATTEMPTS", 2)
    site.begin()
    column = ("r2", 'op.add_column("words", sa.Column("more", sa.Text))')
    place = release(site.place / "1.1", line(FIRST, column))
    stop, waited = threading.Event(), [0.0]
    user = threading.Thread(target=reader, args=(site, stop, waited))
    with site.connect(application_name="a long report") as holder:
        holder.execute("SELECT count(*) FROM words")
        user.start()
        began = time.monotonic()
        failure = failing_beside(site, place)
        took = time.monotonic() - began
    stop.set()
    user.join()
    assert "canceling statement due to lock timeout" in failure.what
    assert "transactions are open: a long report (pid " in failure.what
    assert "nothing was committed" in failure.now
    assert max(waited) < 1 + 0.5
    assert took < 30
    assert site.apply(place)["target"] == "r2"


def failing_beside(site: Site, place: Path) -> StepFailed:
    """The failure of an apply, with other sessions on the database."""
    with pytest.raises(StepFailed) as caught:
        site.apply(place)
    return caught.value


def test_a_lock_that_becomes_free_between_two_attempts_is_taken(site: Site) -> None:
    site.begin()
    column = ("r2", 'op.add_column("words", sa.Column("more", sa.Text))')
    place = release(site.place / "1.1", line(FIRST, column))
    holder = site.connect()
    holder.execute("SELECT count(*) FROM words")
    ending = threading.Thread(target=end_when_refused, args=(site, holder))
    ending.start()
    state = site.apply(place)
    ending.join()
    assert state["target"] == "r2"


def end_when_refused(site: Site, holder: Any) -> None:
    """End a transaction after a migration was seen waiting for it and went away."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    until(lambda: site.sql(waiting) != "0")
    until(lambda: site.sql(waiting) == "0")
    holder.rollback()
    holder.close()


def until(true: Any, seconds: float = 20.0) -> None:
    """Wait for something that another process does."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


ENDLESS = {
    "in the server": SLEEP,
    "in Python": 'op.execute("SELECT 1")\nwhile True: pass',
}


@pytest.mark.parametrize("where", ENDLESS)
def test_a_migration_that_never_ends_is_gone_after_its_deadline(site: Site, where: str) -> None:
    place = release(site.place / "1.1", line(FIRST, ("r2", ENDLESS[where])))
    failure = failing(site, place, deadline=4.0)
    assert "did not end before its deadline" in failure.what
    assert "nothing was committed" in failure.now
    assert not site.has("words")


def asleep(site: Site) -> bool:
    """True while a migration sleeps in the server."""
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = "
    return site.sql(f"{query}'{site.database}'") == "1"


def runners(parent: int) -> list[int]:
    """The processes that run alembic for a process."""
    done = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(parent)], capture_output=True, text=True
    )
    found = [row.split(maxsplit=1) for row in done.stdout.splitlines() if row.strip()]
    return [int(row[0]) for row in found if "-I -c" in row[1]]


def test_a_killed_migration_is_told_and_leaves_no_session(site: Site) -> None:
    place = release(site.place / "1.1", line(FIRST, ("r2", SLEEP)))

    def kill() -> None:
        until(lambda: asleep(site))
        for pid in runners(os.getpid()):
            os.killpg(pid, 9)

    killer = threading.Thread(target=kill)
    killer.start()
    failure = failing(site, place)
    killer.join()
    assert "status -9" in failure.what
    assert "nothing was committed" in failure.now


WHEN_TOLD = """
op.execute("SELECT pg_sleep(60) WHERE NOT EXISTS (SELECT FROM words)")
op.add_column("words", sa.Column("more", sa.Text))
"""


def test_a_step_whose_module_was_killed_ends_what_it_left_and_goes_on_from_what_is_true(
    site: Site,
) -> None:
    """Between the two migrations each has committed: the first is not done twice."""
    place = release(site.place / "1.1", line(FIRST, ("r2", WHEN_TOLD)), per_migration=True)

    def act() -> None:
        site.apply(place)

    module = fork(act)
    until(lambda: asleep(site))
    (left,) = runners(module)
    os.kill(module, 9)
    os.waitpid(module, 0)
    assert asleep(site)
    assert site.last().kind == "intent"
    site.sql("INSERT INTO words VALUES (1, 'go on')")
    state = site.apply(place)
    assert state["applied"] == ["r1", "r2"]
    assert (site.revision(), site.sql("SELECT count(more) FROM words")) == ("r2", "0")
    until(lambda: not Path(f"/proc/{left}").exists())


HELD = """
op.execute("SET LOCAL lock_timeout = 0")
op.execute("SELECT pg_advisory_xact_lock(7)")
"""


def test_a_second_migration_at_the_same_time_is_refused_and_the_first_comes_to_its_end(
    site: Site,
) -> None:
    place = release(site.place / "1.1", line(FIRST, ("r2", HELD)))
    other = replace(site, place=site.place / "other")
    first = threading.Thread(target=site.apply, args=(place,))
    with site.connect() as holder:
        holder.execute("SELECT pg_advisory_xact_lock(7)")
        first.start()
        until(lambda: site.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") == "1")
        with pytest.raises(StepFailed, match="another migration is at work: stagegate/run-1/apply"):
            other.apply(place, run=other.run("run-2"))
    first.join()
    assert site.last().kind == "done"
    assert other.apply(place, run=other.run("run-3"))["applied"] == []


def test_a_file_that_was_changed_after_the_rehearsal_is_refused(site: Site) -> None:
    place = release(site.place / "1.1", line(FIRST, SECOND))
    site.apply(place, phase="release", database=site.copy("drill"))
    file = place / "migrations/versions/r2.py"
    file.write_text(file.read_text().replace("words_word", "words_words"))
    with pytest.raises(BadInput, match="the migration r2 was changed") as caught:
        site.apply(place)
    assert caught.value.code == 12
    assert not site.has("words")


def test_a_release_whose_code_sees_another_line_is_refused(site: Site) -> None:
    """The texts are read without being run; what running them gives must be the same."""
    revisions = line(FIRST, SECOND)
    revisions["r2"] += "\nglobals().update(revision='r9')\n"
    failure = failing(site, release(site.place / "1.1", revisions))
    assert "alembic follows r1, r9; the files say r1, r2" in failure.what


def test_what_was_applied_between_preflight_and_the_migration_is_refused(site: Site) -> None:
    place = release(site.place / "1.1", line(FIRST, SECOND))
    run = site.run("run-1")
    run["plan"]["migrate"] = {"history": ["r1", "r2"]}
    site.begin()
    with pytest.raises(Refused, match="r2 is pending, the plan says r1, r2"):
        site.apply(place, run=run)


def test_a_database_that_was_stamped_after_the_rehearsal_lacks_what_the_rehearsal_had(
    site: Site,
) -> None:
    site.begin()
    place = release(site.place / "1.1", line(FIRST, SECOND))
    site.apply(place, phase="release", database=site.copy("drill"))
    site.sql("UPDATE alembic_version SET version_num = 'r2'")
    failure = failing(site, place)
    assert "lacks what the rehearsal had: index words_word (gone)" in failure.what


def test_a_step_begun_again_on_half_a_migration_names_it_and_does_not_go_on(site: Site) -> None:
    site.begin()
    place = release(site.place / "1.1", line(FIRST, SECOND))
    site.apply(place)
    site.sql("UPDATE alembic_version SET version_num = 'r1'")
    failure = failing(site, place)
    assert "is not as this run found it" in failure.what
    assert "index words_word (new)" in failure.what
    assert site.has("words_word")


def test_alembic_runs_as_the_owner_of_the_data_and_with_no_other_right(site: Site) -> None:
    if os.geteuid() != 0 or not shutil.which("python3", path="/usr/bin"):
        pytest.skip("only root can be another account, which needs a Python that it may run")
    nobody = replace(site, owner="nobody", python="/usr/bin/python3", database="words_of_nobody")
    site.cluster.sql("CREATE ROLE nobody LOGIN")
    site.cluster.sql("CREATE DATABASE words_of_nobody OWNER nobody")
    up = 'import os\nop.execute(f"INSERT INTO words VALUES ({os.getuid()}, current_user)")'
    with servers.folder("stagegate-release-", "nobody") as folder:
        folder.chmod(0o755)
        nobody.apply(release(folder / "1.1", line(FIRST, ("r2", up))))
    number = pwd.getpwnam("nobody").pw_uid
    assert nobody.sql("SELECT id, word FROM words") == f"{number}|nobody"
