"""What must stand on a host before a release can: the account and the directories."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadInput, StepFailed
from ..files import fsync_dir, make_private_dir
from ..journal import open_journal
from .model import Fleet, is_path

STATE_FOLDERS = ("artifacts", "backups", "evidence")
DEADLINE = 60.0
STEP = ("release", "prepare_host")


@dataclass(frozen=True)
class Folder:
    """A directory that must exist; ``owner`` is empty for whoever deploys."""

    path: Path
    mode: int
    owner: str = ""


def prepare(
    fleet: Fleet, root: Path, writable: Sequence[str], check_mode: bool, create_user: bool
) -> dict[str, Any]:
    """Make the service account (as root) and every directory that a release needs.

    ``root`` takes the releases, ``writable`` and what the services name belong to the account. What
    exists is corrected, never emptied. Journal step ("release", "prepare_host"), state {created:
    [names and paths]}.
    """
    account = fleet.user if create_user and os.geteuid() == 0 else ""
    folders = wanted_folders(fleet, root, writable, account)
    missing_user = [account] if account and not exists(account) else []
    missing = [folder for folder in folders if not is_right(folder)]
    result = {
        "changed": bool(missing_user or missing),
        "created": [*missing_user, *(str(folder.path) for folder in missing)],
    }
    if check_mode or not result["changed"]:
        return result
    inputs = {"user": account, "folders": [str(folder.path) for folder in folders]}
    with open_journal(fleet.run) as journal, journal.step(*STEP, inputs) as step:
        for name in missing_user:
            create_user_account(name)
        for folder in missing:
            create_folder(folder)
        step.done(state={"created": result["created"]})
    return result


def wanted_folders(fleet: Fleet, root: Path, writable: Sequence[str], owner: str) -> list[Folder]:
    """The directories, in the order in which they are made. Raises BadInput for a bad path."""
    named = (path for service in fleet.services for path in service.writable)
    data = list(dict.fromkeys([*(str(path) for path in writable), *named]))
    for path in (str(root), *data):
        if not is_path(path):
            raise BadInput(f"{path} is no absolute, normal path")
    return [
        *(Folder(fleet.run.state / name, 0o700) for name in STATE_FOLDERS),
        Folder(root, 0o755),
        Folder(root / "releases", 0o755),
        *(Folder(Path(path), 0o700, owner) for path in data),
    ]


def exists(user: str) -> bool:
    """Tell whether an account exists."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def is_right(folder: Folder) -> bool:
    """Tell whether a directory is there with its mode and owner. Raises StepFailed for a file."""
    if not folder.path.is_dir():
        if folder.path.exists() or folder.path.is_symlink():
            raise StepFailed(f"{folder.path} stands where a directory must be")
        return False
    status = folder.path.stat()
    right = stat.S_IMODE(status.st_mode) == folder.mode
    if folder.owner:
        return right and exists(folder.owner) and status.st_uid == pwd.getpwnam(folder.owner).pw_uid
    return right


def create_folder(folder: Folder) -> None:
    """Make or correct one directory, durable."""
    for parent in reversed(folder.path.parents):
        if not parent.is_dir():
            make_private_dir(parent, 0o755)
    make_private_dir(folder.path, folder.mode)
    if folder.owner:
        account = pwd.getpwnam(folder.owner)
        os.chown(folder.path, account.pw_uid, account.pw_gid)
    fsync_dir(folder.path.parent)


def create_user_account(name: str) -> None:
    """Make a system account that nobody can log in to."""
    argv = ["useradd", "--system", "--no-create-home", "--home-dir", "/nonexistent"]
    argv += ["--shell", nologin(), *group_options(name), "--", name]
    try:
        ended = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=DEADLINE,
            check=False,
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise StepFailed(f"the account {name} cannot be made: {error}") from error
    if ended.returncode != 0:
        said = ended.stdout.decode("utf-8", "replace").strip()[-500:]
        raise StepFailed(
            f"the account {name} cannot be made: {said}",
            now="nothing else was prepared",
            untouched="every service and all data",
            next=f"make the account {name} as this host does it, then run the same command again",
        )


def group_options(name: str) -> Sequence[str]:
    """A group of the account's own name, which may be there already."""
    try:
        grp.getgrnam(name)
    except KeyError:
        return ["--user-group"]
    return ["--gid", name]


def nologin() -> str:
    """The shell that refuses."""
    known = ("/usr/sbin/nologin", "/sbin/nologin")
    return next((shell for shell in known if Path(shell).exists()), "/bin/false")
