"""The paper that makes a copy a backup: written last, checked before every use."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import StepFailed
from ..files import read_json, write_json
from ..store.facts import file_facts
from ..store.task import FILE, PIN
from .account import ACCOUNT, digest_account
from .task import PlainTask

VERSION = 1
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
    """All that a backup must be, and what was found in it when it was drilled.

    ``count`` is of what the store counts (records, paths); ``account`` is the digest of the
    migrations' account, empty for none; ``taken`` is UTC.
    """

    version: int
    store: str
    run: str
    source: str
    data: str
    taken: str
    bytes: int
    sha256: str
    count: int
    account: str
    detail: dict[str, Any]


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Make the directory a backup."""
    write_json(directory / FILE, asdict(manifest))


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a backup. Raises StepFailed for anything but exactly what was written."""
    try:
        file_facts(directory / FILE)
        value = read_json(directory / FILE)
    except FileNotFoundError as error:
        raise broken(directory, "it has no manifest: it was never finished") from error
    except ValueError as error:
        raise broken(directory, f"its manifest is damaged: {error}") from error
    if not isinstance(value, dict):
        raise broken(directory, "its manifest is no object")
    problem = shape_problem(value)
    if problem:
        raise broken(directory, f"its manifest {problem}")
    return Manifest(**value)


def shape_problem(value: dict[str, Any]) -> str:
    """What is wrong with a manifest's keys and values; empty when nothing is."""
    types = {"int": int, "str": str, "dict[str, Any]": dict}
    wanted = {field.name: types[str(field.type)] for field in fields(Manifest)}
    for key in sorted(set(value) ^ set(wanted)):
        return f"has an unknown key {key!r}" if key in value else f"lacks the key {key!r}"
    for key, kind in wanted.items():
        if not isinstance(value[key], kind) or isinstance(value[key], bool):
            return f"has a wrong value for {key!r}"
    if value["version"] != VERSION:
        return f"is of version {value['version']}, this is {VERSION}"
    if not DIGEST.fullmatch(value["sha256"]) or "/" in value["data"]:
        return "names no digest, or data elsewhere"
    return ""


def verify_backup(task: PlainTask, directory: Path, sha256: str = "") -> Manifest:
    """Prove that a backup is what was written: read every byte, compare with its manifest.

    ``sha256`` is what the ledger says of it, where it says anything. Raises StepFailed.
    """
    if directory.is_symlink() or not directory.is_dir():
        raise broken(directory, "it is not there")
    manifest = read_manifest(directory)
    allowed = {manifest.data, FILE, PIN, ACCOUNT, *task.content.beside}
    strangers = sorted({p.name for p in directory.iterdir()} - allowed)
    if strangers:
        raise broken(directory, f"it holds files that are not in its manifest: {strangers[:5]}")
    if sha256 and manifest.sha256 != sha256:
        raise broken(directory, f"its manifest says {manifest.sha256}, the ledger says {sha256}")
    verify_data(task, directory / manifest.data, manifest)
    return manifest


def verify_data(task: PlainTask, place: Path, manifest: Manifest) -> None:
    """Compare the data with their manifest, every byte. Raises StepFailed."""
    directory = place.parent
    problem = task.content.problem(place)
    if problem:
        raise broken(directory, problem)
    try:
        task.content.verify(place, manifest.bytes, manifest.sha256)
    except StepFailed as error:
        raise broken(directory, error.what) from error
    if digest_account(place) != manifest.account:
        raise broken(directory, f"{ACCOUNT} is not the one that its manifest names")


def broken(directory: Path, reason: str) -> StepFailed:
    """The words for a backup that must not be used."""
    return StepFailed(
        f"the backup {directory} is not usable: {reason}",
        now="it was not used",
        untouched="the live data",
        next="keep it for examination, and take another backup",
    )
