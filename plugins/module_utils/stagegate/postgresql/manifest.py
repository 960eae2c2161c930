"""The paper that makes a dump a backup: written last, checked before every use."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..errors import StagegateError, StepFailed
from ..files import read_json, write_json
from ..store.copying import digest_file
from .model import Store

FILE = "manifest.json"
PIN = "pinned"
VERSION = 1
DIGEST = re.compile(r"[0-9a-f]{64}")
NOTHING = "there was no database yet"


@dataclass(frozen=True)
class Manifest:
    """All that a dump must be, and what the database said of itself at the instant of the dump.

    ``absent``: a first install, there was nothing to dump; then only ``store``, ``run``,
    ``database`` and ``taken`` (UTC) say anything. ``source`` is the database that was dumped, where
    that is not the live one. ``tables`` is ``{name: {"rows", "digest", "columns", "key"}}``,
    ``objects`` every definition, ``roles`` those that a restore needs, ``properties`` what belongs
    to the database itself and stands in no dump.
    """

    version: int
    store: str
    run: str
    database: str
    source: str
    absent: bool
    file: str
    taken: str
    bytes: int
    sha256: str
    server: int
    cluster: str
    schema: str
    objects: dict[str, Any]
    tables: dict[str, Any]
    sequences: dict[str, Any]
    roles: list[Any]
    properties: dict[str, Any]

    @property
    def rows(self) -> int:
        """All rows together."""
        return sum(int(table["rows"]) for table in self.tables.values())

    @classmethod
    def of_nothing(cls, store: Store, run: str, taken: str) -> Manifest:
        """The paper of a first install."""
        empty: dict[str, Any] = {
            field.name: {"int": 0, "str": "", "list[Any]": []}.get(str(field.type), {})
            for field in fields(cls)
        }
        known = {"version": VERSION, "store": store.name, "run": run, "absent": True}
        return cls(**{**empty, **known, "database": store.database, "taken": taken})


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Make the directory a backup."""
    write_json(directory / FILE, asdict(manifest))


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a backup. Raises StepFailed for anything but exactly what was written."""
    try:
        ordinary(directory / FILE)
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
    types = {"int": int, "str": str, "bool": bool, "list[Any]": list, "dict[str, Any]": dict}
    wanted = {field.name: types[str(field.type)] for field in fields(Manifest)}
    for key in sorted(set(value) ^ set(wanted)):
        return f"has an unknown key {key!r}" if key in value else f"lacks the key {key!r}"
    for key, kind in wanted.items():
        if not isinstance(value[key], kind) or (isinstance(value[key], bool) and kind is not bool):
            return f"has a wrong value for {key!r}"
    if value["version"] != VERSION:
        return f"is of version {value['version']}, this is {VERSION}"
    if value["absent"]:
        return "names a dump of a database that was not there" if value["file"] else ""
    if not DIGEST.fullmatch(value["sha256"]) or "/" in value["file"] or not value["file"]:
        return "names no digest, or a file elsewhere"
    return ""


def verify_backup(directory: Path, store: Store, sha256: str = "") -> Manifest:
    """Prove that a backup is what was written, and of this store: read every byte of it.

    ``sha256`` is what the ledger says of it, where it says anything. Raises StepFailed.
    """
    if directory.is_symlink() or not directory.is_dir():
        raise broken(directory, "it is not there")
    manifest = read_manifest(directory)
    if (manifest.store, manifest.database) != (store.name, store.database):
        raise broken(
            directory,
            f"it is of the database {manifest.database} (store {manifest.store}), "
            f"not of {store.database} (store {store.name})",
        )
    strangers = sorted({p.name for p in directory.iterdir()} - {manifest.file, FILE, PIN})
    if strangers:
        raise broken(directory, f"it holds files that are not in its manifest: {strangers[:5]}")
    if sha256 and manifest.sha256 != sha256:
        raise broken(directory, f"its manifest says {manifest.sha256}, the ledger says {sha256}")
    if not manifest.absent:
        verify_file(directory, manifest)
    return manifest


def verify_file(directory: Path, manifest: Manifest) -> None:
    """Compare the dump with its manifest: identity, length, order in time, every byte."""
    place = directory / manifest.file
    try:
        found, paper = ordinary(place), ordinary(directory / FILE)
    except FileNotFoundError as error:
        raise broken(directory, f"{manifest.file} is missing") from error
    if found.st_nlink != 1:
        raise broken(directory, f"{manifest.file} has another name as well (a hard link)")
    if found.st_size != manifest.bytes:
        said = f"its manifest says {manifest.bytes}"
        raise broken(directory, f"{manifest.file} has {found.st_size} bytes, {said}")
    if paper.st_mtime_ns < found.st_mtime_ns:
        raise broken(directory, f"{manifest.file} was written after its manifest")
    digest = digest_file(place)
    if digest != manifest.sha256:
        raise broken(
            directory,
            f"{manifest.file} has the digest {digest}, its manifest says {manifest.sha256}",
        )


def ordinary(place: Path) -> os.stat_result:
    """The facts of an ordinary file. Raises StepFailed for a link or anything else."""
    status = place.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise StepFailed(f"{place} is not an ordinary file")
    return status


def broken(directory: Path, reason: str) -> StagegateError:
    """The words for a backup that must not be used."""
    return StepFailed(
        f"the backup {directory} is not usable: {reason}",
        now="it was not used",
        untouched="the live database",
        next="keep it for examination, and take another backup",
    )
