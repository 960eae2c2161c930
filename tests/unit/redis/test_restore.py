"""Going back: the server holds what users last saw, whichever of its files it loads."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from stagegate.errors import Fenced, StepFailed
from stagegate.redis import placing, restore
from stagegate.redis.content import read_content
from tests.unit.redis.helpers import Site, wait_for
from tests.unit.redis.test_backup import KEYS

LAYOUTS = [
    {},
    {"save": "3600 1"},
    {"appendonly": "yes"},
    {"appendonly": "yes", "save": "3600 1", "aof_load_truncated": "no"},
    {"appendonly": "yes", "appenddirname": "logs", "appendfilename": "journal.aof"},
    {"appendonly": "yes", "dbfilename": "other.rdb", "aof_use_rdb_preamble": "no"},
]


@pytest.mark.parametrize("settings", LAYOUTS, ids=lambda s: "-".join(s) or "plain")
def test_the_image_comes_back_and_nothing_newer(
    make_site: Callable[..., Site], settings: dict[str, str]
) -> None:
    site = make_site(**settings)
    with site.client() as client:
        before = read_content(client)
    site.deploy()
    write_newer(site)
    state = site.do("restore")["state"]
    with site.client() as client:
        assert read_content(client) == before
        assert client.call("GET", "newer") is None
        assert client.call("GET", "key:1") == b"value 1 of 0"
    assert (state["restored"], state["keys"], state["lost_keys"]) == (True, KEYS, 0)
    assert state["appends"] == ("appendonly" in settings)
    assert site.unit.calls == ["stop", "start"]


def test_with_append_only_files_left_in_place_nothing_would_come_back(appending: Site) -> None:
    """Why both are replaced: the snapshot alone is never looked at."""
    appending.deploy()
    write_newer(appending)
    appending.server.stop()
    place = appending.server.data / "dump.rdb"
    place.write_bytes((appending.frozen / "dump.rdb").read_bytes())
    appending.server.start()
    with appending.client() as client:
        assert client.call("GET", "newer") == b"1"


def test_what_survived_the_restore_survives_the_next_crash(appending: Site) -> None:
    appending.deploy()
    write_newer(appending)
    appending.do("restore")
    with appending.client() as client:
        client.call("SET", "afterwards", 1)
        client.call("BGREWRITEAOF")
    appending.server.stop(9)
    appending.server.start()
    with appending.client() as client:
        assert client.call("GET", "afterwards") == b"1"
        assert client.call("GET", "newer") is None
        assert read_content(client).keys == KEYS + 1


def test_the_former_files_stay_beside_the_live_ones(appending: Site) -> None:
    appending.deploy()
    write_newer(appending)
    aside = Path(appending.do("restore")["state"]["aside"])
    assert aside.parent == appending.server.data
    assert sorted(p.name for p in aside.iterdir()) == ["appendonlydir", "dump.rdb"]
    appended = b"".join(p.read_bytes() for p in (aside / "appendonlydir").iterdir())
    assert b"newer" in appended


def test_the_files_belong_to_the_servers_account_again(appending: Site) -> None:
    before = (appending.server.data / "dump.rdb").exists()
    appending.deploy()
    live = (appending.server.data / "dump.rdb").stat()
    appending.do("restore")
    after = (appending.server.data / "dump.rdb").stat()
    assert not before
    assert (after.st_uid, after.st_gid, after.st_mode) == (live.st_uid, live.st_gid, live.st_mode)
    for place in (appending.server.data / "appendonlydir").rglob("*"):
        assert place.stat().st_uid == live.st_uid


def test_keys_that_expired_meanwhile_are_not_missed(site: Site) -> None:
    with site.client() as client:
        for n in range(30):
            client.call("SET", f"brief:{n}", n, "PX", 1500)
    site.deploy()
    write_newer(site)
    wait_for(1.6)
    state = site.do("restore")["state"]
    assert state["expired_since"] == 30
    assert state["keys"] == KEYS


def test_without_a_frozen_image_nothing_is_touched(site: Site) -> None:
    site.migration_class = "compatible"
    site.deploy()
    write_newer(site)
    assert site.do("restore")["state"] == {"restored": False}
    assert site.unit.calls == []
    assert not site.frozen.exists()
    with site.client() as client:
        assert client.call("GET", "newer") == b"1"


def test_before_the_new_release_worked_on_it_nothing_is_touched(site: Site) -> None:
    site.do("backup")
    site.guard()
    site.do("stage")
    site.do("seal")
    assert site.do("restore")["state"] == {"restored": False}
    assert site.unit.calls == []


def test_a_second_restore_leaves_what_users_wrote_since(site: Site) -> None:
    site.deploy()
    site.do("restore")
    with site.client() as client:
        client.call("SET", "after the rollback", 1)
    again = site.do("restore")
    assert again["state"]["restored"]
    assert again["evidence"] == {"resumed": True}
    with site.client() as client:
        assert client.call("EXISTS", "after the rollback") == 1
    assert site.unit.calls == ["stop", "start"]


def test_without_the_start_guard_nothing_is_moved(site: Site) -> None:
    site.deploy()
    (site.state / "guard").unlink()
    with pytest.raises(Fenced, match="start guard"):
        site.do("restore")
    assert site.unit.calls == []


def test_an_image_of_another_run_is_refused(site: Site) -> None:
    site.deploy()
    other = Site(site.place, site.server, run_id="20261121T010101Z-ee99")
    other.deploy()
    for name in ("dump.rdb", "manifest.json"):
        (site.frozen / name).unlink()
        os.link(other.frozen / name, site.frozen / name)
        (other.frozen / name).unlink()
    with pytest.raises(Fenced, match=r"the ledger says|belongs to the freeze point"):
        site.do("restore")
    assert site.unit.calls == []


def test_an_image_with_the_right_bytes_of_another_freeze_point_is_refused(site: Site) -> None:
    site.deploy()
    paper = site.frozen / "manifest.json"
    told = json.loads(paper.read_text())
    told["run"] = "20261121T010101Z-ee99"
    paper.write_text(json.dumps(told))
    with pytest.raises(Fenced, match="freeze point of run 20261121T010101Z-ee99"):
        site.do("restore")


def test_a_backup_is_no_frozen_image(site: Site) -> None:
    site.deploy()
    paper = site.frozen / "manifest.json"
    paper.write_text(json.dumps({**json.loads(paper.read_text()), "frozen": False}))
    with pytest.raises(Fenced, match="freeze point"):
        site.do("restore")


def test_a_damaged_image_leaves_the_live_data_alone(site: Site) -> None:
    site.deploy()
    write_newer(site)
    place = site.frozen / "dump.rdb"
    raw = bytearray(place.read_bytes())
    raw[50] ^= 1
    place.write_bytes(raw)
    with pytest.raises(Fenced, match="not usable"):
        site.do("restore")
    assert site.unit.calls == []
    with site.client() as client:
        assert client.call("GET", "newer") == b"1"


def test_somebody_who_is_still_connected_stops_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restore, "LEAVING", 0.2)
    site.deploy()
    with stranger(site), pytest.raises(Fenced, match=r"still connected .* last did"):
        site.do("restore")
    assert site.unit.calls == []


def test_a_server_that_does_not_hold_the_image_after_its_start_is_held(
    appending: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it was when only the snapshot was exchanged."""
    appending.deploy()
    write_newer(appending)
    monkeypatch.setattr(placing, "put_appends", lambda *_: None)
    with pytest.raises(Fenced, match="does not hold the image after its start: 0 lasting keys"):
        appending.do("restore")


def test_another_content_in_as_many_keys_is_found(site: Site) -> None:
    site.deploy()
    usual = site.unit.start

    def start() -> None:
        usual()
        with site.client() as client:
            client.call("SET", "key:7", "tampered")

    site.unit.start = start  # type: ignore[method-assign]
    with pytest.raises(Fenced, match="other content in as many keys"):
        site.do("restore")


def test_a_brief_key_with_another_value_is_found(site: Site) -> None:
    site.deploy()
    usual = site.unit.start

    def start() -> None:
        usual()
        with site.client() as client:
            client.call("SET", "session:7", "tampered", "KEEPTTL")

    site.unit.start = start  # type: ignore[method-assign]
    with pytest.raises(Fenced, match="it holds another b'session:7'"):
        site.do("restore")


@pytest.mark.parametrize("dies_in", ["take_aside", "put_image", "start", "prove"])
def test_a_restore_that_died_is_done_again(
    appending: Site, monkeypatch: pytest.MonkeyPatch, dies_in: str
) -> None:
    with appending.client() as client:
        before = read_content(client)
    appending.deploy()
    write_newer(appending)
    with monkeypatch.context() as patched:

        def die(*_: object) -> None:
            raise StepFailed("the power is gone")

        if dies_in == "start":
            patched.setattr(appending.unit, "start", die)
        else:
            patched.setattr(restore, dies_in, die)
        with pytest.raises(StepFailed, match="the power is gone"):
            appending.do("restore")
    assert appending.do("restore")["state"]["restored"]
    with appending.client() as client:
        assert read_content(client) == before
    kept = b"".join(p.read_bytes() for p in appending.server.data.glob("failed-*/*/*.aof"))
    assert b"newer" in kept


def test_a_server_that_started_empty_in_the_middle_is_put_right(
    appending: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power cut between the two renames: at boot the distribution's unit starts by itself."""
    appending.deploy()
    appending.started()
    appending.do("delta")
    with monkeypatch.context() as patched:
        patched.setattr(restore, "put_image", lambda *_: (_ for _ in ()).throw(StepFailed("cut")))
        with pytest.raises(StepFailed, match="cut"):
            appending.do("restore")
    appending.server.start()
    state = appending.do("restore")["state"]
    assert (state["keys"], state["lost_keys"]) == (KEYS, 0)


def write_newer(site: Site) -> None:
    """What the new release does."""
    with site.client() as client:
        client.call("SET", "newer", 1)
        client.call("SET", "key:1", "overwritten")
        client.call("DEL", "key:2")
        client.call("SADD", "members", "a newer member")


def stranger(site: Site) -> ExitStack:
    """Somebody who is connected, and not by the driver."""
    from stagegate.redis.client import connected
    from stagegate.redis.model import Store

    stack = ExitStack()
    stack.enter_context(connected(Store.from_params(site.store), "a-cron-job"))
    return stack
