"""What systemctl says is read right, and systemctl is asked with argument lists only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from stagegate.errors import StepFailed
from stagegate.service import systemd
from stagegate.service.systemd import Said, Systemd, parse_state, read_cgroup

ACTIVE = """Id=abathur-api.service
LoadState=loaded
ActiveState=active
SubState=running
Result=success
ExecMainStatus=0
MainPID=4711
NRestarts=2
InvocationID=0123456789abcdef0123456789abcdef
UnitFileState=enabled
FragmentPath=/etc/systemd/system/abathur-api.service
DropInPaths=/usr/lib/systemd/system/service.d/10.conf /etc/systemd/system/x.service.d/a.conf
"""
ABSENT = """Id=abathur-workers.service
LoadState=not-found
ActiveState=inactive
SubState=dead
Result=success
MainPID=0
NRestarts=0
"""


class FakeSystemctl:
    """Answers by subcommand, and keeps what was asked."""

    def __init__(self, **answers: Said) -> None:
        self.answers = answers
        self.asked: list[list[str]] = []

    def __call__(self, argv: Sequence[str]) -> Said:
        """Answer."""
        self.asked.append(list(argv))
        words = [word for word in argv[1:] if not word.startswith("-")]
        return self.answers.get(words[0].replace("-", "_"), Said(0, "", ""))


def test_reads_every_service_in_one_call() -> None:
    fake = FakeSystemctl(show=Said(0, f"{ACTIVE}\n{ABSENT}", ""))
    states = Systemd(fake).read(["abathur-api", "abathur-workers"])
    api = states["abathur-api"]
    assert (api.running, api.main_pid, api.restarts, api.enabled) == (True, 4711, 2, True)
    assert api.files[0] == "/etc/systemd/system/abathur-api.service"
    assert len(api.files) == 3
    assert (states["abathur-workers"].exists, states["abathur-workers"].stopped) == (False, True)
    assert len(fake.asked) == 1


def test_refuses_to_guess_when_an_answer_is_missing() -> None:
    fake = FakeSystemctl(show=Said(0, ACTIVE, ""))
    with pytest.raises(StepFailed, match="1 units of 2"):
        Systemd(fake).read(["abathur-api", "abathur-workers"])


def test_asks_nothing_about_no_service() -> None:
    fake = FakeSystemctl()
    assert Systemd(fake).read([]) == {}
    assert fake.asked == []


@pytest.mark.parametrize(
    ("change", "ending"),
    [
        ({"Result": "oom-kill"}, "memory"),
        ({"Result": "exit-code", "ExecMainStatus": "203"}, "status 203"),
        ({"Result": "signal", "ExecMainStatus": "9"}, "signal 9"),
        ({"Result": "start-limit-hit"}, "not started any more"),
        ({"LoadState": "masked"}, "masked"),
        ({"Result": "something-new"}, "something-new"),
    ],
)
def test_tells_how_a_process_ended(change: dict[str, str], ending: str) -> None:
    values = dict(line.split("=", 1) for line in ACTIVE.splitlines())
    text = "\n".join(f"{k}={v}" for k, v in {**values, "ActiveState": "failed", **change}.items())
    assert ending in parse_state(text).ending()


def test_a_failing_systemctl_fails_the_step_with_its_words() -> None:
    fake = FakeSystemctl(daemon_reload=Said(1, "", "Access denied\x1b[0m\n"))
    with pytest.raises(StepFailed, match="daemon-reload failed: Access denied") as failed:
        Systemd(fake).reload()
    assert "\x1b" not in failed.value.what


def test_clears_the_start_limit_before_it_starts() -> None:
    fake = FakeSystemctl()
    Systemd(fake).start("abathur-api")
    assert [argv[1] for argv in fake.asked] == ["reset-failed", "start"]


def test_what_is_enabled_survives_a_power_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(systemd, "fsync_dir", synced.append)
    (tmp_path / "multi-user.target.wants").mkdir()
    fake = FakeSystemctl()
    Systemd(fake, tmp_path).enable(["abathur-api"], on=True)
    assert fake.asked[0][2:] == ["enable", "--quiet", "--", "abathur-api.service"]
    assert synced == [tmp_path, tmp_path / "multi-user.target.wants"]


def test_the_last_words_are_few_and_harmless() -> None:
    lines = "\n".join(f"\x1b[31mline {n}\x07" + "x" * 500 for n in range(50))
    found = Systemd(lambda _: Said(0, lines, "")).last_words("abathur-api")
    assert len(found) == 20
    assert all(len(line) <= 300 and "\x1b" not in line for line in found)


def test_finds_every_process_of_a_control_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = tmp_path / "system.slice" / "abathur-api.service"
    (group / "child").mkdir(parents=True)
    (group / "cgroup.procs").write_text("12\n7\n")
    (group / "child" / "cgroup.procs").write_text("30\n")
    monkeypatch.setattr(systemd, "CGROUPS", (str(tmp_path / "absent"), str(tmp_path)))
    assert read_cgroup("system.slice/abathur-api.service") == (7, 12, 30)
    assert read_cgroup("system.slice/gone.service") == ()


def test_a_host_without_systemd_is_told_so() -> None:
    with pytest.raises(StepFailed, match="does not run systemd"):
        systemd.run_systemctl(["/nowhere/systemctl", "show"])
