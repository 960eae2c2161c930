"""Which programs are pending is told by name; what cannot be right is refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import BadInput, StepFailed
from stagegate.journal import Run, open_journal
from stagegate.migrate.command import account, compare, names
from stagegate.plain.account import ACCOUNT, Applied, read_account, write_account


def applied(*found: tuple[str, str]) -> tuple[Applied, ...]:
    return tuple(Applied(name, sha256, "2026-11-22") for name, sha256 in found)


KNOWN = {"0001_a.py": "aa", "0002_b.sh": "bb", "0003_c": "cc"}


@pytest.mark.parametrize(
    ("done", "pending", "newer"),
    [
        (applied(), ("0001_a.py", "0002_b.sh", "0003_c"), ()),
        (applied(("0001_a.py", "aa")), ("0002_b.sh", "0003_c"), ()),
        (applied(*KNOWN.items()), (), ()),
        (applied(*KNOWN.items(), ("0004_d", "dd")), (), ("0004_d",)),
    ],
)
def test_what_is_pending_is_what_was_not_applied(
    done: tuple[Applied, ...], pending: tuple[str, ...], newer: tuple[str, ...]
) -> None:
    found = compare(done, KNOWN)
    assert (found.pending, found.newer) == (pending, newer)
    assert found.applied == tuple(one.name for one in done)


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (applied(("0001_a.py", "xx")), "0001_a.py was applied with the digest xx"),
        (applied(("0001_other.py", "aa")), "0001_other.py was applied, and the release lacks it"),
        (applied(("0002_b.sh", "bb")), "0001_a.py comes before 0002_b.sh"),
        (applied(("0001_a.py", "aa"), ("0009_z", "zz")), "0002_b.sh comes before 0009_z"),
    ],
)
def test_what_cannot_be_right_is_refused_by_name(done: tuple[Applied, ...], words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        compare(done, KNOWN)
    assert caught.value.now == "nothing was changed"


def test_a_digest_that_nobody_knows_yet_is_compared_later() -> None:
    assert compare(applied(("0001_a.py", "aa")), {"0001_a.py": ""}).pending == ()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["migrations/001_short.py"], "001_short.py is not called like a migration"),
        (["migrations/0001-dash.py"], "is not called like a migration"),
        (["migrations/0001_a.py", "migrations/0001_b.py"], "has two migrations 0001"),
        (["migrations/0001_a b"], "is not called like a migration"),
        (["bin/app"], "the release has no migration in migrations/"),
        (["migrations/README.md"], "the release has no migration"),
        (["other/migrations/0001_a"], "the release has no migration"),
    ],
)
def test_a_file_that_would_be_left_out_in_silence_is_refused(files: list[str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        names(files, "migrations")


def test_what_lies_in_folders_below_is_the_migrations_own_business() -> None:
    files = ["migrations/0001_a.py", "migrations/common/shapes.py", "migrations/README.md"]
    assert names(files, "migrations") == ("0001_a.py",)


def store(place: Path) -> dict[str, Any]:
    return {
        "name": "facts",
        "kind": "jsonl",
        "path": str(place / "data" / "current" / "entries.jsonl"),
        "migrations": {"kind": "command"},
    }


def live(place: Path) -> Path:
    """Live data in the generation that run-1 made."""
    generation = place / "data" / "generations" / "gen-run-1"
    generation.mkdir(parents=True)
    (generation / "entries.jsonl").write_text("{}\n")
    (place / "data" / "current").symlink_to("generations/gen-run-1")
    return generation / "entries.jsonl"


FILES = ["migrations/0001_a.py", "migrations/0002_b.py"]


def test_before_a_first_install_everything_is_pending(tmp_path: Path) -> None:
    found = account(store(tmp_path), FILES, {}, tmp_path / "state")
    assert found.pending == ("0001_a.py", "0002_b.py")


def test_a_changed_program_is_refused_before_anything_is_staged(tmp_path: Path) -> None:
    write_account(live(tmp_path), applied(("0001_a.py", "aa")))
    digests = {"migrations/0001_a.py": "bb", "migrations/0002_b.py": "cc"}
    with pytest.raises(BadInput, match="what ran once must not change"):
        account(store(tmp_path), FILES, digests, tmp_path / "state")
    digests["migrations/0001_a.py"] = "sha256:aa"
    assert account(store(tmp_path), FILES, digests, tmp_path / "state").pending == ("0002_b.py",)


def test_a_lost_account_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    place = live(tmp_path)
    run = Run("run-1", 0, "demo", "host1", tmp_path / "state", exclusive=False)
    with open_journal(run) as journal, journal.step("migrate", "apply:facts") as step:
        step.done(state={"account": ["0001_a.py"]})
    with pytest.raises(BadInput, match=r"lacks 0001_a\.py, which run run-1 applied"):
        account(store(tmp_path), FILES, {}, tmp_path / "state")
    write_account(place, applied(("0001_a.py", "aa")))
    assert account(store(tmp_path), FILES, {}, tmp_path / "state").pending == ("0002_b.py",)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"applied": [{"name": "0001_a"}]}',
        '{"applied": [{"name": "0001_a", "sha256": 1, "when": ""}]}',
        '{"applied": [{"name": "0001_a", "sha256": "", "when": "", "more": ""}]}',
        '{"applied": [{"name": "2", "sha256": "", "when": ""}, '
        '{"name": "1", "sha256": "", "when": ""}]}',
    ],
)
def test_an_account_that_is_not_what_was_written_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / ACCOUNT).write_text(text)
    with pytest.raises(BadInput, match="cannot be relied on"):
        read_account(tmp_path / "entries.jsonl")


def test_a_link_in_place_of_the_account_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('{"applied": []}')
    (tmp_path / ACCOUNT).symlink_to("secret")
    with pytest.raises(StepFailed, match="it is a link"):
        read_account(tmp_path / "entries.jsonl")
