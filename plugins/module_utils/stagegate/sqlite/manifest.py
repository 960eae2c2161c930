"""The paper that makes a file a backup: written last, checked before every use."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import StagegateError, StepFailed
from ..files import read_json, write_json
from ..store.copying import digest_file
from ..store.facts import file_facts
from ..store.task import FILE, PIN

VERSION = 1
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
    """All that a backup's file must be, and what was found in it when it was drilled.

    ``tables`` is ``{name: {"rows": count, "sha256": digest of the content}}``; ``taken`` is UTC.
    """

    version: int
    store: str
    run: str
    source: str
    database: str
    taken: str
    bytes: int
    sha256: str
    page_size: int
    journal_mode: str
    user_version: int
    application_id: int
    schema: str
    tables: dict[str, Any]
    sqlite: str
    uid: int
    gid: int
    mode: str

    @property
    def rows(self) -> int:
        """All rows together."""
        return sum(int(table["rows"]) for table in self.tables.values())


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
    """What is wrong with the keys and types of a manifest; empty when nothing is."""
    types = {"int": int, "str": str, "dict[str, Any]": dict}
    wanted = {field.name: types[str(field.type)] for field in fields(Manifest)}
    for key in sorted(set(value) ^ set(wanted)):
        return f"has an unknown key {key!r}" if key in value else f"lacks the key {key!r}"
    for key, kind in wanted.items():
        if not isinstance(value[key], kind) or isinstance(value[key], bool):
            return f"has a wrong value for {key!r}"
    if value["version"] != VERSION:
        return f"is of version {value['version']}, this is {VERSION}"
    if not DIGEST.fullmatch(value["sha256"]) or "/" in value["database"]:
        return "names no digest, or a file elsewhere"
    return ""


def verify_backup(directory: Path, store: str, sha256: str = "") -> Manifest:
    """Prove that a backup is what was written: read every byte, compare with its manifest.

    ``store`` is the name of the store that it must be of; ``sha256`` is what the ledger says of it,
    where it says anything. Raises StepFailed.
    """
    if directory.is_symlink() or not directory.is_dir():
        raise broken(directory, "it is not there")
    manifest = read_manifest(directory)
    allowed = {manifest.database, FILE, PIN}
    strangers = sorted({p.name for p in directory.iterdir()} - allowed)
    if strangers:
        raise broken(directory, f"it holds files that are not in its manifest: {strangers[:5]}")
    if manifest.store != store:
        raise broken(directory, f"it is of the store {manifest.store}, not of {store}")
    if sha256 and manifest.sha256 != sha256:
        raise broken(directory, f"its manifest says {manifest.sha256}, the ledger says {sha256}")
    verify_file(directory, manifest)
    return manifest


def verify_file(directory: Path, manifest: Manifest) -> None:
    """Compare the file with its manifest: identity, length, order in time, every byte."""
    place = directory / manifest.database
    try:
        found = file_facts(place)
        paper = file_facts(directory / FILE)
    except FileNotFoundError as error:
        raise broken(directory, f"{manifest.database} is missing") from error
    if place.stat().st_nlink != 1:
        raise broken(directory, f"{manifest.database} has another name as well (a hard link)")
    if found["bytes"] != manifest.bytes:
        raise broken(
            directory,
            f"{manifest.database} has {found['bytes']} bytes, its manifest says {manifest.bytes}",
        )
    if int(paper["mtime_ns"]) < int(found["mtime_ns"]):
        raise broken(directory, f"{manifest.database} was written after its manifest")
    digest = digest_file(place)
    if digest != manifest.sha256:
        raise broken(
            directory,
            f"{manifest.database} has the digest {digest}, its manifest says {manifest.sha256}",
        )


def broken(directory: Path, reason: str) -> StagegateError:
    """The words for a backup that must not be used."""
    return StepFailed(
        f"the backup {directory} is not usable: {reason}",
        now="it was not used",
        untouched="the live database",
        next="keep it for examination, and take another backup",
    )
