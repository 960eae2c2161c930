"""Who deploys is not root: one command line by sudo, which is logged, and nothing else."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import Lab, missing_requirements
from tests.lab.inside import UNREACHABLE

PROJECT = Path(__file__).parents[2]
CONNECTION = PROJECT / "inventories/staging/group_vars/abathur/connection.yml"

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(bool(missing_requirements()), reason=missing_requirements()),
]

MARK = "BECOME-SUCCESS-" + "abcdefghijklmnop" * 2
ALLOWED = f"echo {MARK} ; /usr/bin/python3"
# Each would leave this file, or print what root alone can read, if it were root's for a moment.
TRACE = "/var/lib/was-root"
TOUCH = f"touch {TRACE}"
REFUSED = [
    ["id"],
    ["-i"],
    ["-s"],
    ["bash", "-c", TOUCH],
    ["sh", "-c", TOUCH],
    ["cat", "/etc/shadow"],
    ["/usr/bin/python3"],
    ["/usr/bin/python3", "-c", f"open('{TRACE}', 'w')"],
    ["env", TOUCH],
    ["su", "-c", TOUCH],
    ["systemctl", "stop", "ssh"],
    ["systemd-run", "touch", TRACE],
    ["cp", "/etc/shadow", "/home/deploy/shadow"],
    ["tee", TRACE],
    ["find", "/", "-maxdepth", "0", "-exec", "touch", TRACE, ";"],
    ["chmod", "u+s", "/bin/sh"],
    ["chown", "deploy", "/etc/shadow"],
    ["mount", "--bind", "/etc", "/mnt"],
    ["visudo", "-c"],
    ["-e", "/etc/sudoers.d/stagegate"],
    ["-u", "postgres", "id"],
    ["-g", "shadow", "cat", "/etc/shadow"],
    # The allowed line, and something that is not it.
    ["-u", "postgres", "/bin/sh", "-c", ALLOWED],
    ["-D", "/tmp", "/bin/sh", "-c", ALLOWED],
    ["-R", "/home/deploy", "/bin/sh", "-c", ALLOWED],
    ["PYTHONSTARTUP=/home/deploy/x", "/bin/sh", "-c", ALLOWED],
    ["LD_PRELOAD=/home/deploy/x.so", "/bin/sh", "-c", ALLOWED],
    ["-E", "/bin/sh", "-c", ALLOWED],
    ["/bin/bash", "-c", ALLOWED],
    ["/home/deploy/sh", "-c", ALLOWED],
    ["/bin/sh", "-c", f"{ALLOWED} ; {TOUCH}"],
    ["/bin/sh", "-c", f"{ALLOWED}\n{TOUCH}"],
    ["/bin/sh", "-c", f"{TOUCH}\n{ALLOWED}"],
    ["/bin/sh", "-c", f"{ALLOWED}\n"],
    ["/bin/sh", "-c", f"{TOUCH} ; {ALLOWED}"],
    ["/bin/sh", "-c", f"{ALLOWED} -c 1"],
    ["/bin/sh", "-c", ALLOWED, "more"],
    ["/bin/sh", "-e", "-c", ALLOWED],
    ["/bin/sh", "-c", ALLOWED.replace("python3", "python3.11")],
    ["/bin/sh", "-c", ALLOWED.replace("/usr/bin", "/home/deploy")],
    ["/bin/sh", "-c", ALLOWED.replace("/usr/bin/", "")],
    ["/bin/sh", "-c", f"echo $({TOUCH}) ; /usr/bin/python3"],
    ["/bin/sh", "-c", ALLOWED.replace(MARK, f"BECOME-SUCCESS-$({TOUCH})")],
    ["/bin/sh", "-c", ALLOWED.replace(MARK, MARK.upper())],
    ["/bin/sh", "-c", ALLOWED.replace(MARK, MARK + "q")],
]
# What sudo cannot tell from the allowed line, because it joins the words by spaces before it looks.
TAKEN_APART = [
    ["/bin/sh", "-c", f"echo {MARK}", ";", "/usr/bin/python3"],
    ["/bin/sh", "-c", "echo", MARK, "; /usr/bin/python3"],
    ["/bin/sh", "-c echo", MARK, ";", "/usr/bin/python3"],
    ["/bin/sh", f"-c {ALLOWED}"],
]
PROGRAM = f"open({TRACE!r}, 'w').close()"
TRY = """
import json, subprocess, sys
told = json.load(sys.stdin)
done = [
    subprocess.run(["sudo", "-n", *words], input=told["program"], capture_output=True, text=True)
    for words in told["calls"]
]
print(json.dumps([[d.returncode, d.stdout, d.stderr] for d in done]))
"""


@pytest.fixture(scope="module")
def inventory(tmp_path_factory):
    """One machine that no shipped inventory names, reached as the shipped ones are."""
    directory = tmp_path_factory.mktemp("inventory")
    (directory / "hosts.yml").write_text(
        "lab: {hosts: {deployed1: {ansible_host: 10.77.0.244, lab_disk: 256M}}}\n",
        encoding="utf-8",
    )
    (directory / "group_vars").mkdir()
    shutil.copy(CONNECTION, directory / "group_vars/lab.yml")
    yield directory
    Lab().down(directory)


@pytest.fixture
def machine(inventory):
    """A machine on which nobody was root."""
    made = Lab().up(inventory)["deployed1"]
    made.run("rm", "-f", TRACE)
    return made


def sudo(machine, calls, program=""):
    """Call sudo as who deploys; status, output and errors of each call."""
    told = json.dumps({"calls": calls, "program": program})
    done = machine.ssh("python3", "-c", TRY, given=told)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def was_root(machine):
    return machine.run("test", "-e", TRACE).returncode == 0


def ansible(inventory, place, *arguments):
    """One task of Ansible on the machine, as the deployments do theirs."""
    program = str(Path(sys.executable).with_name("ansible"))
    said = [program, "all", "-i", str(inventory), *arguments]
    told = {"ansible_control_path_dir": str(place)}  # no connection that is already open
    return subprocess.run(
        [*said, "-e", json.dumps(told)],
        cwd=PROJECT,
        env={
            "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
            "PATH": "/usr/bin:/bin",
            "HOME": "/root",
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_rules_are_well_formed_and_root_s(machine):
    checked = machine.run("visudo", "--check", "--strict")
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
    stat = machine.run(
        "stat", "-c", "%U %a", "/etc/sudoers.d/stagegate", "/etc/ssh/authorized_keys/deploy"
    )
    assert stat.stdout.split() == ["root", "440", "root", "644"]


def test_a_module_s_interpreter_is_the_one_thing_that_runs_as_root(machine):
    (done,) = sudo(machine, [["-H", "-u", "root", "/bin/sh", "-c", ALLOWED]], PROGRAM)
    assert done == [0, f"{MARK}\n", ""]
    assert was_root(machine)


def test_every_other_command_is_refused_and_logged(machine):
    done = sudo(machine, REFUSED, PROGRAM)
    allowed = [call for call, (status, _, _) in zip(REFUSED, done) if status == 0]
    assert allowed == []
    assert [out for _, out, _ in done if out] == []
    assert not was_root(machine)
    assert machine.run("test", "-e", "/home/deploy/shadow").returncode != 0
    logged = machine.run("journalctl", "--identifier=sudo", "--output=cat").stdout
    assert logged.count("not allowed") >= len(REFUSED), logged


def test_the_allowed_line_taken_apart_runs_no_module(machine):
    done = sudo(machine, TAKEN_APART, PROGRAM)
    assert not was_root(machine), done
    assert {out.strip() for _, out, _ in done} <= {"", MARK}


def test_no_other_way_leads_to_root(machine):
    for argv in (["su", "-c", TOUCH], ["runuser", "-u", "root", "--", "touch", TRACE]):
        assert machine.ssh(*argv, given="\nroot\ndeploy\n").returncode != 0
    assert not was_root(machine)
    for account, method in (("root", "publickey"), ("root", "password"), ("deploy", "password")):
        entered = subprocess.run(
            [
                "ssh",
                "-F",
                machine.home.ssh_config,
                f"-oPreferredAuthentications={method}",
                "-l",
                account,
                machine.name,
                "true",
            ],
            capture_output=True,
            text=True,
        )
        assert (entered.returncode, "Permission denied (publickey)" in entered.stderr) == (
            UNREACHABLE,
            True,
        )
    shut = machine.ssh("sh", "-c", "echo x >> /etc/ssh/authorized_keys/deploy")
    assert "Permission denied" in shut.stderr


def test_ansible_works_through_it_and_is_logged(machine, inventory, tmp_path):
    written = ansible(
        inventory, tmp_path, "-m", "ansible.builtin.copy", "-a", f"content=x dest={TRACE} mode=0600"
    )
    assert written.returncode == 0, written.stdout + written.stderr
    assert machine.run("stat", "-c", "%U %a", TRACE).stdout.strip() == "root 600"
    assert machine.ssh("cat", TRACE).returncode != 0
    logged = machine.run("journalctl", "--identifier=sudo", "--output=cat").stdout
    assert "COMMAND=/bin/sh -c 'echo BECOME-SUCCESS-" in logged


SMOKE = """
def test_commands_are_those_of_the_account(host):
    assert host.check_output("id -un; id -Gn; pwd; echo $HOME; umask").split() == [
        "postgres", "postgres", "ssl-cert", "/", "/var/lib/postgresql", "0022"]
    done = host.run("cat; printf %s; echo oops >&2; exit 3", "a 'b' \\u00e4")
    assert (done.rc, done.stdout, done.stderr) == (3, "a 'b' \\u00e4", "oops\\n")
    assert host.file("/var/lib/postgresql").user == "postgres"
    assert host.run("cat /etc/shadow").rc == 1
    assert host.run("exec python3 -c 'import os; os.setuid(0)'").rc == 1
"""


def test_smoke_tests_have_the_rights_of_the_service_and_no_more(machine, tmp_path):
    (tmp_path / "test_host.py").write_text(SMOKE, encoding="utf-8")
    where = f"become://deploy@{machine.address}?sudo_user=postgres"
    argv = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "stagegate_become", "-p", "no:cacheprovider"),
        *(f"--hosts={where}", f"--ssh-config={machine.home.ssh_config}"),
        *("--rootdir", str(tmp_path), str(tmp_path)),
    ]
    known = {"PYTHONPATH": str(PROJECT / "plugins/testinfra"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(argv, env=known, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ansible_s_ways_around_modules_are_refused(machine, inventory, tmp_path):
    refused = ansible(inventory, tmp_path, "-m", "ansible.builtin.raw", "-a", TOUCH)
    assert refused.returncode != 0, refused.stdout
    assert not was_root(machine)


def test_a_refusal_of_sudo_is_a_lost_host(machine, inventory, tmp_path):
    for rule in ("deploy ALL = (root) !ALL\n", ""):
        machine.run("tee", "/etc/sudoers.d/stagegate", given=f"# narrowed\n{rule}")
        lost = ansible(inventory, tmp_path, "-m", "ansible.builtin.command", "-a", TOUCH)
        assert (lost.returncode, "UNREACHABLE" in lost.stdout) == (4, True), lost.stdout
        assert "sudo refuses to start a module" in lost.stdout
    shipped = (PROJECT / "examples/hosts/sudoers").read_text(encoding="utf-8")
    machine.run("tee", "/etc/sudoers.d/stagegate", given=shipped)
    back = ansible(inventory, tmp_path, "-m", "ansible.builtin.command", "-a", TOUCH)
    assert back.returncode == 0, back.stdout
    assert was_root(machine)


def test_a_host_whose_key_changed_is_refused_before_anything(machine, inventory, tmp_path):
    key = "/etc/ssh/ssh_host_ed25519_key"
    machine.run("rm", key, f"{key}.pub")
    machine.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    machine.run("systemctl", "restart", "ssh")
    before = machine.run("journalctl", "--identifier=sshd", "--output=cat").stdout.count("Accepted")
    entered = machine.ssh("true")
    assert (entered.returncode, "Host key verification failed" in entered.stderr) == (
        UNREACHABLE,
        True,
    )
    lost = ansible(
        inventory, tmp_path, "-m", "ansible.builtin.copy", "-a", f"content=x dest={TRACE} mode=0600"
    )
    assert (lost.returncode, "UNREACHABLE" in lost.stdout) == (4, True), lost.stdout
    assert "Host key verification failed" in lost.stdout
    log = machine.run("journalctl", "--identifier=sshd", "--output=cat").stdout
    assert log.count("Accepted") == before
    assert not was_root(machine)
    Lab().down(inventory)
