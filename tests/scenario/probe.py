"""Runs on a host, by its Python: what is true there, read without the code under test.

Prints one JSON object. Standard library only; the host has nothing of ours installed.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

STATE = Path("/var/lib/stagegate/abathur")
RELEASES = Path("/srv/abathur")
DATA = Path("/var/lib/abathur")
PORTS = {"abathur-api": 8000, "abathur-workers": 8001}
PROPERTIES = "ActiveState,MainPID,NRestarts,InvocationID"
WATCHED = (STATE, RELEASES, DATA, Path("/etc/systemd/system"), Path("/etc/passwd"))


def link(path: Path) -> str:
    """Where a link leads, empty when there is none."""
    return str(path.readlink()) if path.is_symlink() else ""


def service(name: str, port: int) -> dict[str, Any]:
    """What systemd says of a service, and the release that it says it is."""
    argv = ["systemctl", "show", name, "--property", PROPERTIES]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    found: dict[str, Any] = dict(line.split("=", 1) for line in shown.splitlines())
    found["version"] = ""
    if found["ActiveState"] == "active":
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as answer:
            found["version"] = json.load(answer)["version"]
    return found


def integrity(database: Path) -> list[str]:
    """SQLite's own verdict on the live file, and every broken reference."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)
    found = [row[0] for row in connection.execute("PRAGMA integrity_check")]
    broken = connection.execute("PRAGMA foreign_key_check").fetchall()
    connection.close()
    return [word for word in found if word != "ok"] + [f"broken reference {row}" for row in broken]


def integrity_of_copy(database: Path) -> list[str]:
    """The same for a file that nobody has open: opening it itself would leave files beside it."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in (database.name, f"{database.name}-wal"):
            if (database.parent / name).exists():
                shutil.copy(database.parent / name, scratch)
        return integrity(Path(scratch) / database.name)


def digest_of(path: Path) -> str:
    """Kind, mode, owner and content of one path."""
    status = path.lstat()
    facts = f"{status.st_mode:o} {status.st_uid} {status.st_gid} "
    if path.is_symlink():
        return facts + str(path.readlink())
    if path.is_file() and path.suffix != ".db-shm" and DATA / "log" not in path.parents:
        return facts + hashlib.sha256(path.read_bytes()).hexdigest()
    return facts


def tree() -> dict[str, str]:
    """Every path that a deployment may change, with what it is.

    What a running service changes by itself when it is only read (its log, the index of its WAL)
    counts by its presence.
    """
    found = {}
    for top in WATCHED:
        paths = [top, *top.rglob("*")] if top.exists() else []
        found.update({str(path): digest_of(path) for path in paths})
    return found


def main() -> None:
    """Print what is true on this host."""
    services = {name: service(name, port) for name, port in PORTS.items()}
    in_use = any(found["ActiveState"] == "active" for found in services.values())
    database = DATA / "current/abathur.db"
    sys.stdout.write(
        json.dumps(
            {
                "release": link(RELEASES / "current"),
                "data": link(DATA / "current"),
                "locked": (STATE / "lock").exists(),
                "guarded": (STATE / "guard").exists(),
                "services": services,
                "integrity": (integrity if in_use else integrity_of_copy)(database),
                "tree": tree(),
            }
        )
    )


if __name__ == "__main__":
    main()
