"""Old backups and databases go; what anybody may still need stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from stagegate.journal import Run, open_journal
from stagegate.store.at_work import at_work
from tests.unit.postgresql.helpers import Site

RUNS = [f"2026110{day}T073000Z-ab1{day}" for day in range(1, 8)]
"""Seven runs, the oldest first."""


def name(run: str, which: str) -> str:
    return f"sparkle_{which}_{run.lower().replace('-', '')}"


def ended(state: Path, run: str, verdict: str = "deployed") -> None:
    """A deployment as the ledger tells it; without a verdict it is unfinished."""
    with open_journal(Run(run, 1, "sparkle", "db1", state, exclusive=False)) as journal:
        with journal.step("preflight", "open") as step:
            step.done(state={"plan": {"kind": "deploy"}})
        if verdict:
            journal.note("report", "close", state={"verdict": verdict}, kind="terminal")


@pytest.fixture
def aged(empty: Site) -> Site:
    """A host after seven deployments, each with all that one can leave behind."""
    empty.options = {"keep": 2}
    for run in RUNS:
        ended(empty.state, run)
        for ending in ("", ".frozen", ".activated"):
            place = empty.state / "backups" / run / f"history{ending}"
            place.mkdir(parents=True)
            (place / "manifest.json").touch()
    for run, which in [(RUNS[-1], "drill"), (RUNS[0], "gen"), (RUNS[0], "check")]:
        empty.admin(f"CREATE DATABASE {name(run, which)}")
    for run in RUNS[:4]:
        empty.admin(f"CREATE DATABASE {name(run, 'old')}")
    return empty


def kept(site: Site, ending: str = "") -> list[str]:
    found = (site.state / "backups").glob(f"*/history{ending}")
    return sorted(place.parent.name for place in found)


def test_the_newest_stay_and_what_somebody_needs(aged: Site) -> None:
    aged.admin("CREATE DATABASE sparkle")
    strangers = {"sparkle_old_keepsake", "sparkle_orders"}
    for stranger in strangers:
        aged.admin(f"CREATE DATABASE {stranger}")
    (aged.state / "backups" / RUNS[1] / "pinned").touch()
    ended(aged.state, RUNS[2], verdict="")  # begun again: unfinished
    with open_journal(Run(RUNS[2], 1, "sparkle", "db1", aged.state, exclusive=False)) as journal:
        journal.note("rollback", "reopen", kind="done")
    result = aged.do("prune")
    assert kept(aged) == kept(aged, ".frozen") == [RUNS[1], RUNS[2], *RUNS[-2:]]
    assert aged.databases() == {
        "sparkle",
        *strangers,
        *(name(run, "old") for run in (RUNS[1], RUNS[2], RUNS[3])),
    }
    assert result["changed"] is True
    assert name(RUNS[-1], "drill") in result["evidence"]["removed"]
    assert aged.do("prune")["changed"] is False


def test_what_failed_stays_while_it_is_pinned(aged: Site) -> None:
    for run in RUNS[:4]:
        aged.admin(f"CREATE DATABASE {name(run, 'failed')}")
    pin = aged.state / "evidence" / RUNS[0] / "history" / "pinned"
    pin.parent.mkdir(parents=True)
    pin.touch()
    aged.do("prune")
    failed = {n for n in aged.databases() if "_failed_" in n}
    assert failed == {name(run, "failed") for run in (RUNS[0], RUNS[2], RUNS[3])}
    pin.unlink()
    aged.do("prune")
    assert name(RUNS[0], "failed") not in aged.databases()


def test_the_run_itself_keeps_everything(site: Site) -> None:
    site.options = {"keep": 1}
    site.migration_class = "one_way"
    site.deploy()
    before = site.databases()
    assert site.do("prune")["evidence"]["removed"] == []
    assert site.databases() == before


def test_what_a_nightly_backup_works_on_stays_until_it_has_ended(aged: Site) -> None:
    night = replace(aged, run_id="daily-20261109T020000Z")
    with at_work(night.task("backup").run):
        aged.admin(f"CREATE DATABASE {night.beside('drill')}")
        night.dump.parent.mkdir()
        night.dump.touch()
        aged.do("prune")
        assert night.beside("drill") in aged.databases()
        assert night.dump.exists()
    aged.do("prune")
    assert night.beside("drill") not in aged.databases()
    assert not night.dump.exists()
