"""What is kept of a failed state: a copy of it, and every key written since, ready to return."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from stagegate.errors import Fenced, StepFailed
from stagegate.redis import evidence, restore
from stagegate.redis.client import Client
from stagegate.redis.content import read_content
from tests.unit.redis.helpers import Site, wait_for
from tests.unit.redis.test_restore import stranger, write_newer


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is about to leave here."""
    monkeypatch.setattr(evidence, "LEAVING", 0.2)
    monkeypatch.setattr(restore, "LEAVING", 0.2)


def test_every_key_that_differs_is_counted_once(site: Site) -> None:
    site.deploy()
    write_newer(site)
    with site.client() as client:
        client.call("SELECT", 5)
        client.call("SET", "in another database", 1)
    told = site.do("delta")["evidence"]
    assert told["count"] == 5
    assert told["databases"] == {
        "0": {"added": 1, "changed": 2, "deleted": 1},
        "5": {"added": 1, "changed": 0, "deleted": 0},
    }
    lines = [json.loads(line) for line in Path(told["file"]).read_text().splitlines()]
    keys = {base64.b64decode(line["key"]): line["op"] for line in lines}
    assert keys == {
        b"newer": "added",
        b"key:1": "changed",
        b"members": "changed",
        b"key:2": "deleted",
        b"in another database": "added",
    }
    assert Path(told["file"]).stat().st_mode & 0o777 == 0o600


def test_nothing_written_is_nothing_lost(site: Site) -> None:
    with site.client() as client:
        client.call("SET", "brief", 1, "PX", 700)
    site.deploy()
    wait_for(0.8)
    assert site.do("delta")["evidence"]["count"] == 0


def test_a_longer_life_is_no_difference(site: Site) -> None:
    site.deploy()
    with site.client() as client:
        client.call("PEXPIRE", "session:1", 7200_000)
    assert site.do("delta")["evidence"]["count"] == 0


def test_what_was_exported_returns_whole(site: Site) -> None:
    site.deploy()
    write_newer(site)
    with site.client() as client:
        client.call("SET", "session:new", 1, "PX", 600_000)
        lost = read_content(client)
    count = site.do("delta")["evidence"]["count"]
    site.do("restore", admitted=True, accept_data_loss=count)
    with site.client() as client:
        assert read_content(client).sha256 != lost.sha256
        import_again(client, site.evidence / "delta.jsonl")
        assert read_content(client) == lost
        assert 500_000 < client.call("PTTL", "session:new") <= 600_000


def test_keys_are_given_up_only_by_their_exact_number(site: Site) -> None:
    site.deploy()
    site.started()
    write_newer(site)
    site.do("delta")
    for given in (None, 3, 5):
        with pytest.raises(Fenced, match="would lose 4 keys") as fenced:
            site.do("restore", **({} if given is None else {"accept_data_loss": given}))
    assert "not 5 as accept_data_loss says" in fenced.value.what
    assert "db0: 1 added, 2 changed, 1 deleted" in fenced.value.what
    assert "-e accept_data_loss=4" in fenced.value.next
    assert site.unit.calls == []
    state = site.do("restore", accept_data_loss=4)["state"]
    assert (state["restored"], state["lost_keys"]) == (True, 4)


def test_a_key_written_after_the_leave_was_given_stops_it(site: Site) -> None:
    site.deploy()
    site.started()
    write_newer(site)
    site.do("delta")
    with site.client() as client:
        client.call("SET", "one more", 1)
    with pytest.raises(Fenced, match="would lose 5 keys"):
        site.do("restore", accept_data_loss=4)


def test_what_can_be_computed_again_is_given_up_unasked(site: Site) -> None:
    site.options["expendable"] = True
    site.deploy()
    site.started()
    write_newer(site)
    site.do("delta")
    assert site.do("restore")["state"]["lost_keys"] == 4


def test_nothing_is_put_back_uncounted(site: Site) -> None:
    site.deploy()
    site.started()
    with pytest.raises(StepFailed, match="delta:cache"):
        site.do("restore", accept_data_loss=0)


def test_a_server_that_is_down_cannot_be_counted(site: Site) -> None:
    site.deploy()
    site.started()
    site.do("delta")
    site.server.stop()
    with pytest.raises(Fenced, match="is down: what would be lost cannot be counted"):
        site.do("restore", accept_data_loss=0)


def test_a_server_that_is_down_goes_back_while_no_user_had_reached_it(site: Site) -> None:
    site.deploy()
    write_newer(site)
    site.server.stop(9)
    assert site.do("restore", admitted=False)["state"]["restored"]


def test_a_wrong_password_is_not_taken_for_a_server_that_is_down(site: Site) -> None:
    site.deploy()
    write_newer(site)
    site.server.password_file.write_text("wrong")
    with pytest.raises(StepFailed, match="refused AUTH") as refused:
        site.do("restore", admitted=False)
    assert 'wrong"' not in refused.value.what
    assert site.unit.calls == []


def test_counting_needs_quiet(site: Site) -> None:
    site.deploy()
    with stranger(site), pytest.raises(Fenced, match="still connected"):
        site.do("delta")


def test_without_an_image_there_is_nothing_to_count(site: Site) -> None:
    site.migration_class = "compatible"
    site.deploy()
    assert site.do("delta")["evidence"] == {"count": 0, "frozen": False}


def test_an_exchanged_image_counts_nothing(site: Site) -> None:
    site.deploy()
    (site.frozen / "dump.rdb").write_bytes(b"REDIS")
    with pytest.raises(Fenced, match="cannot be counted"):
        site.do("delta")


def test_the_present_is_kept_beside_its_users(appending: Site) -> None:
    appending.do("backup")
    with stranger(appending), appending.client() as client:
        client.call("SET", "present", 1)
        state = appending.do("forensic")["state"]
    assert set(state["files"]) == {
        "dump.rdb",
        "appendonlydir/appendonly.aof.1.base.rdb",
        "appendonlydir/appendonly.aof.1.incr.aof",
        "appendonlydir/appendonly.aof.manifest",
    }
    assert (appending.evidence / "pinned").exists()
    kept = Path(state["directory"])
    assert b"present" in (kept / "appendonlydir/appendonly.aof.1.incr.aof").read_bytes()
    assert b"present" in (kept / "dump.rdb").read_bytes()


def test_the_present_is_kept_once(site: Site) -> None:
    first = site.do("forensic")["state"]
    again = site.do("forensic")
    assert again["state"] == first
    assert again["evidence"] == {"resumed": True}
    Path(first["directory"], "dump.rdb").write_bytes(b"")
    assert site.do("forensic")["state"]["files"]["dump.rdb"]["bytes"] > 0


def test_the_files_of_a_dead_server_are_kept(appending: Site) -> None:
    appending.do("backup")
    write_newer(appending)
    appending.server.stop(9)
    state = appending.do("forensic")["state"]
    assert not state["running"]
    assert "appendonlydir/appendonly.aof.1.incr.aof" in state["files"]


def test_of_a_dead_server_that_nobody_knows_nothing_can_be_kept(site: Site) -> None:
    site.server.stop()
    with pytest.raises(StepFailed, match="does not answer"):
        site.do("forensic")


def import_again(client: Client, file: Path) -> None:
    """What an operator does with an exported delta."""
    for text in file.read_text().splitlines():
        line = json.loads(text)
        key, payload = base64.b64decode(line["key"]), base64.b64decode(line["payload"])
        client.call("SELECT", line["db"])
        if line["op"] == "deleted":
            client.call("DEL", key)
        else:
            client.call("RESTORE", key, line["expires_at"], payload, "REPLACE", "ABSTTL")
