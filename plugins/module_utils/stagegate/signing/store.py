"""The controller's files of words: ``<root>/<system>/<plan's digest>/<role>-<moment>.json``."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from ..errors import BadInput, StepFailed
from ..files import fsync_dir, make_private_dir, write_json
from .model import SignOff, moment, read_sign_off

LARGEST = 4 << 20
"""Bytes of a file of words that are read."""


def read_kept(root: Path, system: str) -> tuple[list[SignOff], list[str]]:
    """All words that were kept for a system, and why a file is none. A missing folder is empty.

    A damaged file proves nothing, and takes nothing from the others.
    """
    found, damaged = [], []
    for place in sorted((root / system).glob("*/*.json")):
        try:
            words = read_words(place)
        except BadInput as error:
            damaged.append(error.what)
            continue
        mine = [word for word in words if word.digest == place.parent.name]
        if len(mine) < len(words):
            damaged.append(f"{place}: it was moved here from another plan")
        found += mine
    return found, damaged


def read_words(place: Path) -> list[SignOff]:
    """The words in one file: one, or a list of them. Raises BadInput naming the file."""
    try:
        value = json.loads(read_bounded(place))
        return [read_sign_off(item) for item in (value if isinstance(value, list) else [value])]
    except (OSError, ValueError, RecursionError, BadInput) as error:
        said = error.what if isinstance(error, BadInput) else f"it is not readable: {error}"
        raise BadInput(
            f"{place}: {said}",
            now="nothing was changed",
            untouched="every host",
            next="sign again with playbooks/sign.yml; the file stays as it is",
        ) from error


def read_bounded(place: Path) -> bytes:
    """The content of a file, or BadInput for one that nobody would have written."""
    with place.open("rb") as handle:
        data = handle.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise BadInput(f"it is larger than {LARGEST} bytes")
    return data


def standing(words: Iterable[SignOff], wanted: SignOff) -> SignOff | None:
    """The same word of the same person for the same plan that still lasts, or None."""
    same = [
        w for w in words if (w.role, w.name, w.digest) == (wanted.role, wanted.name, wanted.digest)
    ]
    return next((w for w in same if moment(w.at) <= moment(wanted.at) < moment(w.expires)), None)


def write_word(root: Path, system: str, word: SignOff) -> Path:
    """Keep a word in a file of its own, durable and readable by its owner alone.

    No file is ever replaced: it is made aside and linked under a name that must be free.
    """
    folder = root / system / word.digest
    stamp = f"{moment(word.at):%Y%m%dT%H%M%S%fZ}"
    place = folder / f"{slug(word.role)}-{stamp}.json"
    aside = folder / f".{place.name}.{os.getpid()}"
    try:
        make_private_dir(folder)
        write_json(aside, asdict(word))
        os.link(aside, place)
        aside.unlink()
        fsync_dir(folder)
    except OSError as error:
        raise StepFailed(
            f"the sign-off of {word.role} could not be kept: {error}",
            now="nothing was signed",
            untouched="every host",
            next=f"make {folder} writable, and sign again",
        ) from error
    return place


def slug(role: str) -> str:
    """A role as a part of a file's name; two roles never have the same."""
    plain = re.sub(r"[^a-z0-9]+", "-", role.lower()).strip("-")
    return f"{plain[:40] or 'role'}-{sha256(role.encode()).hexdigest()[:6]}"
