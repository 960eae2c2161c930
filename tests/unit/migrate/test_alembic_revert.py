"""The way down: proved on the copy, gone only from the recorded state to the recorded revision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import BadInput, Fenced, StepFailed
from stagegate.journal import Run, open_journal
from tests.unit.migrate.alembic_site import FIRST, SECOND, Site, line, release

COLUMN = (
    "r2",
    'op.add_column("words", sa.Column("more", sa.Text))',
    'op.drop_column("words", "more")',
)
LOSSY = {
    "a column that comes back empty": (
        'op.drop_column("words", "length")',
        'op.add_column("words", sa.Column("length", sa.Integer))',
        "words.length is not what it was",
    ),
    "a column that stays away": (
        'op.drop_column("words", "length")',
        "pass",
        "column words.length (gone)",
    ),
    "values that are not told apart any more": (
        'op.execute("UPDATE words SET word = lower(word)")',
        "pass",
        "words.word is not what it was",
    ),
    "rows that go": (
        'op.execute("DELETE FROM words WHERE id = 2")',
        "pass",
        "the number of rows of words is not what it was",
    ),
    "no way down": (
        'op.add_column("words", sa.Column("more", sa.Text))',
        "raise NotImplementedError('there is none')",
        "it fails on the way down: r2.py line 11: NotImplementedError: there is none",
    ),
}


def reversible(site: Site, run: str = "run-1") -> dict[str, Any]:
    """What a run of that class passes to each step."""
    return {"run": site.run(run, "reversible"), "migration_class": "reversible"}


def use(site: Site) -> None:
    """Let the services use what was migrated."""
    with open_journal(Run.from_params(site.run())) as journal:
        journal.note("restart", "activate:history", kind="done")


def words(site: Site) -> None:
    """A live database at r1 with two rows."""
    site.begin()
    site.sql("INSERT INTO words VALUES (1, 'One', 3), (2, 'one', 3)")


def rehearse(site: Site, place: Path) -> dict[str, Any]:
    """Migrate the drilled copy, and prove the way down on it."""
    site.apply(place, phase="release", database=site.copy("drill"), **reversible(site))
    return dict(site.last().evidence["round_trip"])


def test_the_rehearsal_goes_up_and_down_and_up_and_tells_what_the_way_down_takes(
    site: Site,
) -> None:
    words(site)
    found = rehearse(site, release(site.place / "1.1", line(FIRST, COLUMN)))
    assert found == {"to": "r1", "compared": 4, "takes_away": ["column words.more"]}
    assert site.revision(f"{site.database}_drill_run1") == "r2"
    assert site.revision() == "r1"


def test_a_first_migration_leads_down_to_the_base(site: Site) -> None:
    found = rehearse(site, release(site.place / "1.0", line(FIRST, SECOND)))
    assert found["to"] == "base"
    assert "relation words" in found["takes_away"]


@pytest.mark.parametrize("name", LOSSY)
def test_a_way_down_that_loses_something_is_refused_by_its_name(site: Site, name: str) -> None:
    words(site)
    up, down, said = LOSSY[name]
    place = release(site.place / "1.1", line(FIRST, ("r2", up, down)))
    with pytest.raises(StepFailed, match="is declared reversible, but it") as caught:
        rehearse(site, place)
    assert said in caught.value.what
    assert "one_way" in caught.value.next
    assert site.revision() == "r1"


def test_going_back_leads_down_to_the_recorded_revision_and_keeps_the_rows(site: Site) -> None:
    words(site)
    place = release(site.place / "1.1", line(FIRST, COLUMN, ("r3", "pass")))
    site.apply(place, **reversible(site))
    site.sql("INSERT INTO words VALUES (3, 'written on the new release', 26, 'more')")
    state = site.revert(place, **reversible(site))
    assert state["reverted"] == ["r3", "r2"]
    assert site.revision() == "r1"
    assert site.sql("SELECT count(*) FROM words") == "3"
    assert site.last("revert:history").state["after"]["revision"] == "r1"
    again = site.revert(place, **reversible(site))
    assert again["reverted"] == []
    assert site.sessions() == 0


def test_going_back_to_nothing_asks_for_the_base(site: Site) -> None:
    place = release(site.place / "1.0", line(FIRST))
    site.apply(place, **reversible(site))
    assert site.revert(place, **reversible(site))["reverted"] == ["r1"]
    assert not site.has("words")


def test_nothing_is_led_down_by_a_run_that_migrated_nothing(site: Site) -> None:
    words(site)
    place = release(site.place / "1.1", line(FIRST, COLUMN))
    assert site.revert(place, **reversible(site, "run-2"))["reverted"] == []
    assert site.revision() == "r1"


def test_after_a_migration_that_was_rolled_back_there_is_nothing_to_lead_down(site: Site) -> None:
    words(site)
    place = release(site.place / "1.1", line(FIRST, ("r2", "raise RuntimeError")))
    with pytest.raises(StepFailed):
        site.apply(place, **reversible(site))
    assert site.revert(place, **reversible(site))["reverted"] == []


def test_half_a_migration_that_was_used_is_left_to_a_person_with_its_objects_named(
    site: Site,
) -> None:
    words(site)
    place = release(site.place / "1.1", line(FIRST, COLUMN))
    site.apply(place, **reversible(site))
    use(site)
    site.sql("UPDATE alembic_version SET version_num = 'r1'")
    with pytest.raises(Fenced, match="the revision is r1, not r2") as caught:
        site.revert(place, **reversible(site))
    assert caught.value.code == 30
    assert site.has("words")
    site.sql("UPDATE alembic_version SET version_num = 'r2'; ALTER TABLE words DROP length")
    with pytest.raises(Fenced, match=r"column words\.length \(gone\)"):
        site.revert(place, **reversible(site))


def test_half_a_migration_that_nobody_used_is_left_to_the_final_image(site: Site) -> None:
    """The store driver compares again, and puts the image in its place."""
    words(site)
    place = release(site.place / "1.1", line(FIRST, COLUMN))
    site.apply(place, **reversible(site))
    site.sql("ALTER TABLE words DROP length")
    state = site.revert(place, **reversible(site))
    assert state["reverted"] == []
    assert "column words.length (gone)" in state["left_to_image"]
    assert site.revision() == "r2"


def test_a_way_down_that_fails_is_left_to_a_person(site: Site) -> None:
    words(site)
    down = ("r2", COLUMN[1], 'raise RuntimeError("blocked")')
    place = release(site.place / "1.1", line(FIRST, down))
    site.apply(place, **reversible(site))
    use(site)
    with pytest.raises(Fenced, match=r"did not lead back .*RuntimeError: blocked"):
        site.revert(place, **reversible(site))
    assert site.revision() == "r2"


def forget(site: Site, phase: str) -> None:
    """Take the last entries out of the ledger, from the outcome of a phase's migration on."""
    ledger = site.place / "state/ledger.jsonl"
    rows = ledger.read_bytes().splitlines(keepends=True)
    outcome = [
        number
        for number, entry in enumerate(site.entries)
        if (entry.phase, entry.step, entry.kind) == (phase, "apply:history", "done")
    ]
    ledger.write_bytes(b"".join(rows[: outcome[-1]]))


@pytest.mark.parametrize("rehearsed", [True, False])
def test_a_migration_that_was_killed_before_its_ledger_entry_is_known_by_the_rehearsal(
    site: Site, rehearsed: bool
) -> None:
    words(site)
    place = release(site.place / "1.1", line(FIRST, COLUMN))
    if rehearsed:
        rehearse(site, place)
    site.apply(place, **reversible(site))
    forget(site, "migrate")
    use(site)
    if rehearsed:
        assert site.revert(place, **reversible(site))["reverted"] == ["r2"]
        assert site.revision() == "r1"
    else:
        with pytest.raises(Fenced, match="no migration of this run is recorded as ended"):
            site.revert(place, **reversible(site))


def test_a_way_down_that_was_changed_since_it_was_applied_is_not_gone(site: Site) -> None:
    words(site)
    place = release(site.place / "1.1", line(FIRST, COLUMN))
    site.apply(place, **reversible(site))
    file = place / "migrations/versions/r2.py"
    file.write_text(file.read_text() + "\n# another one\n")
    with pytest.raises(BadInput, match="the migration r2 was changed"):
        site.revert(place, **reversible(site))
    assert site.revision() == "r2"
