"""Files with secrets: placed for one account each, and put back as a run found them.

Their content is never told. The ledger has paths, and digests under a salt that lies beside the
kept copies, so that a short password cannot be found by trying.
"""

from __future__ import annotations

import hashlib
import hmac
import pwd
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from .errors import BadInput, Refused, StepFailed
from .files import make_private_dir, write_atomic
from .journal import Journal, Run
from .ledger import Entry
from .memory import journal_for, remembered
from .secret_place import LARGEST, Held, read_file, remove_file, write_file
from .validate import NAME, check_path

STEP = ("release", "secrets")
RESTORE = ("rollback", "restore_secrets")
MODE = 0o600


@dataclass(frozen=True)
class Secret:
    """What a user wants: one file for one account."""

    path: Path
    owner: str
    content: bytes = field(repr=False)


Wanted = dict[str, Optional[Secret]]
"""By path; None where nothing may be left."""


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do one action."""
    return ACTIONS[params["action"]](params, check_mode)


def probe(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Whether each file is missing, differs or is the same; nothing is written.

    Raises Refused for a place where no secret may lie.
    """
    try:
        return {"files": {str(s.path): state_of(s) for s in read_secrets(params)}}
    except StepFailed as error:
        raise Refused(
            error.what, now="nothing was changed", untouched=error.untouched, next=error.next
        ) from error


def place(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Give every file its content, owner and mode; keep what was there before the first change.

    What an earlier run placed and nobody wants any more is removed. Journal step ("release",
    "secrets"), state {files: {path: {now: <digest or null>, former: null | {kept, digest, mode,
    uid, gid}}}}; the same state is written down before the first change. A run that finds all as it
    must be writes no step.
    """
    with journal_for(Run.from_params(params["run"]), check_mode) as journal:
        wanted = with_leftovers(read_secrets(params), journal.entries)
        wrong = [path for path, secret in wanted.items() if not is_right(path, secret)]
        recorded = remembered(journal, *STEP, "files")
        if not check_mode and (wrong or recorded is not None):
            place_all(journal, wanted, recorded, wrong)
    return {"changed": bool(wrong), "files": wrong}


def place_all(
    journal: Journal, wanted: Wanted, recorded: dict[str, Any] | None, wrong: list[str]
) -> None:
    """The step of ``place``; only the files that are wrong are written."""
    folder = journal.run.evidence / "secrets"
    salt = make_salt(folder)
    now = {path: keyed(salt, path, secret) for path, secret in wanted.items()}
    if recorded is None:
        former = {path: keep(folder, salt, path, n) for n, path in enumerate(wanted)}
        recorded = {"files": {p: {"now": now[p], "former": former[p]} for p in wanted}}
        journal.note(*STEP, state=recorded)
    owners = {path: secret.owner for path, secret in wanted.items() if secret}
    with journal.step(*STEP, {"files": now, "owners": owners}) as step:
        for path in wrong:
            put(path, held(wanted[path]))
        step.done(state=recorded, evidence={"changed": wrong})


def restore(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Put back what this run found; remove what was not there.

    Each kept copy is verified before the first one is put back. Journal step ("rollback",
    "restore_secrets"), state {files: {path: <digest or null>}}. A run that placed nothing has
    nothing to put back.
    """
    run = Run.from_params(params["run"])
    with journal_for(run, check_mode) as journal:
        recorded = remembered(journal, *STEP, "files")
        if recorded is None:
            return {"changed": False, "files": []}
        former = {path: file["former"] for path, file in recorded["files"].items()}
        found = {path: read_kept(run, path, told) for path, told in former.items()}
        wrong = [path for path, file in found.items() if read_file(Path(path)) != file]
        if not check_mode:
            with journal.step(*RESTORE, {"files": former}) as step:
                for path in wrong:
                    put(path, found[path])
                digests = {path: told and told["digest"] for path, told in former.items()}
                step.done(state={"files": digests}, evidence={"changed": wrong})
    return {"changed": bool(wrong), "files": wrong}


ACTIONS: Mapping[str, Callable[[dict[str, Any], bool], dict[str, Any]]] = {
    "probe": probe,
    "place": place,
    "restore": restore,
}


def read_secrets(params: dict[str, Any]) -> tuple[Secret, ...]:
    """The wanted files. Raises BadInput, in words without their content."""
    lists = [list(params.get(name) or []) for name in ("paths", "owners", "contents")]
    paths, owners, contents = lists
    if len({len(values) for values in lists}) > 1:
        raise BadInput("each secret needs a path, an owner and a content")
    if len(set(paths)) < len(paths):
        raise BadInput("a path stands twice among the secrets")
    return tuple(map(read_secret, paths, owners, contents))


def read_secret(path: str, owner: str, content: str) -> Secret:
    """One wanted file."""
    problems = check_path(path, "secrets.path")
    if problems or path == "/" or path.endswith("/"):
        raise BadInput(f"secrets.path: {path!r} is no absolute, normal path of a file")
    if not NAME.fullmatch(owner):
        raise BadInput(f"secrets.owner: {owner!r} is no account, for {path}")
    try:
        data = content.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise BadInput(f"the content of {path} is no text that a file can hold") from error
    if len(data) > LARGEST:
        raise BadInput(f"the content of {path} is larger than {LARGEST} bytes")
    return Secret(Path(path), owner, data)


def with_leftovers(wanted: Iterable[Secret], entries: Iterable[Entry]) -> Wanted:
    """What must be at each path, those included that an earlier run placed for a former release."""
    found: Wanted = {str(secret.path): secret for secret in wanted}
    return {**{path: None for path in sorted(placed(entries)) if path not in found}, **found}


def placed(entries: Iterable[Entry]) -> set[str]:
    """The files that are there because a run put them there, after all that went back."""
    found: set[str] = set()
    before: dict[str, set[str]] = {}
    for entry in entries:
        if entry.kind == "done" and (entry.phase, entry.step) == STEP:
            before.setdefault(entry.run, found)
            files = entry.state["files"].items()
            found = (found - {path for path, _ in files}) | {p for p, f in files if f["now"]}
        elif entry.kind == "done" and (entry.phase, entry.step) == RESTORE:
            found = before.get(entry.run, found)
    return found


def state_of(secret: Secret) -> str:
    """A file in one word."""
    if read_file(secret.path) is None:
        return "missing"
    return "same" if is_right(str(secret.path), secret) else "differs"


def is_right(path: str, secret: Secret | None) -> bool:
    """Tell whether a file is as it must be; an account that does not exist yet owns none."""
    there = read_file(Path(path))
    if secret is None or there is None:
        return secret is None and there is None
    return account(secret.owner) is not None and there == held(secret)


def held(secret: Secret | None) -> Held | None:
    """The file that a secret must become. Raises StepFailed without its account."""
    if secret is None:
        return None
    owner = account(secret.owner)
    if owner is None:
        raise StepFailed(
            f"{secret.path} is for the account {secret.owner}, which does not exist",
            now="this file was not written",
            untouched="every service and all data",
            next="name the account that the services run as, or make it",
        )
    return Held(secret.content, MODE, owner.pw_uid, owner.pw_gid)


def account(name: str) -> pwd.struct_passwd | None:
    """An account of the host, or None."""
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def put(path: str, file: Held | None) -> None:
    """Make a path what it must be."""
    if file is None:
        remove_file(Path(path))
    else:
        write_file(Path(path), file)


def make_salt(folder: Path) -> bytes:
    """The salt of a run's digests, made at the first call."""
    make_private_dir(folder)
    place = folder / "salt"
    if not place.exists():
        write_atomic(place, secrets.token_bytes(32))
    return place.read_bytes()


def keyed(salt: bytes, path: str, file: Secret | Held | None) -> str | None:
    """A digest that tells nothing without the salt; None for a file that is not there."""
    if file is None:
        return None
    return hmac.new(salt, path.encode() + b"\0" + file.content, hashlib.sha256).hexdigest()


def keep(folder: Path, salt: bytes, path: str, number: int) -> dict[str, Any] | None:
    """Copy a file to the run's evidence before it is changed; None when there is none."""
    there = read_file(Path(path))
    if there is None:
        return None
    kept = folder / f"{number:02d}-{Path(path).name}"
    write_atomic(kept, there.content)
    told = {"kept": str(kept), "digest": keyed(salt, path, there)}
    return {**told, "mode": there.mode, "uid": there.uid, "gid": there.gid}


def read_kept(run: Run, path: str, told: dict[str, Any] | None) -> Held | None:
    """A kept file. Raises StepFailed when it is not what was kept."""
    if told is None:
        return None
    there, salt = read_file(Path(told["kept"])), read_file(run.evidence / "secrets" / "salt")
    if there and salt and keyed(salt.content, path, there) == told["digest"]:
        return Held(there.content, told["mode"], told["uid"], told["gid"])
    raise StepFailed(
        f"the former {path} cannot be put back: {told['kept']} is missing or changed",
        now="the services are held by the start guard",
        untouched="every file with a secret",
        next=f"write the former {path} by hand, then run "
        "ansible-playbook playbooks/rollback.yml -i <inventory>",
    )
