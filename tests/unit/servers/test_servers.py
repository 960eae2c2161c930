"""The servers that other tests stand on are real, closed to strangers, and gone afterwards."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.servers import place, postgresql, prometheus, redis
from tests.servers.guard import inhabitants


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_cluster_keeps_its_data_over_a_crash_and_is_gone_with_the_block():
    with postgresql.running(max_connections="20") as cluster:
        assert cluster.sql("SHOW max_connections") == "20"
        cluster.sql("CREATE TABLE kept (number int); INSERT INTO kept VALUES (7)")
        cluster.stop("immediate")
        cluster.start()
        assert cluster.sql("SELECT number FROM kept") == "7"
    assert not cluster.data.exists()
    assert not answers(cluster.port)


def test_a_statement_that_fails_says_why():
    with postgresql.running() as cluster, pytest.raises(AssertionError, match="missing"):
        cluster.sql("SELECT * FROM missing")


def test_redis_asks_for_its_password_and_keeps_what_it_is_told_to_keep():
    with redis.running(appendonly="yes", appendfsync="always") as server:
        assert server.command("SET", "k", "v") == "OK"
        server.stop(signal.SIGKILL)
        assert server.command("GET", "k") == ""
        server.start()
        assert server.command("GET", "k") == "v"
        assert server.command("DBSIZE") == "1"
        with socket.create_connection(("127.0.0.1", server.port)) as stranger:
            stranger.sendall(b"PING\r\n")
            assert stranger.recv(64).startswith(b"-NOAUTH")
        assert server.password not in Path(f"/proc/{server.process.pid}/cmdline").read_text()
    assert not server.home.exists()


def test_prometheus_knows_its_target_and_the_past_it_is_given_and_is_gone_with_the_block():
    past = "# TYPE seen gauge\n" + f"seen 7 {time.time() - 86400:.3f}\n# EOF\n"
    with prometheus.running(f"127.0.0.1:{place.free_port()}", history=past) as server:
        server.await_series("up == 0")  # nothing listens there
        assert server.ask("last_over_time(seen[25h])")[0]["value"][1] == "7"
        home = Path(f"/proc/{server.process.pid}/cwd").readlink()
    assert not home.exists()
    assert not answers(server.port)


PROJECT = Path(__file__).resolve().parents[3]
KILLED = """
import sys
from tests.servers import postgresql
with postgresql.running() as cluster:
    print(cluster.data, flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(postgresql.binaries() is None, reason="PostgreSQL's server is not installed")
def test_a_test_that_is_killed_leaves_no_server_behind():
    with subprocess.Popen(
        [sys.executable, "-c", KILLED],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    ) as test:
        data = Path(test.stdout.readline().strip())
        assert inhabitants(data)
        test.kill()
    deadline = time.monotonic() + 20
    while data.parent.exists():
        assert time.monotonic() < deadline, f"{data.parent} is left"
        time.sleep(0.05)
    assert not inhabitants(data)
