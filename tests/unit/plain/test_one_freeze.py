"""Stores of one run go forward and back as one set: nothing of another instant gets into it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from stagegate.errors import Fenced, StepFailed
from stagegate.sqlite import openers as sqlite_openers
from stagegate.store import openers as store_openers
from tests.unit.files_store import helpers as files
from tests.unit.jsonl_store import helpers as jsonl
from tests.unit.plain.host import RUN, Host
from tests.unit.sqlite.helpers import Site, change, make_site

EARLIER = "20261121T010101Z-ee99"


@dataclass
class Set:
    """A database, a file of records and a directory, which one service writes together."""

    memory: Site
    facts: Host
    library: Host

    @property
    def stores(self) -> tuple[Site | Host, ...]:
        return self.memory, self.facts, self.library

    def do(self, *actions: str) -> None:
        for action in actions:
            for store in self.stores:
                store.do(action)

    def at(self, run: str) -> Set:
        """The same set in another run."""
        for store in self.stores:
            store.run_id = run
        return self


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Set:
    """Three stores with one state directory, live for the second time.

    Nobody has them open: who writes here has closed its file again before anybody asks.
    """
    for asking in (store_openers, sqlite_openers):
        monkeypatch.setattr(asking, "find_holders", lambda *_: [])
    (tmp_path / "state").mkdir()
    for name in ("memory", "facts", "library"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "state").symlink_to(tmp_path / "state")
    facts, library = jsonl.make_host(tmp_path / "facts"), files.make_host(tmp_path / "library")
    library.options["name"] = "library"
    made = Set(make_site(tmp_path / "memory", rows=20), facts, library).at(EARLIER)
    made.memory.guard()
    made.do("stage", "seal", "activate")
    return made.at(RUN)


def write(stores: Set, which: int) -> None:
    """What a process that nobody stopped writes into one of them."""
    if which == 0:
        change(stores.memory.old.parents[1] / f"gen-{EARLIER}" / "app.db", "DELETE FROM metrics")
    elif which == 1:
        with (stores.facts.live).open("ab") as out:
            out.write(jsonl.lines([jsonl.fact(99)]))
    else:
        (stores.library.live / "a.txt").write_text("late")


@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_write_between_the_freeze_of_one_store_and_of_the_last_is_found(
    stores: Set, which: int
) -> None:
    for store in stores.stores[: which + 1]:
        store.do("stage")
    write(stores, which)
    for store in stores.stores[which + 1 :]:
        store.do("stage")
    with pytest.raises(StepFailed, match=r"was written to although|is not what release 1.1 decl"):
        stores.do("seal", "activate")
    assert stores.stores[which].link.readlink().name == f"gen-{EARLIER}"


@pytest.mark.parametrize("which", [0, 1, 2])
def test_the_generation_of_another_run_does_not_go_live_under_the_name_of_this_one(
    stores: Set, which: int
) -> None:
    stores.do("stage", "seal")
    store = stores.stores[which]
    mine = store.new.parent
    shutil.rmtree(mine)
    shutil.copytree(mine.with_name(f"gen-{EARLIER}"), mine, symlinks=True)
    with pytest.raises(StepFailed, match="is not what was sealed"):
        store.do("activate")
    assert store.link.readlink().name == f"gen-{EARLIER}"


@pytest.mark.parametrize("which", [0, 1, 2])
def test_the_former_generation_of_one_store_is_not_exchanged_for_an_older_one(
    stores: Set, which: int
) -> None:
    stores.do("stage", "seal", "activate")
    store = stores.stores[which]
    former = store.new.parent.with_name(f"gen-{EARLIER}")
    shutil.rmtree(former)
    shutil.copytree(former.with_name("gen-first"), former, symlinks=True)
    with pytest.raises(Fenced):
        store.do("restore")
    assert store.link.readlink().name == f"gen-{RUN}"


def other_store(stores: Set) -> Path:
    """The backup of another database of the same host, whole and drilled."""
    place = stores.memory.place / "second"
    place.mkdir()
    (place / "state").symlink_to(stores.memory.state.resolve())
    other = make_site(place, rows=20, name="second")
    other.do("backup")
    return stores.memory.state / "backups" / other.run_id / "second"


def earlier_paper(stores: Set) -> Path:
    """The file of this run's backup under the paper of an earlier one."""
    stores.memory.do("backup")
    mine = stores.memory.backup
    change(stores.memory.live, "DELETE FROM metrics")
    stores.at("20261121T020202Z-ee88").memory.do("backup")
    shutil.copy(stores.memory.backup / "manifest.json", mine / "manifest.json")
    stores.at(RUN)
    return mine


@pytest.mark.parametrize(
    ("taken_from", "words"),
    [
        (other_store, "it is of the store second, not of memory"),
        (earlier_paper, "the ledger says"),
    ],
)
def test_a_backup_of_something_else_is_not_put_into_the_set(
    stores: Set, taken_from: Callable[[Set], Path], words: str
) -> None:
    directory = taken_from(stores)
    with pytest.raises(StepFailed, match=words):
        stores.memory.do("stage", directory=str(directory))
    assert not stores.memory.new.parent.exists()
