"""The writer logs what was acknowledged, and the checker finds what is missing of it."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from tests.unit.examples.conftest import TOOLS, run_tool, started


@pytest.fixture(scope="module")
def written(unpacked, migrated, tmp_path_factory):
    """Return a database that the writer has written to, and its log."""
    log = tmp_path_factory.mktemp("log") / "acknowledged.jsonl"
    path = migrated("1.0")
    with started(unpacked("1.0"), path) as service:
        done = run_tool("writer", "--url", service.url, "--log", log, "--rate", 200, "--seconds", 1)
        assert done.returncode == 0, done.stderr
        assert run_tool("checker", "--url", service.url, "--log", log).returncode == 0
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(5) == 0
    return path, log


def entries(log):
    return [json.loads(line) for line in log.read_text().splitlines()]


def damaged(path, target, *statements):
    """Copy the database and change the copy."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        for statement, values in statements:
            assert copy.execute(statement, values).rowcount == 1
        copy.commit()
    return target


def check(database, log, *more):
    done = run_tool("checker", "--database", database, "--log", log, *more)
    return done.returncode, done.stdout.splitlines()[-1]


def test_every_kind_of_write_is_logged_and_found(written):
    path, log = written
    kinds = {entry["kind"] for entry in entries(log)}
    assert kinds == {"session", "event", "state", "task", "memory"}
    assert check(path, log) == (0, f"acknowledged writes: {len(entries(log))}  lost: 0")


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("task", "DELETE FROM tasks WHERE id = :id"),
        ("task", "UPDATE tasks SET prompt = 'other' WHERE id = :id"),
        ("event", "UPDATE sessions SET events = '[]' WHERE id = :session"),
        (
            "state",
            "UPDATE sessions SET state = json_set(state, '$.\"' || :key || '\"', 0)"
            " WHERE id = :session",
        ),
        ("memory", "DELETE FROM memory_entries WHERE key = :key AND version = :version"),
        ("memory", "UPDATE memory_entries SET value = '0' WHERE key = :key AND version = :version"),
        ("session", "UPDATE sessions SET user_id = 'other' WHERE id = :id"),
    ],
)
def test_a_lost_write_is_found(written, tmp_path, kind, statement):
    path, log = written
    victim = next(entry for entry in entries(log) if entry["kind"] == kind)
    copy = damaged(path, tmp_path / "copy.db", (statement, victim))
    assert check(copy, log) == (1, f"acknowledged writes: {len(entries(log))}  lost: 1")


def test_a_write_that_an_operator_accepted_to_lose_is_no_loss(written, tmp_path):
    path, log = written
    first, second = [entry for entry in entries(log) if entry["kind"] == "task"][:2]
    statement = "DELETE FROM tasks WHERE id = :id"
    copy = damaged(path, tmp_path / "copy.db", (statement, first), (statement, second))
    delta = tmp_path / "delta.jsonl"
    row = {"id": first["id"], "prompt": first["prompt"]}
    delta.write_text(
        json.dumps({"table": "tasks", "key": [first["id"]], "op": "added", "row": row}) + "\n"
    )
    assert check(copy, log, "--accepted-delta", delta) == (
        1,
        f"acknowledged writes: {len(entries(log))}  lost: 1",
    )


def test_a_line_that_was_cut_when_the_writer_was_killed_is_left_out(written, tmp_path):
    path, log = written
    cut = tmp_path / "cut.jsonl"
    cut.write_text(log.read_text() + '{"kind": "task", "id"')
    assert check(path, cut)[0] == 0


def test_the_writer_outlives_the_service_and_tells_the_gap(unpacked, migrated, tmp_path):
    path, log = migrated("1.0"), tmp_path / "acknowledged.jsonl"
    command = [sys.executable, str(TOOLS / "writer.py"), "--log", str(log), "--rate", "100"]
    with started(unpacked("1.0"), path) as service:
        port = service.url.rpartition(":")[2]
        with subprocess.Popen(
            [*command, "--url", service.url], stdout=subprocess.PIPE, text=True
        ) as writer:
            await_lines(log, 20)
            service.process.kill()
            service.process.wait()
            before = len(entries(log))
            restarted = restart(unpacked("1.0"), path, port)
            try:
                await_lines(log, before + 20)
                writer.send_signal(signal.SIGTERM)
                said, _ = writer.communicate(timeout=10)
                assert writer.returncode == 0
                assert "gaps: 1," in said
                assert [entry["kind"] for entry in entries(log)].count("gap") == 1
                done = run_tool("checker", "--url", service.url, "--log", log)
                assert (done.returncode, "lost: 0" in done.stdout) == (0, True)
            finally:
                restarted.kill()
                restarted.wait()


def await_lines(log, number):
    deadline = time.monotonic() + 20
    while not log.exists() or len(log.read_text().splitlines()) < number:
        assert time.monotonic() < deadline, "the writer writes nothing"
        time.sleep(0.02)


def restart(release, database, port):
    """Start the service again on the same port."""
    environment = {
        **os.environ,
        "ABATHUR_DATABASE": str(database),
        "ABATHUR_LISTEN": f"127.0.0.1:{port}",
        "ABATHUR_LOG": os.devnull,
    }
    command = [sys.executable, str(release / "bin" / "abathur-api")]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)


def test_a_filled_database_is_as_big_as_asked_and_works(unpacked, tmp_path):
    path = tmp_path / "filled.db"
    done = run_tool("fill", "--path", path, "--size", "3MB", "--release", unpacked("1.0"))
    assert done.returncode == 0, done.stderr
    assert 3_000_000 <= path.stat().st_size < 8_000_000
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    with started(unpacked("1.0"), path) as service:
        status, found = service.get("/search/semantic?q=rollback&limit=3")
        assert (status, len(found["results"])) == (200, 3)
        assert service.get("/sessions/fill-0")[0] == 200
