"""A process that cannot start says why in one line; one that is told to stop does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from tests.unit.examples.conftest import started


def refusal(release, program="abathur-api", **environment):
    """Start a process that must refuse; return its only line."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ABATHUR_")}
    done = subprocess.run(
        [sys.executable, str(release / "bin" / program)],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 78
    (line,) = done.stderr.splitlines()
    return line


def test_without_a_database_it_does_not_start(unpacked, tmp_path):
    release, missing = unpacked("1.0"), tmp_path / "none.db"
    assert "ABATHUR_DATABASE is not set" in refusal(release)
    assert "is not a file" in refusal(release, ABATHUR_DATABASE=str(missing))
    assert not missing.exists()


def test_a_file_that_is_no_database_is_refused(unpacked, tmp_path):
    text = tmp_path / "text.db"
    text.write_text("no database, but more than a hundred characters of something else" * 4)
    assert "not a database" in refusal(unpacked("1.0"), ABATHUR_DATABASE=str(text))


def test_a_schema_older_than_the_code_is_refused(unpacked, migrated):
    line = refusal(unpacked("1.1"), ABATHUR_DATABASE=str(migrated("1.0")))
    assert "lacks 0101.session-priority" in line


def test_places_that_cannot_be_written_are_refused(unpacked, migrated, tmp_path):
    (tmp_path / "file").touch()
    below = str(tmp_path / "file" / "below")
    given = {"ABATHUR_DATABASE": str(migrated("1.0")), "ABATHUR_WORKERS_LISTEN": "127.0.0.1:0"}
    line = refusal(unpacked("1.0"), "abathur-workers", **given, ABATHUR_DOCUMENTS=below)
    assert f"cannot watch {below}" in line
    given["ABATHUR_DOCUMENTS"] = str(tmp_path)
    line = refusal(unpacked("1.0"), "abathur-workers", **given, ABATHUR_LOG=f"{below}/log.jsonl")
    assert f"cannot write the log {below}" in line


def test_an_address_that_is_taken_is_refused(unpacked, migrated):
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        line = refusal(
            unpacked("1.0"), ABATHUR_DATABASE=str(migrated("1.0")), ABATHUR_LISTEN=address
        )
    assert f"cannot listen on {address}" in line


def test_workers_without_a_directory_to_watch_are_refused(unpacked, migrated):
    line = refusal(unpacked("1.0"), "abathur-workers", ABATHUR_DATABASE=str(migrated("1.0")))
    assert "ABATHUR_DOCUMENTS is not set" in line


@pytest.mark.parametrize("program", ["abathur-api", "abathur-workers"])
def test_each_start_has_an_instance_of_its_own_and_stops_with_status_0(unpacked, migrated, program):
    path, seen = migrated("1.0"), []
    for _ in range(2):
        with started(unpacked("1.0"), path, program) as service:
            seen.append(service.get("/health")[1])
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(5) == 0
    assert {health["version"] for health in seen} == {"1.0"}
    assert seen[0]["instance_id"] != seen[1]["instance_id"]


def test_it_writes_nothing_beside_its_code(unpacked, migrated):
    release = unpacked("1.0")
    before = sorted(release.rglob("*"))
    with started(release, migrated("1.0")):
        assert sorted(release.rglob("*")) == before
