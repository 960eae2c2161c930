"""Only what nobody can need any more is removed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from stagegate.journal import open_journal
from stagegate.store import retention
from tests.unit.sqlite.helpers import OLD, Site, make_site


def run_id(n: int) -> str:
    return f"202611{n:02}T000000Z-ab12"


def at(site: Site, n: int) -> Site:
    """The same host in its n-th run."""
    return Site(site.place, run_id=run_id(n), options=site.options, release=site.release)


def opened(site: Site) -> None:
    with open_journal(site.run) as journal:
        journal.note("preflight", "open", state={"plan": {"to": "x"}}, kind="done")


def closed(site: Site, verdict: str = "deployed") -> None:
    with open_journal(site.run) as journal:
        journal.note("report", "close", state={"verdict": verdict}, kind="terminal")


def deployed(site: Site, n: int) -> Site:
    """The n-th run, from its beginning to its end."""
    now = at(site, n)
    opened(now)
    now.deploy(f"CREATE TABLE t{n} (a)")
    closed(now)
    (now.state / "guard").unlink()
    return now


def kept_backups(site: Site) -> list[str]:
    return sorted(p.parent.name for p in (site.state / "backups").glob("*/memory"))


def kept_generations(site: Site) -> list[str]:
    return sorted(p.name for p in (site.data / "generations").iterdir())


def test_keeps_the_newest(tmp_path: Path) -> None:
    site = make_site(tmp_path, rows=4, keep=2)
    runs = [deployed(site, n) for n in range(1, 6)]
    removed = at(site, 9).do("prune")["evidence"]["removed"]
    assert kept_backups(site) == [run_id(4), run_id(5)]
    assert kept_generations(site) == [f"gen-{run_id(4)}", f"gen-{run_id(5)}"]
    assert len(removed) == 3 + 4 + 5
    assert runs[-1].live.exists()
    assert not at(site, 9).do("prune")["changed"], "the second time there is nothing to remove"


def test_keeps_what_a_rollback_needs_however_old(tmp_path: Path) -> None:
    site = make_site(tmp_path, rows=4, keep=1)
    first = deployed(site, 1)
    for n in range(2, 5):  # later runs that staged and never went live
        later = at(site, n)
        opened(later)
        later.do("backup")
        later.do("stage")
        later.do("restore")
        closed(later, "restored")
    at(site, 9).do("prune")
    assert OLD in kept_generations(site), "the last switch came from here"
    assert first.new.exists(), "this is live"


def test_keeps_what_an_unfinished_run_needs(tmp_path: Path) -> None:
    site = make_site(tmp_path, rows=4, keep=1)
    unfinished = at(site, 1)
    opened(unfinished)
    unfinished.do("backup")
    unfinished.do("stage")
    drilled = unfinished.state / "scratch" / run_id(1)
    for n in range(2, 5):
        at(site, n).do("backup")
    at(site, 9).do("prune")
    assert run_id(1) in kept_backups(site)
    assert kept_backups(site) == [run_id(1), run_id(4)]
    assert unfinished.new.exists()
    assert drilled.exists()
    closed(unfinished, "restored")
    deployed(site, 10)
    at(site, 11).do("prune")
    assert run_id(1) not in kept_backups(site)
    assert not drilled.exists()


def test_keeps_what_a_killed_stage_left_to_its_run(tmp_path: Path) -> None:
    site = make_site(tmp_path, rows=4, keep=1)
    killed = at(site, 1)
    opened(killed)
    killed.new.parent.mkdir()
    os.utime(killed.new.parent, (1, 1))
    at(site, 9).do("prune")
    assert killed.new.parent.exists()


@pytest.mark.parametrize("place", ["run", "store"])
def test_keeps_what_is_pinned(tmp_path: Path, place: str) -> None:
    site = make_site(tmp_path, rows=4, keep=1)
    for n in range(1, 5):
        at(site, n).do("backup")
    pinned = site.state / "backups" / run_id(1)
    (pinned / "pinned" if place == "run" else pinned / "memory" / "pinned").touch()
    at(site, 9).do("prune")
    assert kept_backups(site) == [run_id(1), run_id(4)]


def test_keeps_the_generation_that_failed(tmp_path: Path) -> None:
    site = make_site(tmp_path, rows=4, keep=1)
    failed = at(site, 1)
    opened(failed)
    failed.deploy()
    failed.do("restore")
    closed(failed, "restored")
    for n in range(2, 5):
        deployed(site, n)
    at(site, 9).do("prune")
    assert failed.new.exists()
    assert (failed.evidence / "pinned").exists()


def test_counts_daily_backups_apart(tmp_path: Path) -> None:
    site = make_site(tmp_path, rows=4, keep=2)
    for n in range(1, 5):
        at(site, n).do("backup")
        daily = at(site, n)
        daily.run_id = f"daily-202611{n:02}T020000Z"
        daily.do("backup")
    at(site, 9).do("prune", keep_daily=3)
    assert kept_backups(site) == [
        run_id(3), run_id(4), *(f"daily-202611{n:02}T020000Z" for n in (2, 3, 4))
    ]  # fmt: skip


def test_an_unfinished_backup_takes_no_place_of_a_whole_one(tmp_path: Path) -> None:
    site = make_site(tmp_path, rows=4, keep=1)
    at(site, 1).do("backup")
    at(site, 2).do("backup")
    (at(site, 2).backup / "manifest.json").unlink()
    at(site, 9).do("prune")
    assert kept_backups(site) == [run_id(1)]


def test_leaves_other_stores_alone(tmp_path: Path) -> None:
    site = make_site(tmp_path, rows=4, keep=1)
    for n in (1, 2):
        at(site, n).do("backup")
        (site.state / "backups" / run_id(n) / "other").mkdir()
    at(site, 9).do("prune")
    assert (site.state / "backups" / run_id(1) / "other").exists()
    assert kept_backups(site) == [run_id(2)]


def test_killed_while_it_removes_it_leaves_no_half_backup(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = make_site(tmp_path, rows=4, keep=1)
    for n in (1, 2):
        at(site, n).do("backup")

    class KilledError(Exception):
        pass

    def killed(*_: Any) -> None:
        raise KilledError

    monkeypatch.setattr(retention.shutil, "rmtree", killed)
    with pytest.raises(KilledError):
        at(site, 9).do("prune")
    assert kept_backups(site) == [run_id(2)]


def test_says_in_check_mode_what_would_go(tmp_path: Path) -> None:
    site = make_site(tmp_path, rows=4, keep=1)
    for n in (1, 2):
        at(site, n).do("backup")
    result = at(site, 9).do("prune", check_mode=True)
    assert run_id(1) in result["diff"]["before"]
    assert kept_backups(site) == [run_id(1), run_id(2)]
