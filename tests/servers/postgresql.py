"""A PostgreSQL cluster of a test's own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers import place

ACCOUNT = "postgres"
DEADLINE = "60"
# A power cut is not what these tests are about; without syncing everything is faster.
SETTINGS = {"fsync": "off", "unix_socket_permissions": "0777", "timezone": "UTC"}


def binaries() -> Path | None:
    """Return the folder of the newest server and its tools; Debian keeps them off PATH."""
    debian = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    if found := sorted(debian, key=lambda path: int(path.parent.parent.name)):
        return found[-1].parent
    elsewhere = shutil.which("initdb")
    return Path(elsewhere).resolve().parent if elsewhere else None


@dataclass(frozen=True)
class Cluster:
    """A cluster whose superuser is `admin`; whoever comes through the socket is trusted.

    `socket` is the socket's folder. Over TCP, at 127.0.0.1 and the same port, a password is asked.
    """

    socket: Path
    port: int
    admin: str
    data: Path
    bin: Path

    def url(self, database: str = "postgres", scheme: str = "postgresql") -> str:
        """Return the URL of a database, without a user: add `?...&user=` to be another one."""
        return f"{scheme}:///{database}?host={self.socket}&port={self.port}"

    def sql(self, statement: str, database: str = "postgres", user: str = "") -> str:
        """Run SQL with psql; returns its rows, one a line, columns parted by `|`."""
        login = ["-U", user or self.admin, "-h", str(self.socket), "-p", str(self.port)]
        options = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *login, "-d", database]
        done = subprocess.run(
            [str(self.bin / "psql"), *options],
            input=statement,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.rstrip("\n")

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        log = self.data.parent / "log"
        self._control("start", "-w", "-l", str(log))

    def stop(self, mode: str = "fast") -> None:
        """Stop the server: `fast` like a restart, `immediate` like a crash."""
        self._control("stop", "-w", "-m", mode)

    def _control(self, *action: str) -> None:
        command = [str(self.bin / "pg_ctl"), "-D", str(self.data), "-t", DEADLINE, "-s", *action]
        # Its output is not captured: the server inherits the pipe and would keep it open.
        with (self.data.parent / "control").open("w+") as said:
            done = subprocess.run(
                command, stdout=said, stderr=said, cwd="/", **place.identity(self.admin)
            )
            said.seek(0)
            assert done.returncode == 0, said.read()


def initialise(cluster: Cluster) -> None:
    """Make the cluster's files."""
    options = ["--no-sync", "--auth-local=trust", "--auth-host=scram-sha-256", "--locale=C.UTF-8"]
    command = [str(cluster.bin / "initdb"), *options, "-U", cluster.admin, "-D", str(cluster.data)]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd="/", **place.identity(cluster.admin)
    )
    assert done.returncode == 0, done.stderr


def configure(cluster: Cluster, settings: dict[str, str]) -> None:
    """Append settings to those that initdb wrote; the last one of a name counts."""
    given = {
        "port": str(cluster.port),
        "unix_socket_directories": str(cluster.socket),
        "listen_addresses": "127.0.0.1",
        **SETTINGS,
        **settings,
    }
    with (cluster.data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in given.items())


@contextmanager
def running(**settings: str) -> Iterator[Cluster]:
    """Run a new cluster; `settings` are PostgreSQL's own, as texts."""
    found = binaries()
    if found is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: postgresql)")
    owner = place.account(ACCOUNT)
    with place.folder("stagegate-pg-", owner) as home:
        home.chmod(0o711)  # whoever tries to connect must reach the socket
        cluster = Cluster(home, place.free_port(), owner, home / "data", found)
        initialise(cluster)
        configure(cluster, settings)
        cluster.start()
        yield cluster
