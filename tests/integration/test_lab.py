"""The lab keeps its promises: real machines, booted and broken."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import Lab, LabError, missing_requirements
from tests.lab.commands import wait_for
from tests.lab.mounts import loop_devices, mounts_below

PROJECT = Path(__file__).parents[2]
UNREACHABLE = 255

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(missing_requirements()), reason=missing_requirements()),
]

WRITE = """
import os, sys
with open(sys.argv[1], "w") as file:
    file.write(sys.argv[2])
    if sys.argv[3] == "sync":
        file.flush()
        os.fsync(file.fileno())
directory = os.open(os.path.dirname(sys.argv[1]), os.O_RDONLY)
os.fsync(directory) if sys.argv[3] == "sync" else None
"""


@pytest.fixture(scope="module")
def inventory(tmp_path_factory):
    """Two small machines that no shipped inventory names."""
    directory = tmp_path_factory.mktemp("inventory")
    (directory / "hosts.yml").write_text(
        "lab:\n  hosts:\n"
        "    promise1: {ansible_host: 10.77.0.241, lab_disk: 256M}\n"
        "    promise2: {ansible_host: 10.77.0.242, lab_disk: 256M}\n",
        encoding="utf-8",
    )
    yield directory
    Lab().down(directory)


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """The inventory of another set of tests: one machine that has every server."""
    directory = tmp_path_factory.mktemp("servers")
    (directory / "hosts.yml").write_text(
        "lab:\n  hosts:\n    servers1:\n      ansible_host: 10.77.0.243\n      lab_disk: 512M\n"
        "      lab_units: [haproxy, postgresql, redis-server]\n",
        encoding="utf-8",
    )
    yield directory
    Lab().down(directory)


@pytest.fixture
def machine(inventory):
    """A machine that works, on whatever disk the test before left it."""
    return Lab().up(inventory)["promise1"]


def write(machine, path, text, *, sync):
    done = machine.run("python3", "-c", WRITE, path, text, "sync" if sync else "")
    assert done.returncode == 0, done.stderr


def read(machine, path):
    return machine.run("cat", path).stdout


def boot_id(machine):
    return read(machine, "/proc/sys/kernel/random/boot_id")


def traces(name):
    """Everything on this side that belongs to a machine."""
    directory = Lab().home.machine(name).directory
    namespaces = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True).stdout
    return [
        *mounts_below(directory),
        *loop_devices(directory / "disk.img"),
        *(word for word in namespaces.split() if word == f"lab-{name}"),
        *(word for word in links.split() if word.startswith(f"v-{name}@")),
        *Path("/sys/fs/cgroup").glob(f"*/stagegate-lab/{name}"),
        *Path("/sys/fs/cgroup").glob(f"stagegate-lab/{name}"),
        *([directory] if directory.exists() else []),
    ]


def test_power_loss_takes_what_was_not_synced_and_nothing_else(machine):
    write(machine, "/srv/synced", "kept", sync=True)
    write(machine, "/srv/unsynced", "lost", sync=False)
    before = boot_id(machine)
    machine.power_off()
    assert machine.state() == "off"
    machine.power_on()
    assert boot_id(machine) != before
    assert read(machine, "/srv/synced") == "kept"
    assert read(machine, "/srv/unsynced") == ""


def test_a_clean_stop_loses_nothing(machine):
    write(machine, "/srv/unsynced", "kept", sync=False)
    machine.stop()
    assert machine.state() == "off"
    machine.power_on()
    assert read(machine, "/srv/unsynced") == "kept"


def test_a_machine_can_reboot_itself(machine):
    before = boot_id(machine)
    machine.run("systemctl", "reboot")
    wait_for(lambda: boot_id(machine) not in ("", before), 30, "the machine's reboot")


def test_a_cut_machine_is_silent_and_goes_on(machine):
    before = boot_id(machine)
    machine.cut()
    assert machine.state() == "cut"
    assert machine.ssh("true").returncode == UNREACHABLE
    machine.heal()
    assert machine.ssh("true").returncode == 0
    assert boot_id(machine) == before


def test_a_full_disk_is_full_until_there_is_room_again(machine):
    left = machine.fill("/srv", leave=2**20)
    assert 2**20 <= left < 2**20 + 4096
    two_megabytes = ["dd", "if=/dev/zero", "of=/srv/big", "bs=1M", "count=2", "conv=fsync"]
    assert "No space left on device" in machine.run(*two_megabytes).stderr
    assert machine.fill("/srv") < 4096
    machine.unfill()
    assert machine.run(*two_megabytes).returncode == 0


def test_neither_ballast_nor_its_removal_is_lost_with_the_power(machine):
    machine.fill("/srv")
    machine.power_off()
    machine.power_on()
    assert machine.run("dd", "if=/dev/zero", "of=/srv/big2", "bs=1M", "count=2").returncode != 0
    machine.unfill()
    machine.power_off()
    machine.power_on()
    assert machine.run("dd", "if=/dev/zero", "of=/srv/big2", "bs=1M", "count=2").returncode == 0


SERVICE = ["--property=ProtectSystem=strict", "--property=ReadWritePaths=/srv", "--collect"]
TRY = "until test -e /run/go-%s; do sleep .05; done; touch /srv/%s; echo $? > /run/tried-%s"


def start_service(machine, name):
    """Start a sandboxed service that tries to write when told, and says how that went."""
    script = TRY.replace("%s", name)
    sandbox = [*SERVICE, "--property=ReadWritePaths=/run", f"--unit={name}"]
    assert machine.run("systemd-run", *sandbox, "sh", "-c", script).returncode == 0


def outcome(machine, name):
    machine.run("touch", f"/run/go-{name}")
    wait_for(lambda: read(machine, f"/run/tried-{name}") != "", 10, f"the try of {name}")
    return read(machine, f"/run/tried-{name}").strip()


def test_a_read_only_directory_is_so_for_sandboxed_services_too(machine):
    machine.power_off()
    machine.power_on()
    start_service(machine, "before")
    start_service(machine, "outlives")
    machine.make_read_only("/srv")
    start_service(machine, "during")
    start_service(machine, "during-outlives")
    assert "Read-only file system" in machine.run("touch", "/srv/here").stderr
    assert outcome(machine, "before") == "1"
    assert outcome(machine, "during") == "1"
    machine.make_writable()
    assert machine.run("touch", "/srv/here").returncode == 0
    assert outcome(machine, "outlives") == "0"
    assert outcome(machine, "during-outlives") == "0"


def test_a_snapshot_is_the_disk_of_a_power_loss(machine, tmp_path):
    write(machine, "/srv/state", "then", sync=True)
    write(machine, "/srv/memory", "unsynced", sync=False)
    before = boot_id(machine)
    machine.snapshot(tmp_path / "disk")
    write(machine, "/srv/state", "later", sync=True)
    assert boot_id(machine) == before
    assert read(machine, "/srv/memory") == "unsynced"
    machine.restore(tmp_path / "disk")
    assert read(machine, "/srv/state") == "then"
    assert read(machine, "/srv/memory") == ""


def test_a_disk_of_another_machine_is_refused(machine, inventory, tmp_path):
    Lab().up(inventory)["promise2"].snapshot(tmp_path / "disk")
    before = boot_id(machine)
    with pytest.raises(LabError, match="a disk of promise2"):
        machine.restore(tmp_path / "disk")
    assert boot_id(machine) == before


def test_a_machine_asked_for_anew_with_another_disk_is_not_touched(machine, inventory, tmp_path):
    before = boot_id(machine)
    text = (inventory / "hosts.yml").read_text(encoding="utf-8")
    (tmp_path / "hosts.yml").write_text(text.replace("256M", "128M"), encoding="utf-8")
    with pytest.raises(LabError, match="--fresh"):
        Lab().up(tmp_path)
    assert boot_id(machine) == before


def killed(verb, seconds):
    """Run a verb of the command line and kill it after some seconds, unless it ends before."""
    process = subprocess.Popen([sys.executable, "-m", "tests.lab", *verb], cwd=PROJECT)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("seconds", [0.12, 0.18, 0.25, 0.35, 0.5])
def test_a_killed_up_and_a_killed_power_off_are_finished_by_the_next_up(inventory, seconds):
    lab = Lab()
    lab.down(inventory)
    killed(["up", "--inventory", str(inventory)], seconds)
    machines = lab.up(inventory)
    killed(["power-off", "promise1"], seconds)
    lab.up(inventory)
    assert [machine.ssh("true").returncode for machine in machines.values()] == [0, 0]


@pytest.mark.parametrize("seconds", [0.12, 0.18, 0.25, 0.35])
def test_down_leaves_nothing_even_when_the_one_before_was_killed(inventory, seconds):
    lab = Lab()
    lab.up(inventory)
    killed(["down", "--inventory", str(inventory)], seconds)
    lab.down(inventory)
    assert traces("promise1") == traces("promise2") == []


RUNNING = ("haproxy", "postgresql@15-main", "redis-server")


def sql(machine, text):
    psql = ["runuser", "-u", "postgres", "--", "psql", "-qAtX", "-v", "ON_ERROR_STOP=1"]
    done = machine.run(*psql, given=text)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_a_machine_runs_the_servers_it_asks_for_and_no_others(machine, servers):
    asked = Lab().up(servers)["servers1"]
    assert asked.run("systemctl", "is-active", *RUNNING).stdout.split() == ["active"] * 3
    assert machine.run("systemctl", "is-active", *RUNNING).stdout.split() == ["inactive"] * 3
    assert asked.run("redis-cli", "ping").stdout.strip() == "PONG"


def test_nothing_in_the_image_is_one_host_s_own(servers):
    Lab().up(servers)
    tree = Lab().home.tree
    own = ["etc/ssl/private/*", "etc/ssh/ssh_host_*", "etc/postgresql/*", "var/lib/postgresql/*"]
    assert [str(path) for pattern in own for path in tree.glob(pattern)] == []


def test_a_power_loss_takes_from_a_database_what_was_not_synced(servers):
    machine = Lab().up(servers)["servers1"]
    sql(machine, "CREATE TABLE promise (n int); ALTER SYSTEM SET wal_writer_delay = '10s';")
    machine.run("systemctl", "restart", "postgresql@15-main")
    sql(machine, "INSERT INTO promise VALUES (1)")
    sql(machine, "SET synchronous_commit = off; INSERT INTO promise VALUES (2)")
    assert sql(machine, "SELECT n FROM promise") == ["1", "2"]
    machine.power_off()
    machine.power_on()
    assert sql(machine, "SELECT n FROM promise") == ["1"]


def test_a_power_loss_leaves_a_cache_what_was_synced(servers):
    machine = Lab().up(servers)["servers1"]
    machine.run(
        "tee", "-a", "/etc/redis/redis.conf", given="\nappendonly yes\nappendfsync always\n"
    )
    machine.run("systemctl", "restart", "redis-server")
    assert machine.run("redis-cli", "set", "kept", "yes").stdout.strip() == "OK"
    machine.power_off()
    machine.power_on()
    assert machine.run("redis-cli", "get", "kept").stdout.strip() == "yes"


@pytest.mark.parametrize("seconds", [0.6, 1.2, 2.0])
def test_a_cluster_that_lost_its_power_half_made_is_made_anew(servers, seconds):
    lab = Lab()
    lab.down(servers)
    killed(["up", "--inventory", str(servers)], seconds)
    lab.machine("servers1").power_off()
    machine = lab.up(servers)["servers1"]
    assert sql(machine, "SHOW server_encoding") == ["UTF8"]
    made = sql(machine, "SELECT system_identifier FROM pg_control_system()")
    machine.power_off()
    machine.power_on()
    assert sql(machine, "SELECT system_identifier FROM pg_control_system()") == made


def test_the_end_of_one_set_of_machines_does_not_disturb_another(machine, servers, tmp_path):
    lab = Lab()
    lab.up(servers)
    before, key = boot_id(machine), lab.home.key.read_bytes()
    lab.down(servers)
    assert boot_id(machine) == before
    shutil.copy(servers / "hosts.yml", tmp_path)
    for directory in (servers, tmp_path):
        lab.down(directory)
    assert (lab.home.key.read_bytes(), lab.home.ssh_config.exists()) == (key, True)


def test_an_address_that_another_machine_has_is_refused(machine, tmp_path):
    before = boot_id(machine)
    hosts = f"lab: {{hosts: {{intruder: {{ansible_host: {machine.address}}}}}}}"
    (tmp_path / "hosts.yml").write_text(hosts, encoding="utf-8")
    with pytest.raises(LabError, match="promise1 and intruder have one address"):
        Lab().up(tmp_path)
    assert boot_id(machine) == before
    assert traces("intruder") == []
