"""What preflight learns of the live database, by reading alone."""

from __future__ import annotations

from typing import Any

import pytest

from stagegate.errors import BadInput, Refused
from stagegate.migrate.alembic import act
from tests.unit.migrate.alembic_site import FIRST, SECOND, Site, line, release, texts

OTHER = ("x2", "pass")


def probe(site: Site, *steps: tuple[str, ...], live: str = "", version: str = "1.1") -> Any:
    found = texts(line(*steps))
    params = {
        "action": "probe",
        "run": site.run("run-9"),
        "store": site.store,
        "files": [*found, "migrations/env.py", "bin/app"],
        "texts": found,
        "version": version,
        "live_version": live,
    }
    return act(params, check_mode=True)


def migrated(site: Site, *steps: tuple[str, ...], run: str = "run-1") -> None:
    site.apply(release(site.place / f"release-{run}", line(*steps)), run=site.run(run))


def test_on_an_empty_database_everything_is_pending(site: Site) -> None:
    found = probe(site, FIRST, SECOND)
    assert (found["applied"], found["pending"], found["newer"]) == ([], ["r1", "r2"], [])
    assert (found["changed"], found["head"], found["revision"]) == (False, "r2", "")
    assert not (site.place / "state").exists()


def test_before_the_database_is_made_everything_is_pending(site: Site) -> None:
    site.database = "nowhere_yet"
    assert probe(site, FIRST)["pending"] == ["r1"]


def test_what_is_applied_and_what_is_pending_is_told_in_order(site: Site) -> None:
    site.begin()
    found = probe(site, FIRST, SECOND, ("r3", "pass"))
    assert (found["applied"], found["pending"]) == (["r1"], ["r2", "r3"])


def test_a_release_that_does_not_know_the_revision_is_refused_with_both_names(site: Site) -> None:
    site.begin()
    site.sql("UPDATE alembic_version SET version_num = 'r2'")
    with pytest.raises(Refused) as caught:
        probe(site, FIRST, OTHER, live="1.1", version="1.2")
    assert "is at the revision r2, which release 1.2 does not know" in caught.value.what
    assert "its migrations end at x2" in caught.value.what
    with pytest.raises(Refused, match=r"which release 1\.0 does not know"):
        probe(site, FIRST, live="1.1", version="1.0")


def test_after_a_compatible_rollback_both_releases_can_be_deployed_again(site: Site) -> None:
    """1.0 runs on the schema of 1.1: it goes on, and 1.1 finds nothing to do."""
    site.begin()
    site.sql("UPDATE alembic_version SET version_num = 'r2'")
    unchanged = probe(site, FIRST, live="1.0", version="1.0")
    assert (unchanged["pending"], unchanged["newer"]) == ([], ["r2"])
    assert probe(site, FIRST, SECOND, live="1.0", version="1.1")["pending"] == []


def test_a_name_that_nobody_declares_is_refused_before_the_database_is_asked(site: Site) -> None:
    site.database = "never_asked"
    found = {
        "migrations/versions/p1.py": "revision = 'p1_post_visibility'\ndown_revision = None\n",
        "migrations/versions/p2.py": "revision = 'p2'\ndown_revision = 'p1_add_post_visibility'\n",
    }
    params = {"run": site.run(), "store": site.store, "files": list(found), "texts": found}
    with pytest.raises(BadInput, match="the files declare p1_post_visibility"):
        act({"action": "probe", "version": "1.1", **params}, check_mode=False)


def test_a_migration_whose_text_was_not_read_is_refused(site: Site) -> None:
    params = {"run": site.run(), "store": site.store, "files": ["migrations/versions/a.py"]}
    with pytest.raises(BadInput, match="texts of 1 migrations were not read"):
        act({"action": "probe", "version": "1.1", "texts": {}, **params}, check_mode=False)


@pytest.mark.parametrize("stamped", ["r1", "r3"])
def test_a_revision_that_was_stamped_by_hand_is_refused(site: Site, stamped: str) -> None:
    """The objects are those that an earlier run left under another revision."""
    migrated(site, FIRST, SECOND)
    site.sql(f"UPDATE alembic_version SET version_num = '{stamped}'")
    with pytest.raises(Refused) as caught:
        probe(site, FIRST, SECOND, ("r3", "pass"))
    assert f"names the revision {stamped}, but its objects are those of r2" in caught.value.what


def test_objects_that_a_revision_had_and_has_no_more_are_named(site: Site) -> None:
    migrated(site, FIRST, SECOND)
    site.sql("DROP INDEX words_word")
    with pytest.raises(Refused, match=r"names the revision r2, but lacks index words_word \(gone"):
        probe(site, FIRST, SECOND)


def test_an_index_that_an_administrator_added_is_the_rehearsal_s_matter(site: Site) -> None:
    migrated(site, FIRST)
    site.sql("CREATE INDEX by_hand ON words (length)")
    assert probe(site, FIRST, SECOND)["pending"] == ["r2"]


def test_a_database_that_went_down_again_is_known_by_its_record(site: Site) -> None:
    migrated(site, FIRST)
    migrated(site, FIRST, SECOND, run="run-2")
    site.revert(site.place / "release-run-2", run=site.run("run-2", "reversible"))
    assert probe(site, FIRST, SECOND)["pending"] == ["r2"]


def test_a_database_on_two_branches_is_refused(site: Site) -> None:
    site.begin()
    site.sql("INSERT INTO alembic_version VALUES ('x1')")
    with pytest.raises(Refused, match="names 2 revisions at once: r1, x1"):
        probe(site, FIRST)
