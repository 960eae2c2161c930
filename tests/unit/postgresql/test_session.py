"""Sessions carry the run's name, wait for nothing without a bound, and outlive no run unseen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest

from stagegate.errors import Refused, StepFailed
from stagegate.postgresql.session import application_name, connect, end_orphans, orphans, url
from tests.servers.postgresql import Cluster
from tests.unit.postgresql.helpers import OWNER, RUN, Site, opened

ASLEEP = """
import psycopg, sys
with psycopg.connect(sys.argv[1], autocommit=True) as session:
    session.execute("SET client_connection_check_interval = 0")
    print("ready", flush=True)
    session.execute("SELECT pg_sleep(600)")
"""


@contextmanager
def killed_client(site: Site) -> Iterator[None]:
    """A session of the run whose process is gone by SIGKILL, and which works on in the server."""
    place = f"{site.cluster.url('sparkle')}&user={OWNER}&application_name=stagegate/{RUN}/apply"
    client = subprocess.Popen([sys.executable, "-c", ASLEEP, place], stdout=subprocess.PIPE)
    try:
        assert client.stdout is not None
        assert client.stdout.readline() == b"ready\n"
        with opened(site, user=site.cluster.admin) as watcher:
            asleep = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
            while watcher.execute(asleep).fetchone() == (0,):
                pass
    finally:
        client.send_signal(signal.SIGKILL)
        client.communicate()
    yield


def test_a_session_is_named_and_bounded(site: Site) -> None:
    with connect(site.store, "sparkle", run=RUN, step="backup:history") as session:
        shown = {
            name: session.execute(f"SHOW {name}").fetchone()[0]  # type: ignore[index]
            for name in ("application_name", "lock_timeout", "statement_timeout", "search_path")
        }
        user = session.execute("SELECT current_user").fetchone()
    assert shown == {
        "application_name": f"stagegate/{RUN}/backup:history",
        "lock_timeout": "1s",
        "statement_timeout": "1min",
        "search_path": "pg_catalog",
    }
    assert user == (site.cluster.admin,)


def test_the_owner_keeps_its_own_search_path(site: Site) -> None:
    with connect(site.store, "sparkle", run=RUN, step="x", user="owner") as session:
        assert session.execute("SHOW search_path").fetchone() == ("public, pg_temp",)
        assert session.execute("SELECT current_user").fetchone() == (OWNER,)


def test_a_name_is_cut_to_what_the_server_keeps() -> None:
    assert application_name(RUN, "s" * 80) == f"stagegate/{RUN}/{'s' * 80}"[:63]


def test_a_url_names_no_user_and_no_password(site: Site) -> None:
    assert url(site.store, "sparkle") == site.cluster.url("sparkle")


def test_a_function_of_the_databases_users_takes_no_built_in_ones_place(site: Site) -> None:
    site.sql("CREATE FUNCTION count(text) RETURNS int LANGUAGE sql AS 'SELECT 7'")
    site.sql(
        "CREATE FUNCTION hashtextextended(text, int) RETURNS bigint LANGUAGE sql AS 'SELECT 7'"
    )
    evidence = site.do("backup")["evidence"]
    assert evidence["tables"]["users"] == 100


def test_orphans_of_the_run_alone_are_found_and_ended(site: Site) -> None:
    with (
        killed_client(site),
        opened(site, name="stagegate/another/apply") as other,
        connect(site.store, "postgres", run=RUN, step="now") as session,
    ):
        found = orphans(session, RUN)
        assert [(o["application_name"], o["database"]) for o in found] == [
            (f"stagegate/{RUN}/apply", "sparkle")
        ]
        assert end_orphans(session, RUN) == found
        assert orphans(session, RUN) == []
        assert other.execute("SELECT 1").fetchone() == (1,)


def test_no_step_begins_beside_an_orphan(site: Site) -> None:
    with killed_client(site):
        site.do("restore")
        with opened(site, user=site.cluster.admin) as session:
            assert orphans(session, RUN) == []


def test_a_server_that_is_not_there_is_told_in_its_words(site: Site) -> None:
    site.options = {"port": 1}
    with pytest.raises(StepFailed, match=r"no session on the database postgres .* as postgres: "):
        site.do("backup")


@pytest.fixture
def peered(cluster: Cluster) -> Iterator[Cluster]:
    """The server asks the kernel who comes to the database "peered"."""
    rules = cluster.data / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text(f"local peered all peer\n{before}")
    cluster.sql("SELECT pg_reload_conf()")
    cluster.sql("CREATE DATABASE peered")
    yield cluster
    rules.write_text(before)
    cluster.sql("SELECT pg_reload_conf()")
    cluster.sql("DROP DATABASE peered WITH (FORCE)")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another account")
def test_root_comes_as_the_account_itself_and_is_root_again(
    peered: Cluster, tmp_path: Path
) -> None:
    site = Site(peered, tmp_path, options={"database": "peered"})
    with suppress(psycopg.OperationalError):
        site.session(OWNER, database="peered").close()
        pytest.fail("root is not this account")
    for user, role in (("admin", peered.admin), ("owner", OWNER)):
        with connect(site.store, "peered", run=RUN, step="x", user=user) as session:
            assert session.execute("SELECT current_user").fetchone() == (role,)
        assert os.geteuid() == 0
    site.do("backup")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another account")
def test_an_account_that_does_not_exist_is_named(site: Site) -> None:
    site.options = {"admin": "stranger"}
    with pytest.raises(Refused, match="the account stranger does not exist on this host"):
        site.do("backup")


OLD_PYTHON = """
import json, sys
sys.path.insert(0, sys.argv[1])
from stagegate.postgresql.driver import run_task
from stagegate.postgresql.task import Task
for params in json.load(sys.stdin):
    evidence = run_task(Task.from_params(params), False)["evidence"]
print(json.dumps(evidence))
"""


def test_the_hosts_own_python_does_it_as_well(site: Site) -> None:
    """Debian's python3-psycopg is older, and written in Python alone."""
    python = Path("/usr/bin/python3")
    probe = [str(python), "-I", "-c", "import psycopg; print(psycopg.__version__)"]
    if not python.exists() or subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("the host's own Python has no psycopg (Debian: python3-psycopg)")
    site.sql("DELETE FROM pairs WHERE a = 2")
    common = {"run": {**site.run, "plan": {"migration_class": "one_way"}}, "store": site.store}
    release = {"expected_changes": {"pairs": {"deleted": 9}}}
    calls = [
        {**common, "release": release, "action": action}
        for action in ("probe", "backup", "stage", "seal", "activate", "delta")
    ]
    core = Path(__file__).parents[3] / "plugins" / "module_utils"

    def do(some: list[dict[str, object]]) -> str:
        command = [str(python), "-I", "-c", OLD_PYTHON, str(core)]
        done = subprocess.run(command, input=json.dumps(some), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    do(calls[:3])
    site.sql("DELETE FROM pairs", site.beside("gen"))
    do(calls[3:5])
    site.sql("INSERT INTO users (name) VALUES ('late')")
    assert '"count": 1' in do(calls[5:])
