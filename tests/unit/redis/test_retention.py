"""What is removed is what nobody can need; what would be done is told before it is."""

from __future__ import annotations

from pathlib import Path

from stagegate import places
from stagegate.journal import open_journal
from stagegate.store.at_work import at_work
from tests.unit.redis.helpers import Site


def runs(site: Site, count: int) -> list[str]:
    """The names of earlier runs, oldest first."""
    return [f"20261101T00000{n}Z-aaaa" for n in range(count)]


def image(site: Site, run: str, name: str = "cache", whole: bool = True) -> Path:
    """An image that an earlier run left."""
    place = site.state / "backups" / run / name
    place.mkdir(parents=True)
    (place / "dump.rdb").touch()
    if whole:
        (place / "manifest.json").touch()
    return place


def former(site: Site, run: str) -> Path:
    """Data that a restore of an earlier run took away."""
    place = site.server.data / f"failed-{places.tag(run)}.1"
    place.mkdir()
    (place / "dump.rdb").touch()
    return place


def test_the_newest_stay_and_the_rest_goes(site: Site) -> None:
    site.options["keep"] = 2
    images = [image(site, run) for run in runs(site, 5)]
    frozen = [image(site, run, "cache.frozen") for run in runs(site, 3)]
    other = image(site, runs(site, 1)[0], "history")
    left = [former(site, run) for run in runs(site, 4)]
    site.do("prune")
    assert [p.exists() for p in images] == [False, False, False, True, True]
    assert [p.exists() for p in frozen] == [False, True, True]
    assert [p.exists() for p in left] == [False, False, True, True]
    assert other.exists()
    assert site.kinds("prune:cache") == ["intent", "done"]


def test_daily_backups_are_counted_apart(site: Site) -> None:
    site.options["keep"] = 1
    mine = image(site, runs(site, 1)[0])
    daily = [image(site, f"daily-{run}") for run in runs(site, 4)]
    site.do("prune", keep_daily=3)
    assert mine.exists()
    assert [p.exists() for p in daily] == [False, True, True, True]


def test_pinned_and_needed_images_stay(site: Site) -> None:
    site.options["keep"] = 1
    oldest, pinned, last, newest = (image(site, run) for run in runs(site, 4))
    (pinned / "pinned").touch()
    with open_journal(site.run) as journal:
        journal.run = Site(site.place, site.server, run_id=last.parent.name).run
        journal.note("preflight", "open", state={"plan": {"kind": "deploy"}})
        journal.note("report", "close", state={"verdict": "deployed"}, kind="terminal")
    kept = former(site, last.parent.name)
    extra = former(site, newest.parent.name)
    site.do("prune")
    assert [p.exists() for p in (oldest, pinned, last, newest)] == [False, True, True, True]
    assert (kept.exists(), extra.exists()) == (True, True)


def test_an_unfinished_image_counts_for_nothing(site: Site) -> None:
    site.options["keep"] = 1
    whole, torn = image(site, runs(site, 2)[0]), image(site, runs(site, 2)[1], whole=False)
    site.do("prune")
    assert (whole.exists(), torn.exists()) == (True, False)


def test_an_image_that_is_being_taken_stays(site: Site) -> None:
    night = Site(site.place, site.server, run_id="daily-20261109T020000Z")
    unfinished = image(night, night.run_id, whole=False)
    with at_work(night.run):
        site.do("prune")
        assert unfinished.exists()
    site.do("prune")
    assert not unfinished.exists()


def test_scratch_of_runs_that_ended_goes(site: Site) -> None:
    old = site.state / "scratch" / runs(site, 1)[0] / "cache"
    mine = site.state / "scratch" / site.run_id / "cache"
    for place in (old, mine):
        place.mkdir(parents=True)
    site.do("prune")
    assert (old.exists(), mine.exists()) == (False, True)


def test_check_mode_tells_what_each_action_would_do(site: Site) -> None:
    site.options["keep"] = 1
    old, _ = (image(site, run) for run in runs(site, 2))
    told = site.do("prune", check_mode=True)
    assert told["changed"]
    assert told["diff"]["before"].strip() == str(old)
    assert old.exists()
    assert site.do("backup", check_mode=True)["diff"]["after"].strip() == str(site.backup)
    assert site.do("stage", check_mode=True)["changed"]
    assert not site.do("restore", check_mode=True)["changed"]
    assert site.entries() == []
    site.deploy()
    assert site.do("restore", check_mode=True)["diff"]["after"].strip() == str(site.frozen)
    assert site.unit.calls == []


def test_there_is_nothing_to_compare(site: Site) -> None:
    assert site.do("compare")["evidence"] == {"compared": False}
