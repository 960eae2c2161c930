"""The live link goes forward to what was staged, and back to what the run found."""

from __future__ import annotations

from typing import Any

import pytest

from stagegate.errors import Fenced, Refused, StagegateError, StepFailed
from stagegate.ledger import read_ledger
from stagegate.release.activate import activate, restore
from stagegate.release.request import Request
from stagegate.release.stage import stage
from stagegate.release.tree import remove_tree
from tests.unit.release.helpers import Host, archive_bytes, tree


def staged(host: Host, version: str) -> Request:
    """A host with this version staged and its services held."""
    request = host.request(version, archive_bytes(version))
    stage(request, check_mode=False)
    host.raise_guard()
    return request


def live(host: Host) -> str | None:
    """What the live link holds."""
    return str(host.root.link.readlink()) if host.root.link.is_symlink() else None


def upgraded(host: Host) -> tuple[Host, Request]:
    """A host that went from 1.0 to 1.1 in run-2."""
    activate(staged(host, "1.0"), check_mode=False)
    second = host.begin("run-2")
    request = staged(second, "1.1")
    activate(request, check_mode=False)
    return second, request


def states(host: Host, step: str) -> list[dict[str, Any]]:
    """The states that a step has written."""
    entries = read_ledger(host.run.state / "ledger.jsonl").entries
    return [e.state for e in entries if e.step == step and e.state]


def test_first_activation_records_that_there_was_nothing(host: Host) -> None:
    result = activate(staged(host, "1.0"), check_mode=False)
    assert live(host) == "releases/1.0"
    assert result["changed"]
    assert states(host, "activate_release")[-1] == {
        "link": str(host.root.link),
        "old": None,
        "new": "releases/1.0",
    }


def test_a_second_activation_changes_nothing_and_keeps_the_old_target(host: Host) -> None:
    second, request = upgraded(host)
    assert not activate(request, check_mode=False)["changed"]
    recorded = [s for s in states(second, "activate_release") if s["new"] == "releases/1.1"]
    assert [s["old"] for s in recorded] == ["releases/1.0"] * 3


def test_the_old_target_is_on_the_disk_before_the_link_moves(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    request = staged(host, "1.0")
    monkeypatch.setattr("stagegate.release.activate.switch_link", killed)
    with pytest.raises(KeyboardInterrupt):
        activate(request, check_mode=False)
    assert states(host, "activate_release")[0]["old"] is None


def test_check_mode_tells_and_changes_nothing(host: Host) -> None:
    request = staged(host, "1.0")
    before = tree(host.place)
    assert activate(request, check_mode=True)["changed"]
    assert not restore(request, check_mode=True)["changed"]
    assert tree(host.place) == before


def test_refuses_without_the_guard(host: Host) -> None:
    request = staged(host, "1.0")
    host.run.guard.unlink()
    with pytest.raises(Refused, match="start guard"):
        activate(request, check_mode=False)
    assert live(host) is None


def test_refuses_what_this_run_did_not_stage(host: Host) -> None:
    staged(host, "1.0")
    later = host.begin("run-2")
    with pytest.raises(Refused, match="was not staged"):
        activate(later.request("1.0", archive_bytes("1.0")), check_mode=False)


@pytest.mark.parametrize("edit", ["content", "added", "mode", "removed", "manifest", "link"])
def test_refuses_what_changed_since_it_was_staged(edit: str, host: Host) -> None:
    request = staged(host, "1.0")
    spoil(host, "1.0", edit)
    with pytest.raises(StagegateError):
        activate(request, check_mode=False)
    assert live(host) is None


def spoil(host: Host, version: str, edit: str) -> None:
    """Change a staged release as a person with root could."""
    place = host.root.release(version)
    file = place / "bin/abathur-api"
    for path in (place, place / "bin"):
        path.chmod(0o755)
    if edit == "content":
        file.chmod(0o755)
        file.write_bytes(b"#!/bin/sh\n")
        file.chmod(0o555)
    elif edit == "added":
        (place / "bin" / "sitecustomize.py").write_bytes(b"")
    elif edit == "mode":
        file.chmod(0o777)
    elif edit == "removed":
        file.unlink()
    elif edit == "manifest":
        (place / "manifest.json").chmod(0o644)
        (place / "manifest.json").write_bytes(b"{}")
    elif edit == "link":
        file.unlink()
        file.symlink_to("/bin/true")
    (place / "bin").chmod(0o555)


def test_restore_points_back_at_what_the_run_found(host: Host) -> None:
    second, request = upgraded(host)
    result = restore(request, check_mode=False)
    assert result["changed"]
    assert live(host) == "releases/1.0"
    assert states(second, "restore_release")[-1]["old"] == "releases/1.0"
    assert not restore(request, check_mode=False)["changed"]


def test_restore_removes_the_link_of_a_first_release(host: Host) -> None:
    request = staged(host, "1.0")
    activate(request, check_mode=False)
    restore(request, check_mode=False)
    assert live(host) is None
    assert host.root.release("1.0").is_dir()


def test_restore_of_a_run_that_never_activated_does_nothing(host: Host) -> None:
    activate(staged(host, "1.0"), check_mode=False)
    second = host.begin("run-2")
    request = staged(second, "1.1")
    before = tree(host.place)
    assert not restore(request, check_mode=False)["changed"]
    assert live(host) == "releases/1.0"
    assert tree(host.place) == before


def test_restore_undoes_a_switch_that_was_killed_before_it_was_recorded_done(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stagegate import files

    def switched_then_killed(link: Any, target: str) -> None:
        files.switch_link(link, target)
        raise KeyboardInterrupt

    activate(staged(host, "1.0"), check_mode=False)
    second = host.begin("run-2")
    request = staged(second, "1.1")
    monkeypatch.setattr("stagegate.release.activate.switch_link", switched_then_killed)
    with pytest.raises(KeyboardInterrupt):
        activate(request, check_mode=False)
    assert live(host) == "releases/1.1"
    monkeypatch.setattr("stagegate.release.activate.switch_link", files.switch_link)
    restore(request, check_mode=False)
    assert live(host) == "releases/1.0"


def test_restore_works_when_the_new_release_is_gone(host: Host) -> None:
    _, request = upgraded(host)
    remove_tree(host.root.release("1.1"))
    restore(request, check_mode=False)
    assert live(host) == "releases/1.0"


@pytest.mark.parametrize("edit", ["content", "added", "removed", "manifest"])
def test_restore_touches_nothing_when_the_former_release_was_edited(edit: str, host: Host) -> None:
    _, request = upgraded(host)
    spoil(host, "1.0", edit)
    with pytest.raises(Fenced, match=r"the former release 1\.0"):
        restore(request, check_mode=False)
    assert live(host) == "releases/1.1"


def test_restore_touches_nothing_when_the_former_release_was_pruned(host: Host) -> None:
    second, request = upgraded(host)
    remove_tree(host.root.release("1.0"))
    with pytest.raises(Fenced, match=r"the former release 1\.0") as fenced:
        restore(request, check_mode=False)
    assert fenced.value.code == 30
    assert live(host) == "releases/1.1"
    assert second.run.guard.exists()


def test_restore_sees_an_edit_with_a_matching_manifest(host: Host) -> None:
    import hashlib
    import json

    _, request = upgraded(host)
    place = host.root.release("1.0")
    spoil(host, "1.0", "content")
    manifest = json.loads((place / "manifest.json").read_bytes())
    data = (place / "bin/abathur-api").read_bytes()
    manifest["files"]["bin/abathur-api"].update(
        sha256=hashlib.sha256(data).hexdigest(), size=len(data)
    )
    (place / "manifest.json").chmod(0o644)
    (place / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(Fenced, match="not the one that was staged"):
        restore(request, check_mode=False)


def test_restore_needs_the_guard(host: Host) -> None:
    second, request = upgraded(host)
    second.run.guard.unlink()
    with pytest.raises(Refused, match="start guard"):
        restore(request, check_mode=False)
    assert live(host) == "releases/1.1"


def test_a_run_that_lost_the_system_switches_nothing(host: Host) -> None:
    request = staged(host, "1.0")
    host.begin("run-2")
    with pytest.raises(StagegateError, match="fenced"):
        activate(request, check_mode=False)
    assert live(host) is None


def test_step_failed_is_what_a_changed_release_is(host: Host) -> None:
    request = staged(host, "1.0")
    spoil(host, "1.0", "added")
    with pytest.raises(StepFailed, match=r"sitecustomize\.py was added"):
        activate(request, check_mode=False)
