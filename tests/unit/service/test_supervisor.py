"""A real supervisord, real processes: held, started, watched, and outlived."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import Refused, StagegateError, StepFailed
from stagegate.journal import open_journal
from stagegate.service import supervisor_config, units
from stagegate.service.guard import guard_stands
from stagegate.service.health import ask
from stagegate.service.hold import hold
from stagegate.service.manager import Host, Pace
from stagegate.service.probe import probe
from stagegate.service.processes import marked, runs_with
from stagegate.service.start import start
from stagegate.service.steady import steady
from stagegate.service.supervisor import Supervisor
from stagegate.service.supervisor_config import Daemon, program
from stagegate.service.supervisord import ensure, read_pid, shutdown
from tests.forked import fork
from tests.unit.service.helpers import APP, app, entries, free_port, make_fleet, make_run

NAME = "abathur-api"


class Machine:
    """One system on this machine, below a directory."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.port = free_port()
        self.pace = Pace()
        self.daemon = Daemon(place / "state" / "supervisor", "abathur")

    def host(self, run: str, phase: str = "restart", **wish: Any) -> Host:
        """The host in a run of its own, with a service that behaves as wished."""
        version = wish.pop("expected", wish.get("version", "1.0"))
        noun = app(NAME, self.port, **wish)
        fleet = make_fleet(make_run(self.place, run), noun, phase=phase, version=version)
        return Host(fleet, Supervisor(self.daemon, self.pace), self.pace)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine whose supervisord and processes are gone afterwards."""
    made = Machine(tmp_path)
    yield made
    shutdown(made.daemon, made.pace)
    assert not marked(str(made.daemon.programs / f"{NAME}.json"))


def in_phase(host: Host, phase: str, version: str = "") -> Host:
    """The same host in another phase."""
    fleet = replace(host.fleet, phase=phase, version=version or host.fleet.version)
    return replace(host, fleet=fleet)


def until(condition: Callable[[], bool], within: float = 10.0) -> None:
    """Wait for something to become true."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_first_installation_starts_and_a_second_start_changes_nothing(machine: Machine) -> None:
    host = machine.host("run-1")
    assert hold(in_phase(host, "quiesce"), check_mode=False)["changed"]
    result = start(host, check_mode=False)
    assert result["services"][NAME]["version"] == "1.0"
    assert result["services"][NAME]["restarts"] == 1
    again = start(host, check_mode=False)
    assert not again["changed"]
    assert again["services"] == result["services"]
    assert probe(host)["services"][NAME]["unit"] == "same"


def test_supervisord_outlives_the_process_that_started_it(machine: Machine, tmp_path: Path) -> None:
    ends: list[int] = []
    reader, writer = os.pipe()

    def act() -> None:
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        start(machine.host("run-1"), check_mode=False)

    child = fork(act)
    os.close(writer)
    assert os.waitpid(child, 0)[1] == 0
    # A daemon that kept the pipe would keep this open for ever, and Ansible waiting with it.
    os.set_blocking(reader, False)
    with os.fdopen(reader, "rb") as pipe:
        while pipe.read(4096):
            ends.append(1)
    assert read_pid(machine.daemon) > 0
    assert ask(machine.host("run-2").fleet.services[0].health).good


def test_a_held_service_does_not_run_and_cannot_be_started(machine: Machine) -> None:
    host = machine.host("run-1")
    start(host, check_mode=False)
    hold(in_phase(host, "rollback"), check_mode=False)
    assert guard_stands(host.fleet.run)
    assert not ask(host.fleet.services[0].health).reached
    starts = len(host.manager.starts(NAME))  # type: ignore[attr-defined]
    host.manager.start(NAME)
    until(lambda: "held by the start guard" in "".join(host.manager.last_words(NAME)))
    assert not ask(host.fleet.services[0].health).reached
    assert len(host.manager.starts(NAME)) == starts  # type: ignore[attr-defined]


def test_a_service_that_dies_is_caught_with_its_last_words(machine: Machine) -> None:
    host = machine.host("run-1", dies_after=0.3, health_noun={"stable_for": 2})
    with pytest.raises(StepFailed, match="it died") as failed:
        start(host, check_mode=False)
    assert NAME in failed.value.what
    words = entries(host.fleet.run)[-1].evidence["services"][NAME]["last_words"]
    assert any("the fuse has burnt" in line for line in words)
    assert not any("\x1b" in line for line in words)


@pytest.mark.parametrize("request_", [1, 4])
def test_a_service_that_dies_of_a_request_is_caught(request_: int, machine: Machine) -> None:
    host = machine.host("run-1", dies_at=request_)
    with pytest.raises(StepFailed, match="it died"):
        start(host, check_mode=False)


@pytest.fixture
def little_memory() -> Iterator[Path]:
    """A control group whose processes may have 48 MB together."""
    group = Path("/sys/fs/cgroup/memory") / f"stagegate-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("no control group for memory can be made here")
    (group / "memory.limit_in_bytes").write_text(str(48 << 20))
    yield group
    group.rmdir()


def test_a_service_that_the_kernel_kills_for_want_of_memory_is_caught(
    machine: Machine, little_memory: Path
) -> None:
    host = machine.host("run-1", eats=[str(little_memory), 200])
    with pytest.raises(StepFailed, match=r"(it died|it does not run).*ended by signal 9"):
        start(host, check_mode=False)
    hold(in_phase(host, "rollback"), check_mode=False)
    assert "oom_kill 0" not in (little_memory / "memory.oom_control").read_text()


def test_a_service_that_dies_later_is_caught_by_steady(machine: Machine) -> None:
    host = machine.host("run-1", dies_after=1.5)
    start(host, check_mode=False)
    steady(host, check_mode=False)
    first = host.manager.read([NAME])[NAME]
    until(lambda: host.manager.read([NAME])[NAME].invocation != first.invocation)
    with pytest.raises(StepFailed, match="it died and was restarted"):
        steady(host, check_mode=False)


def test_a_restart_by_somebody_else_is_caught_by_steady(machine: Machine) -> None:
    host = machine.host("run-1")
    start(host, check_mode=False)
    machine.daemon.call("stopProcess", NAME)
    machine.daemon.call("startProcess", NAME)
    with pytest.raises(StepFailed, match="did not stay up"):
        steady(host, check_mode=False)


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"version": "0.9", "expected": "1.0"}, "it says that it is version 0.9, not 1.0"),
        ({"status": "degraded"}, "its status is degraded"),
        ({"health": "<html>Welcome</html>"}, "with HTML"),
        ({"health": "", "code": 302}, "redirects to /login"),
        ({"code": 500}, "HTTP 500"),
        ({"listen": False}, "nothing listens there"),
        ({"ready_after": 30}, "HTTP 503: warming up"),
        ({"flaps": 2}, "flaps"),
        ({"flaps": 3}, "flaps"),
        ({"flaps": 5}, "flaps"),
    ],
)
def test_a_service_that_is_not_what_it_must_be_never_becomes_ready(
    wish: dict[str, Any], words: str, machine: Machine
) -> None:
    host = machine.host("run-1", health_noun={"ready_within": 1.5}, **wish)
    with pytest.raises(StepFailed) as failed:
        start(host, check_mode=False)
    assert words in failed.value.what


def test_a_missing_program_is_told_in_its_own_words(machine: Machine) -> None:
    host = machine.host("run-1", health_noun={"ready_within": 4})
    service = replace(host.fleet.services[0], command=("/nowhere/abathur-api",))
    broken = replace(host, fleet=replace(host.fleet, services=(service,)))
    with pytest.raises(StepFailed):
        start(broken, check_mode=False)
    words = entries(host.fleet.run)[-1].evidence["services"][NAME]["last_words"]
    assert any("/nowhere/abathur-api cannot be started: No such file" in line for line in words)


def test_an_old_process_that_keeps_the_port_is_found_before_the_start(machine: Machine) -> None:
    argv = [sys.executable, str(APP), str(machine.port), json.dumps({"version": "0.9"})]
    stranger = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    try:
        host = machine.host("run-1")
        until(lambda: ask(host.fleet.services[0].health).good)
        with pytest.raises(StepFailed, match="another process answers") as failed:
            start(host, check_mode=False)
        assert "version 0.9" in failed.value.what
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_that_ignores_the_request_is_killed(machine: Machine) -> None:
    host = machine.host("run-1", ignores_term=True)
    pid = start(host, check_mode=False)["services"][NAME]["main_pid"]
    hold(in_phase(host, "rollback"), check_mode=False)
    assert not Path(f"/proc/{pid}").exists()
    assert not ask(host.fleet.services[0].health).reached


def test_a_child_that_left_its_parent_is_found_and_killed(machine: Machine) -> None:
    host = machine.host("run-1", forks=True)
    start(host, check_mode=False)
    description = str(machine.daemon.programs / f"{NAME}.json")
    assert len(marked(description)) > 1
    evidence = hold(in_phase(host, "rollback"), check_mode=False)["evidence"]
    assert evidence["killed"] == [NAME]
    assert marked(description) == ()


def test_an_upgrade_and_its_rollback(machine: Machine) -> None:
    start(machine.host("run-1", version="1.0"), check_mode=False)
    new = machine.host("run-2", version="1.1")
    assert probe(new)["services"][NAME]["unit"] == "differs"
    was = hold(in_phase(new, "quiesce"), check_mode=False)["was"]
    assert was[NAME]["version"] == "1.0"
    assert start(new, check_mode=False)["services"][NAME]["version"] == "1.1"
    back = in_phase(new, "rollback", "1.0")
    hold(back, check_mode=False)
    with open_journal(back.fleet.run) as journal:
        assert units.restore(back, journal)
    assert start(back, check_mode=False)["services"][NAME]["version"] == "1.0"
    steady(back, check_mode=False)


def test_a_crash_loop_that_was_given_up_does_not_block_the_way_back(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def soon_given_up(*of: Any) -> dict[str, object]:
        return {**program(*of), "startretries": 1}

    monkeypatch.setattr(supervisor_config, "program", soon_given_up)
    start(machine.host("run-1", version="1.0"), check_mode=False)
    new = machine.host("run-2", version="1.1", dies_after=0.05)
    hold(in_phase(new, "quiesce"), check_mode=False)
    with pytest.raises(StepFailed, match="it died"):
        start(new, check_mode=False)
    until(lambda: new.manager.read([NAME])[NAME].result == "start-limit-hit")
    back = in_phase(new, "rollback", "1.0")
    hold(back, check_mode=False)
    with open_journal(back.fleet.run) as journal:
        assert units.restore(back, journal)
    assert start(back, check_mode=False)["services"][NAME]["version"] == "1.0"


def test_a_description_changed_by_hand_is_refused(machine: Machine) -> None:
    start(machine.host("run-1"), check_mode=False)
    later = machine.host("run-2")
    place = later.manager.unit_path(NAME)
    place.write_text(place.read_text().replace('"LANG"', '"LC_ALL"').replace("1.0", "0.9"))
    with pytest.raises(Refused, match="was changed by hand") as refused:
        probe(later)
    assert refused.value.code == 10
    assert ask(later.fleet.services[0].health).good


def test_a_rollback_of_a_first_installation_leaves_nothing_to_start(machine: Machine) -> None:
    host = machine.host("run-1")
    start(host, check_mode=False)
    back = in_phase(host, "rollback")
    hold(back, check_mode=False)
    with open_journal(back.fleet.run) as journal:
        units.restore(back, journal)
    assert not host.manager.read([NAME])[NAME].exists
    assert machine.daemon.call("getAllProcessInfo") == []


def test_after_a_reboot_nothing_runs_until_a_run_starts_it(machine: Machine) -> None:
    host = machine.host("run-1")
    start(host, check_mode=False)
    os.kill(read_pid(machine.daemon), signal.SIGKILL)
    host.manager.kill(NAME)
    until(lambda: not machine.daemon.alive and not host.manager.pids(NAME))
    state = host.manager.read([NAME])[NAME]
    assert state.exists
    assert state.stopped
    assert start(host, check_mode=False)["changed"]


def test_after_a_reboot_in_the_middle_of_a_run_nobody_starts_what_is_held(machine: Machine) -> None:
    start(machine.host("run-1", version="1.0"), check_mode=False)
    new = machine.host("run-2", version="1.1")
    hold(in_phase(new, "quiesce"), check_mode=False)
    os.kill(read_pid(machine.daemon), signal.SIGKILL)
    until(lambda: not machine.daemon.alive)
    new.manager.start(NAME)
    until(lambda: "held by the start guard" in "".join(new.manager.last_words(NAME)))
    assert guard_stands(new.fleet.run)
    assert not ask(new.fleet.services[0].health).reached
    assert start(new, check_mode=False)["services"][NAME]["version"] == "1.1"


def test_a_supervisord_whose_socket_was_removed_is_replaced(machine: Machine) -> None:
    host = machine.host("run-1")
    start(host, check_mode=False)
    orphan = read_pid(machine.daemon)
    machine.daemon.socket.unlink()
    hold(in_phase(host, "rollback"), check_mode=False)
    assert not ask(host.fleet.services[0].health).reached
    start(in_phase(host, "rollback"), check_mode=False)
    assert read_pid(machine.daemon) not in (0, orphan)
    assert not runs_with(orphan, str(machine.daemon.config))


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    machine = Machine(deep)
    host = machine.host("run-1")
    try:
        start(host, check_mode=False)
        folder = machine.daemon.socket.parent
        assert len(str(machine.daemon.socket)) < 60
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    finally:
        assert shutdown(machine.daemon, machine.pace)
    assert not folder.exists()


@pytest.mark.parametrize("planted", ["open directory", "link", "file"])
def test_a_planted_socket_directory_is_refused(planted: str, tmp_path: Path) -> None:
    machine = Machine(tmp_path / ("d" * 60) / ("e" * 60))
    folder = machine.daemon.socket.parent
    if planted == "open directory":
        folder.mkdir()
        folder.chmod(0o777)
    elif planted == "link":
        folder.symlink_to(tmp_path)
    else:
        folder.write_text("")
    try:
        with pytest.raises(StagegateError, match="not a private directory of ours"):
            ensure(machine.daemon, machine.pace)
    finally:
        folder.rmdir() if planted == "open directory" else folder.unlink()


@pytest.mark.parametrize("part", ["a;b", "a#b", "100%", "it's", 'a"b', "a\\b"])
def test_a_path_that_would_break_the_configuration_is_refused(part: str) -> None:
    with tempfile.TemporaryDirectory(prefix=part) as place:
        machine = Machine(Path(place))
        with pytest.raises(StagegateError, match="cannot be written"):
            ensure(machine.daemon, machine.pace)


def test_a_path_with_spaces_works(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "with a space")
    host = machine.host("run-1")
    try:
        assert start(host, check_mode=False)["services"][NAME]["version"] == "1.0"
    finally:
        shutdown(machine.daemon, machine.pace)


def test_shutdown_ends_everything_and_is_harmless_twice(machine: Machine) -> None:
    start(machine.host("run-1", forks=True), check_mode=False)
    assert shutdown(machine.daemon, machine.pace)
    assert read_pid(machine.daemon) == 0
    assert marked(str(machine.daemon.programs / f"{NAME}.json")) == ()
    assert not shutdown(machine.daemon, machine.pace)


def test_the_programs_inherit_nothing_of_the_controller(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_SECRET", "tweet")
    host = machine.host("run-1")
    pid = start(host, check_mode=False)["services"][NAME]["main_pid"]
    for process in (pid, read_pid(machine.daemon)):
        assert b"tweet" not in Path(f"/proc/{process}/environ").read_bytes()
    links = [str(f.readlink()) for f in Path(f"/proc/{pid}/fd").iterdir()]
    assert not [link for link in links if "ledger" in link or "step.lock" in link]


def test_a_missing_supervisor_package_is_told(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = shutil.which("python3", path="/usr/bin")
    if other is None or subprocess.run([other, "-I", "-c", "import supervisor"]).returncode == 0:
        pytest.skip("no interpreter without the package")
    monkeypatch.setattr(sys, "executable", other)
    with pytest.raises(StepFailed, match="supervisord does not start"):
        start(machine.host("run-1"), check_mode=False)
