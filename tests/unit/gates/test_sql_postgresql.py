"""A query to PostgreSQL gives one number in time, writes nothing, and shows no password."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import BadInput
from stagegate.gates.act import named
from stagegate.gates.verdict import Result
from stagegate.journal import Run
from tests.servers.postgresql import Cluster
from tests.unit.gates.helpers import ask, gate, spec_of

COUNT = "SELECT count(*) FROM t"
RUN = "20261126T160000Z-ab12"
SECRET = "a secret of the test"


def source(cluster: Cluster, query: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": "sql",
        "engine": "postgresql",
        "database": "postgres",
        "user": cluster.admin,
        "host": str(cluster.socket),
        "port": cluster.port,
        "query": query,
        "deadline": 20,
        **more,
    }


def judged(cluster: Cluster, query: str, equals: float = 3, **more: Any) -> Result:
    spec = spec_of(gate(source(cluster, query, **more), samples=None, equals=equals))
    return ask(named(spec, Run(RUN, 0, "demo", "h1", Path("/nowhere"), False)))[0]


@pytest.fixture
def password(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    return path


@pytest.mark.parametrize(
    ("query", "more", "equals"),
    [
        (COUNT, {}, 3),
        ("SELECT avg(i) FROM t", {}, 2),
        ("SELECT 1.5::numeric", {}, 1.5),
        ("SELECT count(*) FROM t WHERE i::text LIKE '%'", {}, 3),
        ("SELECT sum(i) FROM t WHERE i > %(least)s", {"parameters": {"least": 1}}, 5),
    ],
)
def test_a_number_is_judged(
    cluster: Cluster, query: str, more: dict[str, Any], equals: float
) -> None:
    result = judged(cluster, query, equals, **more)
    assert result.verdict == "green", result.reason
    assert judged(cluster, query, equals + 1, **more).verdict == "red"


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT i FROM t", "one row of one column"),
        ("SELECT 1, 2", "one row of one column"),
        ("SELECT i FROM t WHERE false", "gave no row"),
        ("SELECT NULL", "null is no number"),
        ("SELECT 'three'", "a str is no number"),
        ("SELECT true", "a bool is no number"),
        ("SELECT 'NaN'::numeric", "not finite"),
        ("SELECT 'Infinity'::float8", "not finite"),
        ("SELECT -1", "a negative count"),
        ("SELEC 1", "the query failed: syntax error"),
        ("SELECT no_such FROM t", 'column "no_such" does not exist'),
        ("SELECT 1/0", "division by zero"),
        ("CREATE TABLE made (i int)", "read-only transaction"),
        ("INSERT INTO t VALUES (4) RETURNING 3", "read-only transaction"),
        ("SELECT 1; SELECT 3", "cannot insert multiple commands"),
        ("COMMIT", "it gives no rows"),
        ("SELECT count(*) FROM t WHERE i::text = %(missing)s", ""),
    ],
)
def test_what_is_no_answer_is_unknown(cluster: Cluster, query: str, said: str) -> None:
    result = judged(cluster, query)
    assert result.verdict == "unknown"
    assert said in result.reason
    assert cluster.sql(COUNT) == "3"


def test_a_slow_query_ends_at_its_deadline_on_both_sides(cluster: Cluster) -> None:
    began = time.monotonic()
    result = judged(cluster, "SELECT count(*) FROM pg_sleep(60)", deadline=2)
    assert result.verdict == "unknown"
    assert time.monotonic() - began < 8
    running = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' "
    running += "AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()"
    while cluster.sql(running) != "0":  # the server's own time-out began a little later
        assert time.monotonic() - began < 10


def test_a_password_comes_from_its_file_and_is_no_argument_of_any_process(
    cluster: Cluster, password: Path
) -> None:
    over_network = {"host": "127.0.0.1", "user": "reader", "password_file": str(password)}
    held = threading.Thread(
        target=judged, args=(cluster, "SELECT 3 FROM pg_sleep(2)"), kwargs=over_network
    )
    held.start()
    name = f"SELECT usename FROM pg_stat_activity WHERE application_name = 'stagegate/{RUN}/gate'"
    seen = ""
    while not seen and held.is_alive():
        seen = cluster.sql(name)
        arguments = [arguments_of(path) for path in Path("/proc").glob("[0-9]*")]
        assert not any(SECRET in text for text in arguments)
    held.join()
    assert seen == "reader"


def arguments_of(process: Path) -> str:
    try:
        return (process / "cmdline").read_text(errors="replace")
    except OSError:  # it ended meanwhile
        return ""


def test_a_wrong_password_is_unknown_and_is_not_told(cluster: Cluster, password: Path) -> None:
    over_network = {"host": "127.0.0.1", "user": "reader", "password_file": str(password)}
    assert judged(cluster, COUNT, **over_network).verdict == "green"
    password.write_text("not this one\n")
    result = judged(cluster, COUNT, **over_network)
    assert (result.verdict, "password authentication failed" in result.reason) == ("unknown", True)
    assert "not this one" not in result.reason
    password.chmod(0o644)
    result = judged(cluster, COUNT, **over_network)
    assert (result.verdict, "others may read it" in result.reason) == ("unknown", True)


def test_an_account_that_does_not_exist_is_told(cluster: Cluster) -> None:
    result = judged(cluster, COUNT, user="nobody-at-all")
    assert result.verdict == "unknown"
    assert "nobody-at-all" in result.reason


def test_over_the_network_a_password_is_needed(cluster: Cluster) -> None:
    raw = gate(source(cluster, COUNT, host="db.example.org"), equals=3)
    with pytest.raises(BadInput, match="password_file: is missing"):
        spec_of(raw)
    raw = gate(source(cluster, COUNT, path="/a.db"), equals=3)
    with pytest.raises(BadInput, match=r"source\.path: unknown key"):
        spec_of(raw)
