"""The paper that makes a snapshot an image: written last, checked before every use."""

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
SNAPSHOT = "dump.rdb"
VERSION = 1
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
    """All that an image must be, and what was found in it when a server had loaded it.

    ``run`` is the run whose freeze point it belongs to. ``frozen``: nobody wrote when it was taken.
    ``content`` is ``{databases, keys, volatile_keys, sha256, volatile_sha256}``; ``layout`` is how
    the live server kept its data; ``taken`` is UTC.
    """

    version: int
    store: str
    run: str
    frozen: bool
    source: str
    file: str
    taken: str
    bytes: int
    sha256: str
    redis: str
    content: dict[str, Any]
    layout: dict[str, Any]
    uid: int
    gid: int
    mode: str

    @property
    def keys(self) -> int:
        """All keys, also those that may have gone away by themselves since."""
        return int(self.content["keys"])


def write_manifest(directory: Path, manifest: Manifest) -> None:
    """Make the directory an image."""
    write_json(directory / FILE, asdict(manifest))


def read_manifest(directory: Path) -> Manifest:
    """The manifest of an image. Raises StepFailed for anything but exactly what was written."""
    try:
        ordinary(directory / FILE)
        value = read_json(directory / FILE)
    except FileNotFoundError as error:
        raise broken(directory, "it has no manifest: it was never finished") from error
    except (ValueError, RecursionError) as error:
        raise broken(directory, f"its manifest is damaged: {error}") from error
    if not isinstance(value, dict):
        raise broken(directory, "its manifest is no object")
    problem = shape_problem(value)
    if problem:
        raise broken(directory, f"its manifest {problem}")
    return Manifest(**value)


def shape_problem(value: dict[str, Any]) -> str:
    """What is wrong with the keys and types of a manifest; empty when nothing is."""
    types = {"int": int, "str": str, "bool": bool, "dict[str, Any]": dict}
    wanted = {field.name: types[str(field.type)] for field in fields(Manifest)}
    for key in sorted(set(value) ^ set(wanted)):
        return f"has an unknown key {key!r}" if key in value else f"lacks the key {key!r}"
    for key, kind in wanted.items():
        if not isinstance(value[key], kind) or (isinstance(value[key], bool) and kind is not bool):
            return f"has a wrong value for {key!r}"
    if value["version"] != VERSION:
        return f"is of version {value['version']}, this is {VERSION}"
    if not DIGEST.fullmatch(value["sha256"]) or value["file"] != SNAPSHOT:
        return "names no digest, or another file"
    told = value["content"]
    if not isinstance(told.get("keys"), int) or not isinstance(told.get("sha256"), str):
        return "does not say what the image holds"
    return ""


def verify_image(directory: Path, store: Store, sha256: str = "") -> Manifest:
    """Prove that an image is what was written, and of this store: read every byte of it.

    ``sha256`` is what the ledger says of it, where it says anything. Raises StepFailed.
    """
    if directory.is_symlink() or not directory.is_dir():
        raise broken(directory, "it is not there")
    manifest = read_manifest(directory)
    if manifest.store != store.name:
        raise broken(directory, f"it is of the store {manifest.store}, not of {store.name}")
    strangers = sorted({p.name for p in directory.iterdir()} - {manifest.file, FILE, PIN})
    if strangers:
        raise broken(directory, f"it holds files that are not in its manifest: {strangers[:5]}")
    if sha256 and manifest.sha256 != sha256:
        raise broken(directory, f"its manifest says {manifest.sha256}, the ledger says {sha256}")
    verify_file(directory, manifest)
    return manifest


def verify_file(directory: Path, manifest: Manifest) -> None:
    """Compare the file with its manifest: identity, length, order in time, every byte."""
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
        said = f"its manifest says {manifest.sha256}"
        raise broken(directory, f"{manifest.file} has the digest {digest}, {said}")


def ordinary(place: Path) -> os.stat_result:
    """The facts of an ordinary file. Raises StepFailed for a link or anything else."""
    status = place.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise StepFailed(f"{place} is not an ordinary file")
    return status


def broken(directory: Path, reason: str) -> StagegateError:
    """The words for an image that must not be used."""
    return StepFailed(
        f"the image {directory} is not usable: {reason}",
        now="it was not used",
        untouched="the live server and its data",
        next="keep it for examination, and take another one",
    )
