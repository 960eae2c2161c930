"""A release of sparkle as it is deployed: its migrations, its self-test, its service."""

from __future__ import annotations

import http.client
import json
import os
import re
import select
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from examples.sparkle.build import SYSTEM
from tests.servers.postgresql import Cluster

TOOLS = SYSTEM.home / "tools"
OWNER = "sparkle"
START_DEADLINE = 30.0
# What a migration driver does, without one: alembic on the release's own folder.
ALEMBIC = """
import sys
from alembic import command
from alembic.config import Config
folder, url, action, revision = sys.argv[1:]
config = Config()
config.set_main_option("script_location", folder)
config.set_main_option("sqlalchemy.url", url)
getattr(command, action)(config, revision)
"""


@cache
def interpreter() -> str:
    """Return a Python of the version that the releases are built for."""
    for found in (sys.executable, shutil.which("python3.11"), "/usr/bin/python3"):
        asked = ["-c", "import sys; sys.exit(sys.version_info[:2] != (3, 11))"]
        if found and Path(found).exists() and subprocess.run([found, *asked]).returncode == 0:
            return found
    pytest.skip("no Python 3.11, which the releases are built for, is on this machine")


@dataclass(frozen=True)
class Release:
    """A release in a folder, with its libraries beside it: they are the same for all."""

    folder: Path
    libraries: Path

    def environment(self, **more: str) -> dict[str, str]:
        """Return an environment in which the release finds its libraries, and no other setting."""
        mine = {name: value for name, value in os.environ.items() if not name.startswith("SPARKLE")}
        return {**mine, "PYTHONPATH": str(self.libraries), **more}

    def python(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run Python with the release's libraries."""
        return subprocess.run(
            [interpreter(), *arguments],
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=60,
        )

    def alembic(
        self, url: str, revision: str = "head", action: str = "upgrade", **more: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the release's migrations."""
        migrations = str(self.folder / "migrations")
        return self.python("-c", ALEMBIC, migrations, url, action, revision, **more)

    def upgrade(self, url: str) -> None:
        """Bring a database to the release's schema."""
        done = self.alembic(url)
        assert done.returncode == 0, done.stderr

    def selftest(self, url: str) -> tuple[int, str]:
        """Run the release's self-test; returns its status and its last line."""
        done = self.python(str(self.folder / "bin" / "sparkle-selftest"), SPARKLE_DATABASE=url)
        assert done.stdout, done.stderr
        return done.returncode, done.stdout.splitlines()[-1]

    @contextmanager
    def started(self, url: str, **more: str) -> Iterator[Running]:
        """Run the release's service on free ports; it is gone when the block ends."""
        given = {"SPARKLE_LISTEN": "127.0.0.1:0", "SPARKLE_GRPC_LISTEN": "127.0.0.1:0"}
        given |= {"SPARKLE_DATABASE": url, "SPARKLE_LOG": os.devnull, **more}
        command = [interpreter(), str(self.folder / "bin" / "sparkle-api")]
        with subprocess.Popen(
            command, env=self.environment(**given), stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                ready, _, _ = select.select([process.stdout], [], [], START_DEADLINE)
                assert ready, "the service said nothing"
                line = process.stdout.readline()
                found = re.search(r"(http://\S+) and grpc://(\S+)", line)
                assert found, f"the service said {line!r}"
                yield Running(found[1], found[2], process)
            finally:
                process.kill()


@dataclass(frozen=True)
class Running:
    """A service that answers."""

    url: str
    grpc: str
    process: subprocess.Popen[str]

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Return status and answer of a request; what is not JSON comes as text."""
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        with closing(connection):
            given = {"content-type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), given)
            answer = connection.getresponse()
            text = answer.read().decode()
            kind = answer.getheader("content-type", "")
            return answer.status, json.loads(text) if kind == "application/json" else text

    def get(self, path: str) -> Any:
        """Return the answer of GET `path`, which must be 200."""
        status, answer = self.ask("GET", path)
        assert status == 200, answer
        return answer

    def post(self, path: str, body: Any, status: int = 200) -> Any:
        """Return the answer of POST `path`, which must have `status`."""
        found, answer = self.ask("POST", path, body)
        assert found == status, answer
        return answer

    def new_user(self) -> int:
        """Create a user; returns its id."""
        made = self.post("/users", {"name": f"test-{uuid.uuid4().hex}"}, 201)
        return int(made["id"])


@dataclass(frozen=True)
class Database:
    """A database of a test's own."""

    cluster: Cluster
    name: str

    @property
    def url(self) -> str:
        """Its URL, for the owner of its tables."""
        return f"{self.cluster.url(self.name)}&user={OWNER}"

    def sql(self, statement: str) -> str:
        """Run SQL."""
        return self.cluster.sql(statement, self.name)

    def messages(self) -> str:
        """Return every message with all its columns."""
        return self.sql("SELECT row_to_json(m) FROM messages AS m ORDER BY id")

    def revision(self) -> str:
        """Return the revision that alembic has recorded."""
        return self.sql("SELECT version_num FROM alembic_version")
