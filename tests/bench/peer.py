"""pyinfra, in an environment of its own below .cache/bench, and a release by it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.databases import CACHE, ROOT
from tests.bench.model import NotMeasuredError
from tests.bench.playbooks import TOOLS
from tests.lab import Lab

HERE = Path(__file__).parent
LOCK = HERE / "pyinfra.lock"
DEPLOY = HERE / "peer_pyinfra.py"
MIGRATE = ROOT / "examples" / "abathur" / "tools" / "migrate.py"
AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
ENDS_WITHIN = 600.0
LAST_WORDS = 300
# It runs whatever a release needs, so it must be let run anything, and leaves modes to the session.
RIGHTS = """\
Defaults:deploy umask=0022, umask_override
deploy ALL = (ALL) NOPASSWD: ALL
"""


def program() -> Path:
    """The program; installed when it is not there as the lock describes it.

    Raises NotMeasuredError when it cannot be installed.
    """
    digest = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()
    place = CACHE / f"pyinfra-{digest[:12]}"
    if not (place / "installed").exists():
        for former in CACHE.glob("pyinfra-*"):
            shutil.rmtree(former)
        install(place)
        (place / "installed").touch()
    return place / "bin" / "pyinfra"


def version() -> str:
    """The version in the lock."""
    found = re.search(r"^pyinfra==(\S+)", LOCK.read_text(), re.MULTILINE)
    return found[1] if found else "of no known version"


def install(place: Path) -> None:
    """Make the environment, compiled: an interpreter that compiles at each start is slower."""
    uv = str(TOOLS / "uv")
    made = [uv, "venv", "--quiet", "--python", sys.executable, str(place)]
    sync = [uv, "pip", "sync", "--quiet", "--python", str(place / "bin" / "python")]
    for argv in (made, [*sync, "--require-hashes", "--compile-bytecode", str(LOCK)]):
        run(argv, ROOT, "pyinfra cannot be installed")


def release(hosts: Sequence[str], archive: Path, place: Path, *, prepare: bool = False) -> float:
    """Release on machines of the lab; the seconds of the whole command.

    `prepare` gives them what they need before their first one. Raises NotMeasuredError when it
    fails on any of them.
    """
    data = {
        "archive": str(archive),
        "migrator": str(MIGRATE),
        "prepare": prepare,
        "ssh_config_file": str(Lab().home.ssh_config),
        "_sudo": True,
    }
    for host in hosts:
        Lab().machine(host).run("tee", "/etc/sudoers.d/bench", given=RIGHTS)
    inventory = place / "inventory.py"
    inventory.write_text(f"bench = ({list(hosts)!r}, {data!r})\n")
    argv = [str(program()), "--yes", str(inventory), str(DEPLOY)]
    begin = time.perf_counter()
    run(argv, place, f"pyinfra's release of {archive.stem} failed")
    elapsed = time.perf_counter() - begin
    for host in hosts:
        refuse_other(host, archive)
    return elapsed


def refuse_other(host: str, archive: Path) -> None:
    """Raise NotMeasuredError unless a machine serves it: without a host pyinfra exits with 0, too.

    A release on nobody takes half a second, and would be a fine figure.
    """
    asked = Lab().machine(host).run("curl", "--silent", "http://127.0.0.1:8000/health")
    found = json.loads(asked.stdout)["version"] if asked.stdout else "nothing"
    if archive.stem != f"abathur-{found}":
        raise NotMeasuredError(f"after pyinfra's release of {archive.stem} {host} serves {found}")


def run(argv: Sequence[str], place: Path, what: str) -> None:
    """Run a program in a directory. Raises NotMeasuredError with its last words."""
    try:
        done = subprocess.run(
            argv, cwd=place, env=environment(), capture_output=True, text=True, timeout=ENDS_WITHIN
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotMeasuredError(f"{what}: {error}") from error
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise NotMeasuredError(f"{what}: {said[-LAST_WORDS:]}")


def environment() -> dict[str, str]:
    """The caller's, with what the Makefile tells uv of this machine where nobody else did."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    if any(Path(bundle).exists() for bundle in AUTHORITIES):
        kept.setdefault("UV_SYSTEM_CERTS", "true")
    if index := kept.get("PIP_INDEX_URL"):
        kept.setdefault("UV_DEFAULT_INDEX", index)
    return kept
