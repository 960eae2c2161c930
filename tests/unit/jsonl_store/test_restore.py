"""Going back loses no record that the former release can read, and cuts no file."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import Fenced, StepFailed
from tests.unit.jsonl_store.helpers import append, fact, lines, make_host, records
from tests.unit.plain.host import HOLDER, OLD, RUN, Host, process

NEW = [fact(100), fact(101, tags=["new"]), fact(102), fact(103, tags=[])]


@pytest.fixture
def live(host: Host) -> Host:
    """A host on release 1.1, whose migration has given the first fact a new form."""
    return deployed(host)


def deployed(host: Host) -> Host:
    host.opened("1.0")
    host.release["expected_changes"] = {"facts": {"changed": {"at_most": 1}}}
    host.do("stage")
    found = records(host.new)
    host.new.write_bytes(lines([{**found[0], "tags": ["migrated"]}, *found[1:]]))
    host.do("seal")
    host.guard()
    host.do("activate")
    return host


def counted(host: Host) -> dict[str, Any]:
    host.started()
    host.do("forensic")
    found: dict[str, Any] = host.do("delta")["state"]
    return found


def test_before_users_were_let_in_not_a_byte_is_copied(live: Host) -> None:
    before = live.old.read_bytes()
    append(live, fact(900, title="our own smoke test"))
    state = live.do("restore")["state"]
    assert (live.target(), state["carried"], state["lost_rows"]) == (OLD, None, 0)
    assert live.live.read_bytes() == before
    assert sorted(p.name for p in (live.data / "generations").iterdir()) == [f"gen-{RUN}", OLD]


def test_what_the_former_release_reads_is_carried_over(live: Host) -> None:
    old, new = live.old.read_bytes(), live.new.read_bytes()
    append(live, fact(100), fact(102))
    assert counted(live)["lost"] == 0
    state = live.do("restore")["state"]
    assert live.target() == f"gen-{RUN}.back"
    assert live.live.read_bytes() == old + lines([fact(100), fact(102)])
    assert live.old.read_bytes() == old
    assert live.new.read_bytes() == new + lines([fact(100), fact(102)])
    assert (state["carried"]["records"], state["carried"]["unreadable"]) == (2, 0)


def test_what_it_cannot_read_is_set_aside_with_its_offset_and_counted(live: Host) -> None:
    start = live.new.stat().st_size
    append(live, *NEW)
    with live.live.open("ab") as out:
        out.write(b'no record\n{"id": "torn')
    state = counted(live)
    assert (state["count"], state["lost"]) == (6, 4)
    assert state["numbers"]["other lines"] == 2
    for wrong in (None, 0, 3, 6):
        with pytest.raises(Fenced, match="would lose 4 records") as caught:
            live.do("restore", accept_data_loss=wrong)
        assert "-e accept_data_loss=4" in caught.value.next
        assert live.target() == f"gen-{RUN}"
    carried = live.do("restore", accept_data_loss=4)["state"]["carried"]
    assert records(live.live)[20:] == [fact(100), fact(102)]
    aside = [json.loads(line) for line in Path(carried["side_file"]).read_text().splitlines()]
    whole = live.new.read_bytes()
    for line in aside:
        data = base64.b64decode(line["base64"])
        assert whole[line["offset"] : line["offset"] + line["length"]] == data
        assert line["offset"] >= start
    assert [line["kind"] for line in aside] == ["second", "second", "no record", "no record"]
    exported = (live.evidence / "delta.jsonl").read_bytes()
    assert exported == whole[start:]


def test_of_a_release_nobody_spoke_of_nothing_is_believed(tmp_path: Path) -> None:
    live = deployed(make_host(tmp_path, reads={"0.9": ["first"]}))
    append(live, fact(100))
    assert counted(live)["lost"] == 1
    with pytest.raises(Fenced, match="would lose 1 records"):
        live.do("restore")


def test_with_nothing_written_the_link_goes_back(live: Host) -> None:
    assert counted(live)["count"] == 0
    assert live.do("restore")["state"]["carried"] is None
    assert live.target() == OLD


def test_records_appended_to_a_torn_tail_stand_by_themselves(tmp_path: Path) -> None:
    """The former file keeps its torn tail; what goes live has only whole records."""
    host = make_host(tmp_path, on_torn_tail="quarantine")
    with host.old.open("ab") as out:
        out.write(b'{"id": "to')
    before = host.old.read_bytes()
    live = deployed(host)
    append(live, fact(100))
    counted(live)
    live.do("restore")
    assert live.old.read_bytes() == before
    assert live.live.read_bytes() == before[:-10] + lines([fact(100)])


def test_a_last_record_without_its_newline_is_ended_before_another_follows(tmp_path: Path) -> None:
    host = make_host(tmp_path, rules={"final_newline": "optional"}, reads={"1.0": ["record"]})
    host.old.write_bytes(host.old.read_bytes()[:-1])
    live = deployed(host)
    append(live, fact(100))
    counted(live)
    live.do("restore")
    assert records(live.live) == [*(fact(n) for n in range(20)), fact(100)]


def rewritten(host: Host) -> None:
    host.live.write_bytes(host.live.read_bytes().replace(b"fact 7", b"fakt 7"))


def rotated(host: Host) -> None:
    host.live.resolve().rename(host.place / "rotated")
    host.live.write_bytes(lines([fact(500)]))


def cut(host: Host) -> None:
    with host.live.open("r+b") as out:
        out.truncate(100)


@pytest.mark.parametrize(
    ("meddle", "words"),
    [
        (rewritten, "its first [0-9]+ bytes are not those that were activated"),
        (rotated, "was rewritten or rotated since it went live"),
        (cut, "it has 100 bytes, and was activated with"),
    ],
)
def test_a_file_that_was_rewritten_since_is_fenced(
    live: Host, meddle: Callable[[Host], None], words: str
) -> None:
    append(live, fact(100))
    meddle(live)
    live.started()
    with pytest.raises(Fenced, match=words) as caught:
        live.do("delta")
    assert caught.value.code == 30
    with pytest.raises(StepFailed, match="nobody counted"):
        live.do("restore", accept_data_loss=1)
    assert live.target() == f"gen-{RUN}"


def test_a_former_file_that_was_written_to_is_not_gone_back_to(live: Host) -> None:
    append(live, fact(100))
    counted(live)
    with live.old.open("ab") as out:
        out.write(lines([fact(800)]))
    with pytest.raises(Fenced, match="was written to although"):
        live.do("restore")
    assert live.target() == f"gen-{RUN}"


def test_leads_nowhere_while_the_failed_release_still_has_the_file(live: Host) -> None:
    counted(live)
    with (
        process(HOLDER, str(live.live)) as holder,
        pytest.raises(Fenced, match=rf"pid {holder.pid} "),
    ):
        live.do("restore")
    assert live.target() == f"gen-{RUN}"


def test_a_half_made_generation_of_a_killed_restore_is_put_aside(live: Host) -> None:
    append(live, fact(100))
    counted(live)
    half = live.data / "generations" / f"gen-{RUN}.back" / live.name
    half.parent.mkdir()
    half.write_bytes(b"half")
    live.do("restore")
    assert records(live.live)[-1] == fact(100)
    aside = live.data / "generations" / f"unfinished-gen-{RUN}.back.1" / live.name
    assert aside.read_bytes() == b"half"


def test_goes_back_twice_as_once_and_forward_again(live: Host) -> None:
    append(live, fact(100))
    counted(live)
    live.do("restore")
    before = live.live.read_bytes()
    assert live.do("restore")["state"]["to_target"] == f"generations/gen-{RUN}.back"
    assert live.live.read_bytes() == before
    again = Host(live.place, "jsonl", live.name, "20261122T090000Z-eeee", live.options)
    again.do("probe")
    again.deploy()
    assert again.live.read_bytes() == before
    again.do("restore")
    assert again.target() == f"gen-{RUN}.back"


def test_after_a_first_install_users_records_are_not_given_up_unasked(tmp_path: Path) -> None:
    host = Host(tmp_path, "jsonl", "entries.jsonl", options={"key": "id"})
    host.opened("")
    host.do("probe")
    host.do("backup")
    host.seal()
    host.do("activate")
    append(host, fact(1))
    assert counted(host)["lost"] == 1
    with pytest.raises(Fenced, match="would lose 1 records"):
        host.do("restore")
    host.do("restore", accept_data_loss=1)
    assert not host.link.is_symlink()
    assert records(host.new) == [fact(1)]


def test_the_service_user_owns_what_goes_live_again(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    live = deployed(make_host(tmp_path, owner="nobody"))
    append(live, fact(100))
    counted(live)
    live.do("restore")
    status = live.live.stat()
    assert status.st_uid == live.live.resolve().parent.stat().st_uid != 0
    assert status.st_mode & 0o777 == 0o600


def test_a_link_that_a_migration_planted_is_not_followed(host: Host) -> None:
    host.do("stage")
    target = host.place / "precious"
    target.write_bytes(host.new.read_bytes())
    target.chmod(0o644)
    host.new.unlink()
    host.new.symlink_to(target)
    with pytest.raises(StepFailed, match="is not an ordinary file"):
        host.do("seal")
    host.new.unlink()
    os.link(target, host.new)
    with pytest.raises(StepFailed, match="has 2 hard links"):
        host.do("seal")
    assert target.stat().st_mode & 0o777 == 0o644
