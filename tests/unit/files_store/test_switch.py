"""Forward and back are one rename each; what users wrote is counted, kept, never lost unasked."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stagegate.errors import Fenced, StepFailed
from tests.unit.files_store.helpers import make_host
from tests.unit.plain.host import HOLDER, OLD, RUN, Host, process, tree


@pytest.fixture
def live(host: Host) -> Host:
    """A host whose new generation is live."""
    host.seal()
    host.do("activate")
    return host


def test_the_new_generation_is_the_old_one_name_by_name(host: Host) -> None:
    before = tree(host.old)
    host.do("stage")
    assert tree(host.new) == before == tree(host.old)
    assert host.target() == OLD
    host.do("seal")
    host.guard()
    host.do("activate")
    assert host.target() == f"gen-{RUN}"
    assert tree(host.live.resolve()) == before


def test_a_first_install_begins_with_nothing_and_goes_back_to_nothing(tmp_path: Path) -> None:
    host = Host(tmp_path, "files", "files", options={"alias": str(tmp_path / "data" / "steady")})
    host.do("probe")
    host.seal()
    host.do("activate")
    assert list((host.data / "steady").iterdir()) == []
    (host.live / "first").write_text("smoke")
    state = host.do("restore")["state"]
    assert state["to_target"] is None
    assert not host.link.is_symlink()
    assert not (host.data / "steady").is_symlink()
    assert (host.new / "first").exists()
    assert Host(tmp_path, "files", "files", run_id="later").do("probe")["evidence"]["state"] == (
        "absent"
    )


def left_beside(host: Host) -> None:
    (host.new.parent / "files.bak").mkdir()


def planted_link(host: Host) -> None:
    (host.new / "a" / "planted").symlink_to("/etc/passwd")


def planted_hard_link(host: Host) -> None:
    os.link(host.new / "a.txt", host.new / "a" / "planted")


def link_for_tree(host: Host) -> None:
    host.new.rename(host.place / "elsewhere")
    host.new.symlink_to(host.place / "elsewhere")


def no_tree(host: Host) -> None:
    shutil.rmtree(host.new)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (left_beside, "holds more than files: files.bak"),
        (planted_link, "leads out of the tree"),
        (planted_hard_link, "has 2 hard links"),
        (link_for_tree, "is not a directory"),
        (no_tree, "is missing"),
    ],
)
def test_what_a_migration_must_not_leave_is_not_sealed(
    host: Host, spoil: Callable[[Host], None], words: str
) -> None:
    host.do("stage")
    spoil(host)
    passwd = Path("/etc/passwd").stat()
    with pytest.raises(StepFailed, match=words):
        host.do("seal")
    assert host.target() == OLD
    assert Path("/etc/passwd").stat() == passwd


def migrate(host: Host) -> None:
    (host.new / "a.txt").write_text("migrated")
    (host.new / "new").mkdir()
    (host.new / "new" / "one").write_text("1")
    (host.new / "a" / "two.txt").unlink()


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"added": 2, "changed": 1, "deleted": 1}, ""),
        ({"added": {"at_most": 5}, "changed": 1, "deleted": 1}, ""),
        ({"added": 2, "changed": 1}, "1 paths deleted .declared: 0; first: a/two.txt"),
        (
            {"added": 1, "changed": 1, "deleted": 1},
            "2 paths added .declared: 1; first: new, ",
        ),
        (
            {"added": 2, "changed": 2, "deleted": 1},
            "1 paths changed .declared: 2; first: a",
        ),
    ],
)
def test_what_a_migration_did_must_have_been_declared(
    host: Host, declared: dict[str, object], words: str
) -> None:
    host.release["expected_changes"] = {"facts": declared}
    host.do("stage")
    migrate(host)
    if words:
        with pytest.raises(StepFailed, match=words):
            host.do("seal")
        return
    changes = host.do("seal")["evidence"]["changes"]
    assert changes == {"facts": {"added": 2, "deleted": 1, "changed": 1}}


def test_the_rehearsed_copy_is_compared_as_well(host: Host) -> None:
    host.do("backup")
    (host.drilled / "a.txt").write_text("migrated")
    with pytest.raises(StepFailed, match="1 paths changed"):
        host.do("compare")


def old_written(host: Host) -> None:
    (host.old / "a.txt").write_text("late")


def new_written(host: Host) -> None:
    (host.new / "a" / "late").write_text("")


def test_a_run_that_goes_on_after_its_services_started_needs_no_guard(live: Host) -> None:
    (live.state / "guard").unlink()
    before = live.link.lstat()
    live.do("activate")
    assert live.link.lstat().st_ino == before.st_ino


def no_guard(host: Host) -> None:
    (host.state / "guard").unlink()


def link_moved(host: Host) -> None:
    shutil.copytree(host.old.parent, host.data / "generations" / "other", symlinks=True)
    host.link.unlink()
    host.link.symlink_to("generations/other")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (old_written, "was written to although its services are stopped"),
        (new_written, "is not what was sealed"),
        (no_guard, "the start guard .* is missing"),
        (link_moved, "leads to generations/other, neither to"),
    ],
)
def test_activates_nothing_else(host: Host, spoil: Callable[[Host], None], words: str) -> None:
    host.seal()
    spoil(host)
    before = host.target()
    with pytest.raises(StepFailed, match=words):
        host.do("activate")
    assert host.target() == before


@pytest.mark.parametrize("which", ["old", "new"])
def test_activates_nothing_that_is_open(host: Host, which: str) -> None:
    host.seal()
    with (
        process(HOLDER, str(getattr(host, which) / "a" / "deep" / "one.bin")) as holder,
        pytest.raises(StepFailed, match=rf"pid {holder.pid} .*one\.bin open"),
    ):
        host.do("activate")
    assert host.target() == OLD


def test_a_stale_generation_of_a_killed_stage_is_put_aside(host: Host) -> None:
    half = host.new / "a"
    half.mkdir(parents=True)
    (half / "half").write_text("half")
    evidence = host.do("stage")["evidence"]
    aside = Path(evidence["unfinished"])
    assert (aside / "files" / "a" / "half").exists()
    assert tree(host.new) == tree(host.old)


def test_goes_back_without_asking_before_users_were_let_in(live: Host) -> None:
    before = tree(live.old)
    (live.live / "smoke").write_text("ours")
    state = live.do("restore")["state"]
    assert (live.target(), state["lost_rows"], state["carried"]) == (OLD, 0, None)
    assert tree(live.old) == before
    assert (live.new / "smoke").exists(), "what failed is kept"
    assert live.do("restore")["state"]["to_target"] == f"generations/{OLD}"


def written(host: Host) -> None:
    (host.live / "new file").write_text("new")
    (host.live / "a" / "two.txt").write_text("changed")
    (host.live / "link").unlink()


def test_what_users_wrote_is_counted_and_kept_as_files(live: Host) -> None:
    live.started()
    written(live)
    live.do("forensic")
    evidence = live.do("delta")["evidence"]
    assert evidence["numbers"] == {"added": 1, "changed": 1, "deleted": 1}
    kept = Path(evidence["file"])
    assert (kept / "files" / "new file").read_text() == "new"
    assert (kept / "files" / "a" / "two.txt").read_text() == "changed"
    told = [json.loads(line) for line in (kept / "changes.jsonl").read_text().splitlines()]
    assert {line["path"]: line["op"] for line in told}["link"] == "deleted"


def test_what_users_wrote_is_not_given_up_unasked(live: Host) -> None:
    live.started()
    (live.live / "a.txt").write_text("changed")
    (live.live / "link").unlink()
    live.do("forensic")
    count = live.do("delta")["state"]["lost"]
    for wrong in (None, 0, count - 1, count + 1):
        with pytest.raises(Fenced, match=f"would lose {count} paths") as caught:
            live.do("restore", accept_data_loss=wrong)
        assert f"-e accept_data_loss={count}" in caught.value.next
        assert live.target() == f"gen-{RUN}"
    assert live.do("restore", accept_data_loss=count)["state"]["lost_rows"] == count
    assert live.target() == OLD
    assert (live.evidence / "delta" / "files" / "a.txt").read_text() == "changed"
    assert (next(live.evidence.glob("failed-*")) / "a.txt").read_text() == "changed"


def test_uncounted_changes_are_not_given_up(live: Host) -> None:
    live.started()
    with pytest.raises(StepFailed, match="nobody counted"):
        live.do("restore", accept_data_loss=0)
    live.do("delta")
    (live.live / "late").write_text("")
    with pytest.raises(StepFailed, match="written to after the count"):
        live.do("restore", accept_data_loss=0)


def test_with_nothing_written_nothing_is_asked(live: Host) -> None:
    live.started()
    live.do("delta")
    assert live.do("restore")["state"]["lost_rows"] == 0


def test_a_forged_listing_counts_nothing(live: Host) -> None:
    live.started()
    (live.live / "a.txt").write_text("changed")
    shutil.copy(live.evidence / "activated.jsonl", live.place / "kept")
    lines = (live.place / "kept").read_text().replace("a.txt", "b.txt")
    (live.evidence / "activated.jsonl").write_text(lines)
    with pytest.raises(Fenced, match=r"cannot be counted: .* its digest is"):
        live.do("delta")


def test_a_failed_tree_that_cannot_be_copied_stops_nobody_from_going_back(live: Host) -> None:
    os.mkfifo(live.live / "pipe")
    live.started()
    found = live.do("forensic")["evidence"]
    assert "is a pipe" in found["damage"]
    assert found["file"] == ""
    assert (live.evidence / "pinned").exists()
    assert live.do("delta")["state"]["lost"] == 1
    assert live.do("restore", accept_data_loss=1)["state"]["to_target"] == f"generations/{OLD}"


@pytest.mark.parametrize("spoil", [old_written, no_guard, link_moved])
def test_leads_back_only_to_what_was_left(live: Host, spoil: Callable[[Host], None]) -> None:
    spoil(live)
    before = live.target()
    with pytest.raises(Fenced):
        live.do("restore")
    assert live.target() == before


def test_a_generation_that_never_went_live_is_put_aside(host: Host) -> None:
    host.do("stage")
    state = host.do("restore")["state"]
    assert Path(state["unfinished"]).name == f"unfinished-gen-{RUN}.1"
    assert host.target() == OLD


def test_says_in_check_mode_where_the_link_would_lead(host: Host) -> None:
    host.seal()
    assert host.do("activate", check_mode=True)["diff"]["after"] == f"generations/gen-{RUN}\n"
    assert host.target() == OLD
    host.do("activate")
    assert host.do("restore", check_mode=True)["diff"]["after"] == f"generations/{OLD}\n"
    assert host.target() == f"gen-{RUN}"


def test_a_generation_belongs_to_the_service_user(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    host = make_host(tmp_path, owner="nobody")
    os.chown(host.old / "a.txt", 12345, 54321)
    host.seal()
    host.do("activate")
    assert host.new.parent.stat().st_uid != 0
    assert (host.new / "a.txt").stat().st_gid == 54321
    assert tree(host.new) == tree(host.old)
