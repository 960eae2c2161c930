"""Turn a pinned commit into the same kind of archive that release_archive deploys.

Only the controller talks to git. What is deployed is the tree of the pinned commit; the tag must
name it still, and be signed by a listed key when signers are given.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from ..errors import BadInput
from ..files import fsync_dir, make_private_dir, sha256_file
from .archive import KINDS, MAX_BYTES, MAX_FILES, readable
from .build import Label, SourceFile, write_archive
from .manifest import CLASSES, check_version

COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
DEADLINE = 300.0
"""Seconds that one git command may take."""

UNTOUCHED = "every host: this happened on the controller"
SIGNED = b"-----BEGIN SSH SIGNATURE-----"


@dataclass(frozen=True)
class Tag:
    """What the operator pinned: a tag, and the commit it named when it was reviewed."""

    source: str
    version: str
    commit: str
    migration_class: str
    signers: str = ""


def read_tag(value: dict[str, Any]) -> Tag:
    """The noun ``release`` of kind git. Raises BadInput naming the key that is wrong."""
    source, commit = str(value.get("source", "")), str(value.get("commit", ""))
    if not source or source.startswith("-") or re.search(r"[\x00-\x20\x7f]|::", source):
        raise BadInput(f"release.source is no repository: {source!r}")
    if not COMMIT.fullmatch(commit):
        raise BadInput(f"release.commit must be a full commit id in hexadecimal: {commit!r}")
    version = str(value.get("version", ""))
    check_version(version)
    if ".." in version or version.endswith((".lock", ".")):
        raise BadInput(f"{version!r} cannot be a tag")
    migration_class = str(value.get("migration_class", "compatible"))
    if migration_class not in CLASSES:
        raise BadInput(f"release.migration_class must be one of {CLASSES}: {migration_class!r}")
    signers = str(value.get("signers") or "")
    return Tag(source, version, commit, migration_class, signers)


def export(tag: Tag, system: str, artifacts: Path) -> dict[str, str]:
    """Write ``<system>-<version>-<commit>.tar`` and return {source, digest} for release_archive.

    The same commit gives the same bytes, so that hosts may be exported for at once and again.
    """
    if not artifacts.is_dir():
        make_private_dir(artifacts)
    place = artifacts / f"{system}-{tag.version}-{tag.commit[:12]}.tar"
    with one_at_a_time(artifacts), tempfile.TemporaryDirectory(dir=artifacts) as scratch:
        repository, aside = Path(scratch) / "repository", Path(scratch) / "release.tar"
        fetch(tag, repository)
        check_commit(tag, repository)
        if tag.signers:
            check_signature(tag, repository)
        with tempfile.TemporaryFile(dir=scratch) as tree:
            git(repository, ["archive", "--format=tar", tag.commit], output=tree)
            write_release(tree, tag, system, aside)
        aside.rename(place)
        fsync_dir(artifacts)
    return {"source": str(place), "digest": f"sha256:{sha256_file(place)}"}


@contextlib.contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one export at a time write to a folder."""
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(folder / ".export.lock", flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def fetch(tag: Tag, repository: Path) -> None:
    """Fetch the tag alone, with every object checked, into a repository of our own."""
    git(Path("/"), ["init", "--quiet", "--bare", str(repository)])
    reference = f"refs/tags/{tag.version}"
    git(
        repository,
        [
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "--",
            tag.source,
            f"{reference}:{reference}",
        ],
    )


def check_commit(tag: Tag, repository: Path) -> None:
    """Raise BadInput when the tag no longer names the reviewed commit."""
    found = git(repository, ["rev-parse", "--verify", f"refs/tags/{tag.version}^{{commit}}"])
    if found.decode().strip() != tag.commit:
        raise BadInput(
            f"tag moved: {tag.version} in {tag.source} names {found.decode().strip()}, "
            f"pinned is {tag.commit}",
            now="nothing was exported",
            untouched=UNTOUCHED,
            next="find out who moved it; review the new commit and pin it, or set the tag back",
        )


def check_signature(tag: Tag, repository: Path) -> None:
    """Raise BadInput unless a key of the allowed signers signed the tag object itself."""
    reference = f"refs/tags/{tag.version}"
    kind = git(repository, ["cat-file", "-t", reference]).strip()
    # A signature of another kind would be judged by whatever keyring this user happens to have.
    if kind != b"tag" or SIGNED not in git(repository, ["cat-file", "tag", reference]):
        raise BadInput(
            f"tag {tag.version} in {tag.source} carries no SSH signature",
            now="nothing was exported",
            untouched=UNTOUCHED,
            next="sign the tag with a listed key: git tag -s, gpg.format=ssh",
        )
    git(repository, ["config", "gpg.ssh.allowedSignersFile", tag.signers])
    git(repository, ["verify-tag", reference])


def write_release(tree: IO[bytes], tag: Tag, system: str, place: Path) -> None:
    """Write the archive of the files in git's own tar."""
    tree.seek(0)
    with readable(), tarfile.open(fileobj=tree, mode="r:") as archive:
        files = [source_file(archive, member) for member in archive if not member.isdir()]
        if len(files) > MAX_FILES or sum(file.size for file in files) > MAX_BYTES:
            raise BadInput(f"the commit is larger than {MAX_FILES} files or {MAX_BYTES} bytes")
        label = Label(system, tag.version, tag.migration_class)
        with place.open("xb") as output:
            write_archive(output, label, files)
            output.flush()
            os.fsync(output.fileno())


def source_file(archive: tarfile.TarFile, member: tarfile.TarInfo) -> SourceFile:
    """One file of the commit. Raises BadInput for a link: a release holds plain files."""
    if not member.isreg():
        kind = KINDS.get(member.type, "of an unknown kind")
        raise BadInput(f"{member.name} is {kind} in the commit; a release holds plain files only")
    opener = partial(archive.extractfile, member)
    return SourceFile(member.name, bool(member.mode & 0o100), member.size, opener)  # type: ignore[arg-type]


def git(repository: Path, arguments: Sequence[str], output: IO[bytes] | None = None) -> bytes:
    """Run git in a repository and return what it printed. Raises BadInput with git's own words.

    No configuration of this user or machine counts, no transport that runs programs, no prompt.
    """
    argv = ["git", "-c", "transfer.fsckObjects=true", "-c", "core.hooksPath=/dev/null", *arguments]
    try:
        ended = subprocess.run(
            argv,
            cwd=repository,
            env=git_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output or subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=DEADLINE,
            check=False,
        )
    except (subprocess.TimeoutExpired, FileNotFoundError) as error:
        raise BadInput(f"git {arguments[0]} did not run to its end: {error}") from error
    if ended.returncode != 0:
        said = ended.stderr.decode("utf-8", "replace").strip()[-1000:]
        raise BadInput(
            f"git {arguments[0]} failed: {said}",
            now="nothing was exported",
            untouched=UNTOUCHED,
            next="correct release.source, version, commit or signers",
        )
    return ended.stdout or b""


def git_environment() -> dict[str, str]:
    """What git and ssh need of ours, and nothing that changes what they do."""
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "SSH_AUTH_SOCK") if name in os.environ
    }
    return {
        **kept,
        "LANG": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "file:https:ssh",
        "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o StrictHostKeyChecking=yes",
    }
