"""Releases of abathur as they are deployed: built, unpacked, migrated, started."""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from examples.abathur.build import SYSTEM
from examples.building import System

EXAMPLE = SYSTEM.home
TOOLS = EXAMPLE / "tools"
START_DEADLINE = 20.0


@dataclass(frozen=True)
class Running:
    """A service that answers."""

    url: str
    process: subprocess.Popen[str]

    def get(self, path: str) -> tuple[int, Any]:
        """Return status and JSON of GET `path`."""
        return self.ask("GET", path)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and JSON of a request."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=10)
        with closing(connection):
            connection.request(method, path, None if body is None else json.dumps(body))
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    """Let all processes of these tests share their compiled files, outside of the releases."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as compiled:
        patch.setenv("PYTHONPYCACHEPREFIX", compiled)
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


def opened(system: System, version: str) -> tarfile.TarFile:
    """Build a release in memory and open it."""
    tar = BytesIO()
    system.write(version, tar)
    tar.seek(0)
    return tarfile.open(fileobj=tar)


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Unpack a release; the same folder for the same version."""
    root = tmp_path_factory.mktemp("releases")

    def unpack(version: str) -> Path:
        target = root / version
        if not target.exists():
            with opened(SYSTEM, version) as archive:
                archive.extractall(target, filter="data")
        return target

    return unpack


def run_tool(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one of the example's tools."""
    return subprocess.run(
        [sys.executable, str(TOOLS / f"{name}.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture(scope="session")
def migrated(
    unpacked: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Return a new database at the schema of a good release."""
    root = tmp_path_factory.mktemp("databases")

    def make(version: str) -> Path:
        template = root / f"{version}.db"
        if not template.exists():
            done = run_tool("migrate", "--release", unpacked(version), "--database", template)
            assert done.returncode == 0, done.stderr
        return Path(shutil.copy(template, tmp_path_factory.mktemp("data") / "abathur.db"))

    return make


@contextmanager
def started(release: Path, database: Path, program: str = "abathur-api") -> Iterator[Running]:
    """Start a release's service on a free port; it is gone when the block ends."""
    environment = {
        **os.environ,
        "ABATHUR_DATABASE": str(database),
        "ABATHUR_DOCUMENTS": str(database.parent / "documents"),
        "ABATHUR_LISTEN": "127.0.0.1:0",
        "ABATHUR_WORKERS_LISTEN": "127.0.0.1:0",
        "ABATHUR_LOG": str(database.with_name("log.jsonl")),
    }
    command = [sys.executable, str(release / "bin" / program)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            running = Running(read_address(process), process)
            await_health(running)
            yield running
        finally:
            process.kill()


def read_address(process: subprocess.Popen[str]) -> str:
    """Return the address that the service says it listens on."""
    ready, _, _ = select.select([process.stdout], [], [], START_DEADLINE)
    assert ready, "the service said nothing"
    line = process.stdout.readline()
    found = re.search(r"http://\S+", line)
    assert found, f"the service said {line!r}"
    return found[0]


def await_health(running: Running) -> None:
    """Wait until the service answers: its port is bound a little earlier."""
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline:
        try:
            status, _ = running.get("/health")
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            assert status == 200
            return
    pytest.fail("the service did not answer")


def selftest(release: Path, database: Path) -> subprocess.CompletedProcess[str]:
    """Run a release's selftest on a database."""
    return subprocess.run(
        [sys.executable, str(release / "bin" / "abathur-selftest")],
        env={**os.environ, "ABATHUR_DATABASE": str(database)},
        capture_output=True,
        text=True,
        timeout=60,
    )
