"""The frozen image: nobody writes, and what is kept is exactly what users last saw."""

from __future__ import annotations

import pytest

from stagegate.errors import StepFailed
from stagegate.redis import freeze
from tests.unit.redis.helpers import Site
from tests.unit.redis.test_backup import KEYS
from tests.unit.redis.test_restore import stranger


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is about to leave here."""
    monkeypatch.setattr(freeze, "LEAVING", 0.2)


def test_the_image_says_whose_freeze_point_it_is(site: Site) -> None:
    evidence = site.do("stage")["evidence"]
    assert (evidence["frozen"], evidence["freeze"]) == (True, site.run_id)
    assert evidence["keys"] == KEYS
    assert site.do("seal")["evidence"]["content"] == evidence["content"]
    assert site.do("activate")["state"] == {"frozen": True, "image": str(site.frozen)}


@pytest.mark.parametrize("declared", ["compatible", "reversible"])
def test_a_migration_that_can_be_undone_needs_no_image(site: Site, declared: str) -> None:
    site.migration_class = declared
    assert site.do("stage")["state"] == {"frozen": False}
    assert site.do("seal")["state"] == {"frozen": False}
    assert site.do("activate")["state"] == {"frozen": False, "image": None}
    assert not site.frozen.exists()


def test_somebody_who_is_connected_is_named(site: Site) -> None:
    with stranger(site), pytest.raises(StepFailed, match=r"127\.0\.0\.1:\d+ \(a-cron-job, last"):
        site.do("stage")
    assert not site.frozen.exists()
    assert site.kinds("stage:cache") == ["intent", "failed"]


def test_a_write_after_the_image_is_found_when_it_is_sealed(site: Site) -> None:
    site.do("stage")
    with site.client() as client:
        client.call("SET", "late", 1)
    with pytest.raises(StepFailed, match="was written to since its frozen image"):
        site.do("seal")


def test_a_restart_after_the_image_is_found_when_it_is_sealed(site: Site) -> None:
    site.do("stage")
    site.server.stop()
    site.server.start()
    with pytest.raises(StepFailed, match="was started anew since its frozen image"):
        site.do("seal")


def test_a_resumed_run_keeps_its_image_while_nobody_wrote(site: Site) -> None:
    first = site.do("stage")["state"]
    assert site.do("stage")["state"]["sha256"] == first["sha256"]


def test_a_resumed_run_takes_another_image_when_somebody_wrote(site: Site) -> None:
    first = site.do("stage")["state"]
    with site.client() as client:
        client.call("SET", "late", 1)
    second = site.do("stage")["state"]
    assert second["keys"] == first["keys"] + 1
    site.do("seal")


def test_a_run_that_is_resumed_after_its_start_keeps_what_it_has(site: Site) -> None:
    site.deploy()
    with site.client() as client, stranger(site):
        client.call("SET", "by a user", 1)
        assert site.do("stage")["evidence"] == {"resumed": True}
        assert site.do("seal")["evidence"] == {"resumed": True}


def test_a_damaged_image_is_not_sealed(site: Site) -> None:
    site.do("stage")
    place = site.frozen / "dump.rdb"
    place.write_bytes(place.read_bytes()[:-1])
    with pytest.raises(StepFailed, match="not usable"):
        site.do("seal")


def test_sealing_needs_an_image(site: Site) -> None:
    with pytest.raises(StepFailed, match="stage:cache"):
        site.do("seal")
