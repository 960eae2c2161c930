"""The promises of the service driver under a real systemd, on a machine that can lose its power."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab, missing_requirements
from tests.lab.commands import wait_for
from tests.unit.service.helpers import APP, noun

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(missing_requirements()), reason=missing_requirements()),
]

CORE = Path(__file__).parents[3] / "plugins/module_utils/stagegate"
STATE = "/var/lib/stagegate/abathur"
UNIT = "/etc/systemd/system/abathur-api.service"
NAME = "abathur-api"

UNPACK = """
import base64, io, os, sys, tarfile
tarfile.open(fileobj=io.BytesIO(base64.b64decode(sys.stdin.read()))).extractall("/srv/lab")
os.sync()
"""
ACT = """
import json, sys
sys.path.insert(0, "/srv/lab")
from stagegate.errors import StagegateError
from stagegate.journal import Run
from stagegate.lock import Lock
from stagegate.service import actions
from stagegate.service.systemd import Systemd
params = json.load(sys.stdin)
lock = Lock(Run.from_params(params["run"]).state)
owner = lock.owner()
if owner is None or owner["run"] != params["run"]["id"]:
    lock.release()
    lock.state.mkdir(parents=True, exist_ok=True)
    lock.acquire(params["run"]["id"], {})
params["run"]["epoch"] = lock.epoch()
try:
    result = actions.act(params, False, lambda _: Systemd(), create_user=True)
except StagegateError as error:
    result = {"error": error.parts()}
print(json.dumps(result))
"""


def packed() -> str:
    """The core and the fixture application, as text."""
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w:gz") as archive:
        archive.add(CORE, "stagegate", filter=lambda m: None if "__pycache__" in m.name else m)
        archive.add(APP, "app.py")
    return base64.b64encode(output.getvalue()).decode()


class Services:
    """The services of a machine, as runs act on them."""

    def __init__(self, machine: Any) -> None:
        self.machine = machine

    def act(self, action: str, run: str, phase: str = "restart", **wish: Any) -> dict[str, Any]:
        """Do one action in a run; the result, or its error under ``error``."""
        version = wish.pop("expected", wish.get("version", "1.0"))
        health = {"ready_within": 8, **wish.pop("health", {})}
        extra = wish.pop("noun", {})
        command = ["/usr/bin/python3", "/srv/lab/app.py", "8000", json.dumps(wish)]
        params = {
            "action": action,
            "phase": phase,
            "version": version,
            "service_user": "abathur",
            "release_root": "/srv/abathur",
            "writable": ["/var/lib/abathur"],
            "run": {"id": run, "epoch": 0, "system": "abathur", "host": "m1", "state": STATE},
            "services": [noun(NAME, 8000, command=command, stop_within=1, health=health, **extra)],
        }
        done = self.machine.run("python3", "-B", "-c", ACT, given=json.dumps(params))
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        return result

    def deploy(self, run: str, **wish: Any) -> dict[str, Any]:
        """Hold and start."""
        assert "error" not in self.act("hold", run, "quiesce", **wish)
        return self.act("start", run, **wish)

    def shell(self, *argv: str) -> str:
        """What a program prints in the machine."""
        said: str = self.machine.run(*argv).stdout.strip()
        return said

    def active(self) -> bool:
        """Whether systemd calls the service active."""
        return self.shell("systemctl", "is-active", NAME) == "active"

    def health(self) -> str:
        """What the service answers, or nothing."""
        return self.shell("curl", "--silent", "--max-time", "2", "http://127.0.0.1:8000/health")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A machine that no shipped inventory names."""
    inventory = tmp_path_factory.mktemp("inventory")
    hosts = "lab:\n  hosts:\n    services1: {ansible_host: 10.77.0.231, lab_disk: 256M}\n"
    (inventory / "hosts.yml").write_text(hosts, encoding="utf-8")
    made = Lab().up(inventory, fresh=True)["services1"]
    made.run("mkdir", "-p", "/srv/lab")
    done = made.run("python3", "-c", UNPACK, given=packed())
    assert done.returncode == 0, done.stderr
    yield made
    Lab().down(inventory)


@pytest.fixture
def services(machine: Any) -> Services:
    """A machine on which nothing was ever deployed, but whose account exists."""
    machine.run("systemctl", "stop", NAME)
    machine.run("rm", "-rf", UNIT, f"{UNIT}.d", STATE, "/var/lib/abathur")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "reset-failed")
    made = Services(machine)
    assert "error" not in made.act("prepare", "run-0")
    return made


def test_prepares_the_account_and_its_directories_once(services: Services) -> None:
    assert services.act("prepare", "run-0") == {"changed": False, "created": []}
    assert services.shell("getent", "passwd", "abathur").endswith("/nologin")
    assert services.shell("stat", "-c", "%U %a", "/var/lib/abathur") == "abathur 700"
    assert services.shell("stat", "-c", "%U %a", "/srv/abathur/releases") == "root 755"


def test_a_first_installation_runs_restricted_and_comes_back_after_a_power_loss(
    services: Services,
) -> None:
    started = services.deploy("run-1")
    assert started["services"][NAME]["version"] == "1.0"
    assert services.shell("systemctl", "is-enabled", NAME) == "enabled"
    pid = str(started["services"][NAME]["main_pid"])
    status = services.shell("cat", f"/proc/{pid}/status")
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert "CapEff:\t0000000000000000" in status
    assert services.shell("ps", "-o", "user=", "-p", pid) == "abathur"
    services.machine.power_off()
    services.machine.power_on()
    wait_for(services.active, 20, "the service after boot")


def test_the_account_cannot_read_what_a_run_keeps(services: Services) -> None:
    services.deploy("run-1")
    for place in (f"{STATE}/ledger.jsonl", f"{STATE}/evidence", f"{STATE}/backups"):
        reading = ["runuser", "-u", "abathur", "--", "ls" if "." not in place else "cat", place]
        assert services.machine.run(*reading).returncode != 0
    for writing in (f"{STATE}/guard", f"{STATE}/ledger.jsonl", "/srv/abathur/releases/x"):
        touched = services.machine.run("runuser", "-u", "abathur", "--", "touch", writing)
        assert touched.returncode != 0


def test_a_held_service_starts_neither_by_hand_nor_by_a_reboot(services: Services) -> None:
    services.deploy("run-1")
    assert services.act("hold", "run-2", "quiesce")["was"][NAME]["version"] == "1.0"
    services.shell("systemctl", "start", NAME)
    assert not services.active()
    services.machine.power_off()
    services.machine.power_on()
    assert not services.active()
    assert services.health() == ""
    assert services.act("start", "run-2")["services"][NAME]["version"] == "1.0"


def test_a_process_that_ignores_the_request_is_killed_with_its_children(
    services: Services,
) -> None:
    services.deploy("run-1", ignores_term=True, forks=True)
    held = services.act("hold", "run-2", "quiesce", ignores_term=True, forks=True)
    assert "error" not in held
    assert services.shell("pgrep", "-f", "/srv/lab/app.py") == ""


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"dies_after": 0.3}, "it died"),
        ({"version": "0.9", "expected": "1.0"}, "it says that it is version 0.9"),
        ({"status": "degraded"}, "its status is degraded"),
        ({"health": {"ready_within": 1}, "listen": False}, "nothing listens there"),
        ({"noun": {"hardening": {"BindReadOnlyPaths": "/nowhere"}}}, "its check could not be run"),
    ],
)
def test_a_service_that_is_not_what_it_must_be_is_told_apart(
    wish: dict[str, Any], words: str, services: Services
) -> None:
    wish = {**wish, "health": {"ready_within": 2, **wish.get("health", {})}}
    failed = services.deploy("run-1", **wish)
    assert words in failed["error"]["what"]


def test_a_missing_program_is_an_exit_status_and_not_a_start(services: Services) -> None:
    services.act("hold", "run-1", "quiesce")
    services.machine.run("mv", "/srv/lab/app.py", "/srv/lab/app.moved")
    try:
        assert "it died" in services.act("start", "run-1")["error"]["what"]
    finally:
        services.machine.run("mv", "/srv/lab/app.moved", "/srv/lab/app.py")


def test_an_upgrade_goes_back_with_its_units(services: Services) -> None:
    services.deploy("run-1", version="1.0")
    old = services.shell("cat", UNIT)
    assert "error" not in services.deploy("run-2", version="1.1")
    assert services.shell("cat", UNIT) != old
    services.act("hold", "run-2", "rollback", version="1.1")
    assert services.act("restore", "run-2", "rollback", version="1.1")["changed"]
    assert services.shell("cat", UNIT) == old
    back = services.act("start", "run-2", "rollback", version="1.1", expected="1.0")
    assert back["services"][NAME]["version"] == "1.0"
    assert "error" not in services.act("steady", "run-2", "rollback", expected="1.0")


def test_a_first_installation_goes_back_to_nothing(services: Services) -> None:
    services.deploy("run-1")
    services.act("hold", "run-1", "rollback")
    services.act("restore", "run-1", "rollback")
    assert services.shell("systemctl", "show", "--value", "-p", "LoadState", NAME) == "not-found"
    assert services.machine.run("test", "-e", UNIT).returncode == 1


def test_the_start_limit_of_a_crash_loop_does_not_block_the_way_back(services: Services) -> None:
    services.deploy("run-1", version="1.0")
    services.deploy("run-2", version="1.1", dies_after=0.05)
    failed = ["systemctl", "is-failed", NAME]
    wait_for(lambda: services.shell(*failed) == "failed", 30, "the start limit")
    services.shell("systemctl", "start", NAME)
    assert "start-limit-hit" in services.shell("journalctl", "-u", NAME, "-o", "cat") or (
        "repeated too quickly" in services.shell("journalctl", "-u", NAME, "-o", "cat")
    )
    services.act("hold", "run-2", "rollback", version="1.1")
    services.act("restore", "run-2", "rollback", version="1.1")
    back = services.act("start", "run-2", "rollback", expected="1.0")
    assert back["services"][NAME]["version"] == "1.0"


@pytest.mark.parametrize("aside", ["restart", "kill"])
def test_a_restart_aside_is_seen_by_steady(aside: str, services: Services) -> None:
    services.deploy("run-1")
    before = services.health()
    signal = ["--signal=SIGKILL"] if aside == "kill" else []
    services.shell("systemctl", aside, *signal, NAME)
    wait_for(lambda: services.health() not in ("", before), 20, "the restarted service")
    fault = services.act("steady", "run-1", "admit")["error"]["what"]
    assert ("somebody else restarted it" if aside == "restart" else "it died") in fault


@pytest.mark.parametrize(
    "change",
    [
        lambda s: (s("mkdir", f"{UNIT}.d"), s("cp", "/etc/hostname", f"{UNIT}.d/a.conf")),
        lambda s: s("sed", "-i", "s/Restart=.*/Restart=no/", UNIT),
        lambda s: (s("rm", UNIT), s("ln", "-s", "/dev/null", UNIT)),
    ],
    ids=["drop-in", "edit", "mask"],
)
def test_a_unit_changed_by_hand_is_refused(
    change: Callable[[Callable[..., str]], object], services: Services
) -> None:
    services.deploy("run-1")
    assert services.act("probe", "run-2")["services"][NAME]["unit"] == "same"
    change(services.shell)
    services.shell("systemctl", "daemon-reload")
    assert services.act("probe", "run-2")["error"]["code"] == 10
