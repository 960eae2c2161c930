"""Only the reviewed commit of a tag becomes a release, byte for byte the same each time."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import BadInput
from stagegate.release.git import export, read_tag
from stagegate.release.probe import inspect
from stagegate.release.stage import stage
from tests.unit.release.helpers import Host

IDENTITY = ["-c", "user.name=Tester", "-c", "user.email=tester@example.invalid"]


def git(repository: Path, *arguments: str) -> str:
    """Run git in the fixture's repository."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    argv = ["git", *IDENTITY, *arguments]
    ended = subprocess.run(
        argv, cwd=repository, env=environment, check=True, capture_output=True, text=True
    )
    return ended.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Path]:
    """A repository with a tag 1.1."""
    place = tmp_path / "repository"
    place.mkdir()
    git(place, "init", "--quiet")
    for path, mode, text in (
        ("bin/abathur-api", 0o755, "#!/usr/bin/python3\n"),
        ("migrations/0001.sql", 0o600, "select 1;\n"),
    ):
        (place / path).parent.mkdir(exist_ok=True)
        (place / path).write_text(text)
        (place / path).chmod(mode)
    commit(place, "first")
    git(place, "tag", "-a", "-m", "1.1", "1.1")
    return place


def commit(place: Path, message: str) -> str:
    """Commit everything, and return the commit."""
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "--message", message)
    return git(place, "rev-parse", "HEAD")


def pinned(repository: Path, **changes: Any) -> dict[str, Any]:
    """The noun for the tag as it is now."""
    head = git(repository, "rev-parse", "1.1^{commit}")
    return {"source": str(repository), "version": "1.1", "commit": head, **changes}


def test_the_export_is_an_archive_that_deploys(
    host: Host, repository: Path, tmp_path: Path
) -> None:
    built = export(read_tag(pinned(repository)), "abathur", tmp_path / "artifacts")
    request = host.request("1.1", Path(built["source"]).read_bytes())
    assert request.release.digest == built["digest"]
    assert list(inspect(request)["migrations"]) == ["migrations/0001.sql"]
    stage(request, check_mode=False)
    place = host.root.release("1.1")
    assert (place / "bin/abathur-api").stat().st_mode & 0o777 == 0o555
    assert (place / "migrations/0001.sql").stat().st_mode & 0o777 == 0o444


def test_exporting_again_gives_the_same_bytes(repository: Path, tmp_path: Path) -> None:
    tag = read_tag(pinned(repository))
    first = export(tag, "abathur", tmp_path / "a")
    assert export(tag, "abathur", tmp_path / "b")["digest"] == first["digest"]
    assert [p.name for p in (tmp_path / "a").glob("[!.]*")] == [Path(first["source"]).name]


def test_refuses_a_tag_that_moved_after_the_review(repository: Path, tmp_path: Path) -> None:
    reviewed = pinned(repository)
    (repository / "bin/abathur-api").write_text("other\n")
    moved = commit(repository, "second")
    git(repository, "tag", "-f", "-a", "-m", "1.1", "1.1")
    with pytest.raises(BadInput, match="tag moved") as refused:
        export(read_tag(reviewed), "abathur", tmp_path / "artifacts")
    assert moved in refused.value.what
    assert reviewed["commit"] in refused.value.what
    assert not list((tmp_path / "artifacts").glob("*.tar"))


def test_a_branch_of_the_same_name_is_no_tag(repository: Path, tmp_path: Path) -> None:
    reviewed = pinned(repository)
    git(repository, "tag", "-d", "1.1")
    git(repository, "branch", "1.1")
    with pytest.raises(BadInput, match="git fetch failed"):
        export(read_tag(reviewed), "abathur", tmp_path / "artifacts")


def test_refuses_a_symbolic_link_in_the_commit(repository: Path, tmp_path: Path) -> None:
    (repository / "etc").symlink_to("/etc")
    commit(repository, "link")
    git(repository, "tag", "-f", "-a", "-m", "1.1", "1.1")
    with pytest.raises(BadInput, match="symbolic link"):
        export(read_tag(pinned(repository)), "abathur", tmp_path / "artifacts")


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("commit", "HEAD"),
        ("commit", "abc123"),
        ("commit", ""),
        ("source", "--upload-pack=touch /tmp/x"),
        ("source", "ext::sh -c touch"),
        ("source", ""),
        ("version", "a..b"),
        ("version", "-x"),
        ("version", "1.1.lock"),
        ("migration_class", "none"),
    ],
)
def test_refuses_what_is_not_fully_pinned(key: str, wrong: str) -> None:
    good = {"source": "/srv/git/abathur", "version": "1.1", "commit": "a" * 40}
    with pytest.raises(BadInput):
        read_tag({**good, key: wrong})


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, Path]:
    """Two SSH keys and a file that lists the first."""
    made = {}
    for name in ("listed", "stranger"):
        made[name] = tmp_path / name
        argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(made[name])]
        subprocess.run(argv, check=True)
    made["signers"] = tmp_path / "allowed_signers"
    public = (tmp_path / "listed.pub").read_text()
    made["signers"].write_text(f"tester@example.invalid {public}")
    return made


def sign(repository: Path, key: Path) -> None:
    """Sign the tag anew."""
    options = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={key}"]
    git(repository, *options, "tag", "-f", "-s", "-m", "1.1", "1.1")


def test_takes_a_tag_that_a_listed_key_signed(
    repository: Path, keys: dict[str, Path], tmp_path: Path
) -> None:
    sign(repository, keys["listed"])
    tag = read_tag(pinned(repository, signers=str(keys["signers"])))
    assert export(tag, "abathur", tmp_path / "artifacts")["digest"].startswith("sha256:")


@pytest.mark.parametrize("by", ["stranger", "nobody", "expired"])
def test_refuses_a_tag_that_no_listed_key_signed(
    by: str, repository: Path, keys: dict[str, Path], tmp_path: Path
) -> None:
    if by == "stranger":
        sign(repository, keys["stranger"])
    elif by == "expired":
        sign(repository, keys["listed"])
        user, key = keys["signers"].read_text().split(" ", 1)
        keys["signers"].write_text(f'{user} valid-before="20200101" {key}')
    tag = read_tag(pinned(repository, signers=str(keys["signers"])))
    with pytest.raises(BadInput):
        export(tag, "abathur", tmp_path / "artifacts")
    assert not list((tmp_path / "artifacts").glob("*.tar"))
