"""The users log what was acknowledged, and the checker finds what is missing of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from tests.unit.examples.sparkle.helpers import TOOLS

LOCUST = [sys.executable, "-m", "locust", "-f", str(TOOLS / "locustfile.py")]


def check(service, log, *more):
    command = [sys.executable, str(TOOLS / "check.py"), "--url", service.url, "--log", str(log)]
    done = subprocess.run([*command, *map(str, more)], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.fixture(scope="module")
def written(service, tmp_path_factory):
    """Return the log of five messages that are there."""
    sys.path.insert(0, str(TOOLS))
    try:
        from acknowledged import Log  # the tools are programs, no package
    finally:
        sys.path.remove(str(TOOLS))
    path = tmp_path_factory.mktemp("log") / "acknowledged.jsonl"
    log = Log(path)
    for number in range(5):
        service.post("/messages", {"key": f"ack-{number}", "text": f"text {number}"}, 201)
        log.add(f"ack-{number}", f"text {number}")
    return path


def with_lines(log, target, *entries):
    target.write_text(log.read_text() + "".join(json.dumps(entry) + "\n" for entry in entries))
    return target


def test_what_was_acknowledged_is_found(service, written):
    assert check(service, written) == (0, ["acknowledged writes: 5  lost: 0"])


@pytest.mark.parametrize("key", ["ack-never", "ack-1"])
def test_a_lost_or_changed_write_is_found(service, written, tmp_path, key):
    log = with_lines(written, tmp_path / "log.jsonl", {"key": key, "sha256": "other"})
    status, lines = check(service, log)
    assert (status, lines[-1]) == (1, "acknowledged writes: 6  lost: 1")
    assert key in lines[0]


def test_what_an_operator_gave_up_is_no_loss(service, written, tmp_path):
    gone = [{"key": f"gone-{number}", "sha256": "x"} for number in range(3)]
    log = with_lines(written, tmp_path / "log.jsonl", *gone)
    delta = tmp_path / "delta.jsonl"
    lines = [
        {"table": "messages", "op": "added", "row": {"key": "gone-0"}},
        {"table": "public.messages", "op": "changed", "row": {"key": "gone-1"}},
        {"table": "messages", "op": "deleted", "row": {"key": "gone-2"}},
        {"table": "users", "op": "added", "row": {"name": "gone-2"}},
    ]
    delta.write_text("".join(json.dumps(line) + "\n" for line in lines))
    status, said = check(service, log, "--accepted-delta", delta)
    assert (status, said[-2:]) == (
        1,
        ["accepted as lost: 2", "acknowledged writes: 8  lost: 1"],
    )


def test_a_line_that_was_cut_when_its_writer_was_killed_is_left_out(service, written, tmp_path):
    cut = tmp_path / "cut.jsonl"
    cut.write_text(written.read_text() + '{"key": "ack-')
    assert check(service, cut) == (0, ["acknowledged writes: 5  lost: 0"])


@contextmanager
def users(url, log, stats, **more):
    """Run Locust until the block ends."""
    load = ["--headless", "--host", url, "--users", "6", "--spawn-rate", "6", "--stop-timeout", "5"]
    with subprocess.Popen(
        [*LOCUST, *load, "--json-file", str(stats)],
        env={**os.environ, "SPARKLE_ACK_LOG": str(log), **more},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield process
            process.terminate()
            process.wait(30)
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("least", "well"), [("", True), ("1.1", False)], ids=["1.0 lacks a history", "and must not"]
)
def test_users_write_what_was_acknowledged_to_them(release, database, tmp_path, least, well):
    log, stats = tmp_path / "acknowledged.jsonl", tmp_path / "stats"
    with release("1.0").started(database("1.0").url) as running:
        with users(running.url, log, stats, SPARKLE_RELEASE_AT_LEAST=least) as load:
            deadline = time.monotonic() + 40
            while not log.exists() or log.read_text().count("\n") < 20:
                assert load.poll() is None, "Locust ended"
                assert time.monotonic() < deadline, "nothing was written"
                time.sleep(0.1)
        status, lines = check(running, log, "--stats", stats.with_suffix(".json"))
    written = len(log.read_text().splitlines())
    assert (status, lines[-1]) == (0, f"acknowledged writes: {written}  lost: 0")
    requests = next(line for line in lines if line.startswith("requests: "))
    assert requests.endswith("failed: 0") == well
    assert well or any(line.startswith("failed: GET /history") for line in lines)


def test_failed_requests_are_read_from_what_locust_writes_as_csv(service, written, tmp_path):
    stats = tmp_path / "load_stats.csv"
    stats.write_text(
        "Type,Name,Request Count,Failure Count,Median Response Time\n"
        "POST,/messages,7,2,3\nGET,/counts,5,0,3\n,Aggregated,12,2,3\n"
    )
    assert check(service, written, "--stats", stats)[1][:2] == [
        "failed: POST /messages: 2",
        "requests: 12  failed: 2",
    ]
