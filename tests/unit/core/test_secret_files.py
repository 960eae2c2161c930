"""Files with secrets are placed and put back, and what they hold is told nowhere."""

from __future__ import annotations

import json
import os
import pwd
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stagegate import secret_files
from stagegate.errors import BadInput, Refused, StepFailed
from stagegate.ledger import read_ledger
from stagegate.lock import Lock
from tests.forked import fork

ROOT = Path(__file__).parents[3]
ME = pwd.getpwuid(os.geteuid()).pw_name
FIRST, SECOND = "canary-one-5f1d", "canary-two-88aa\nwith 'quotes' and \"lines\"\n"


class Host:
    """A host of one system, and the module's actions on it in a run."""

    def __init__(self, place: Path) -> None:
        self.state = place / "state"
        self.state.mkdir()
        self.etc = place / "etc" / "system"
        self.run = self.begin("run-1")

    def begin(self, name: str) -> dict[str, Any]:
        """Begin a run; it holds the system from now on."""
        lock = Lock(self.state)
        if lock.owner() is not None:
            lock.release()
        epoch = lock.acquire(name, {})
        self.run = {"id": name, "epoch": epoch, "system": "sparkle", "host": "app1"}
        self.run["state"] = str(self.state)
        return self.run

    def act(self, action: str, check_mode: bool = False, **contents: str) -> dict[str, Any]:
        """Do one action with secrets for the account of the tests, by file name."""
        params = {
            "action": action,
            "run": self.run,
            "paths": [str(self.etc / name) for name in contents],
            "owners": [ME] * len(contents),
            "contents": list(contents.values()),
        }
        return secret_files.act(params, check_mode)

    def read(self) -> dict[str, str]:
        """What lies in the folder."""
        return {path.name: path.read_text() for path in self.etc.glob("*")}

    def steps(self) -> list[str]:
        """The ledger in words."""
        entries = read_ledger(self.state / "ledger.jsonl").entries
        return [f"{entry.phase}.{entry.step} {entry.kind}" for entry in entries]

    def entry(self) -> Any:
        """The last entry of the ledger."""
        return read_ledger(self.state / "ledger.jsonl").entries[-1]


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host on which nothing was ever placed."""
    return Host(tmp_path)


def test_places_files_for_one_account_and_nothing_the_second_time(host: Host) -> None:
    assert host.act("probe", a=FIRST)["files"] == {str(host.etc / "a"): "missing"}
    assert host.act("place", a=FIRST, b=SECOND)["changed"]
    assert host.read() == {"a": FIRST, "b": SECOND}
    assert stat.S_IMODE((host.etc / "a").stat().st_mode) == 0o600
    assert stat.S_IMODE(host.etc.stat().st_mode) == 0o755
    written = host.steps()
    assert not host.act("place", a=FIRST, b=SECOND)["changed"]
    assert host.read() == {"a": FIRST, "b": SECOND}
    host.begin("run-2")
    assert not host.act("place", a=FIRST, b=SECOND)["changed"]
    assert len(host.steps()) == len(written) + 2  # run-1 looked again, run-2 had nothing to do
    assert set(host.act("probe", a=FIRST, b="new")["files"].values()) == {"same", "differs"}


def test_check_mode_names_what_is_wrong_and_writes_nothing(host: Host) -> None:
    host.act("place", a=FIRST)
    written = host.steps()
    assert host.act("place", check_mode=True, a=SECOND)["files"] == [str(host.etc / "a")]
    assert host.act("restore", check_mode=True)["files"] == [str(host.etc / "a")]
    assert (host.read(), host.steps()) == ({"a": FIRST}, written)


def test_a_mode_or_an_owner_that_is_wrong_is_put_right(host: Host) -> None:
    host.act("place", a=FIRST)
    (host.etc / "a").chmod(0o644)
    assert host.act("probe", a=FIRST)["files"] == {str(host.etc / "a"): "differs"}
    assert host.act("place", a=FIRST)["changed"]
    assert stat.S_IMODE((host.etc / "a").stat().st_mode) == 0o600


def test_the_ledger_has_paths_and_keyed_digests_only(host: Host) -> None:
    host.act("place", a=FIRST)
    text = (host.state / "ledger.jsonl").read_text()
    file = host.entry().state["files"][str(host.etc / "a")]
    assert FIRST not in text
    for guess in secret_files.hashlib.algorithms_guaranteed - {"shake_128", "shake_256"}:
        assert secret_files.hashlib.new(guess, FIRST.encode()).hexdigest() not in text
    salt = (host.state / "evidence/run-1/secrets/salt").read_bytes()
    secret = secret_files.Secret(host.etc / "a", ME, FIRST.encode())
    assert file == {"now": secret_files.keyed(salt, str(secret.path), secret), "former": None}
    assert file["now"] != secret_files.keyed(b"", str(secret.path), secret)
    assert FIRST not in repr(secret)


def test_a_first_placing_goes_back_to_nothing(host: Host) -> None:
    host.act("place", a=FIRST)
    assert host.act("restore")["changed"]
    assert host.read() == {}
    assert not host.act("restore")["changed"]
    assert host.entry().state == {"files": {str(host.etc / "a"): None}}


def test_a_change_goes_back_with_mode_and_content(host: Host) -> None:
    host.act("place", a=FIRST, b=FIRST)
    (host.etc / "b").write_text("by hand")
    (host.etc / "b").chmod(0o640)
    host.begin("run-2")
    host.act("place", a=SECOND, b=FIRST)
    kept = host.state / "evidence/run-2/secrets"
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept.iterdir()} == {0o600}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    host.act("restore")
    assert host.read() == {"a": FIRST, "b": "by hand"}
    assert stat.S_IMODE((host.etc / "b").stat().st_mode) == 0o640


def test_a_run_that_placed_nothing_puts_nothing_back(host: Host) -> None:
    host.act("place", a=FIRST)
    host.begin("run-2")
    assert host.act("restore") == {"changed": False, "files": []}
    assert host.read() == {"a": FIRST}


def test_what_nobody_wants_any_more_is_removed_and_can_come_back(host: Host) -> None:
    host.act("place", a=FIRST, b=SECOND)
    host.begin("run-2")
    host.act("place", b=SECOND)
    assert host.read() == {"b": SECOND}
    host.act("restore")
    assert host.read() == {"a": FIRST, "b": SECOND}
    host.begin("run-3")
    host.act("place")
    assert host.read() == {}


def test_what_a_person_placed_is_never_removed(host: Host) -> None:
    host.etc.mkdir(parents=True)
    (host.etc / "mine").write_text("by hand")
    host.act("place", mine=FIRST)
    host.act("restore")
    host.begin("run-2")
    host.act("place", a=FIRST)
    assert host.read() == {"mine": "by hand", "a": FIRST}


def test_a_kept_file_that_was_changed_is_not_put_back(host: Host) -> None:
    host.act("place", a=FIRST, b=FIRST)
    host.begin("run-2")
    host.act("place", a=SECOND, b=SECOND)
    next((host.state / "evidence/run-2/secrets").glob("*-b")).write_text("changed")
    with pytest.raises(StepFailed, match="missing or changed"):
        host.act("restore")
    assert host.read() == {"a": SECOND, "b": SECOND}


@pytest.mark.parametrize("writes", [0, 1])
@pytest.mark.parametrize("action", ["place", "restore"])
def test_a_run_that_was_killed_between_two_files_is_finished(
    action: str, writes: int, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.act("place", a=FIRST, b=FIRST)
    host.begin("run-2")
    if action == "restore":
        host.act("place", a=SECOND, b=SECOND)
    real, done = secret_files.write_file, []

    def dying(*args: Any) -> None:
        if len(done) == writes:
            os._exit(9)
        done.append(real(*args))

    wanted = {"a": SECOND, "b": SECOND} if action == "place" else {}

    def act() -> None:
        monkeypatch.setattr(secret_files, "write_file", dying)
        host.act(action, **wanted)

    assert os.waitstatus_to_exitcode(os.waitpid(fork(act), 0)[1]) == 9
    host.act("place", a=SECOND, b=SECOND)
    assert host.read() == {"a": SECOND, "b": SECOND}
    host.act("restore")
    assert host.read() == {"a": FIRST, "b": FIRST}


def planted_link(etc: Path) -> None:
    etc.mkdir(parents=True)
    (etc / "a").symlink_to("/etc/hostname")


def second_name(etc: Path) -> None:
    etc.mkdir(parents=True)
    (etc.parent / "theirs").write_text("theirs")
    (etc / "a").hardlink_to(etc.parent / "theirs")


def pipe(etc: Path) -> None:
    etc.mkdir(parents=True)
    os.mkfifo(etc / "a")


def folder(etc: Path) -> None:
    (etc / "a").mkdir(parents=True)


def linked_folder(etc: Path) -> None:
    etc.parent.mkdir()
    etc.symlink_to("/etc")


def open_folder(etc: Path) -> None:
    etc.mkdir(parents=True)
    etc.chmod(0o777)


def large(etc: Path) -> None:
    etc.mkdir(parents=True)
    (etc / "a").write_bytes(b"x" * 65537)


@pytest.mark.parametrize(
    "planted", [planted_link, second_name, pipe, folder, linked_folder, open_folder, large]
)
def test_a_place_that_somebody_else_prepared_is_refused(
    planted: Callable[[Path], None], host: Host
) -> None:
    planted(host.etc)
    with pytest.raises(Refused):
        host.act("probe", a=FIRST)
    with pytest.raises(StepFailed):
        host.act("place", a=FIRST)
    assert not list(host.etc.parent.rglob("*.stagegate"))
    assert not any(FIRST in p.read_text() for p in host.etc.parent.rglob("*") if p.is_file())


def test_a_planted_name_beside_the_file_is_not_written_through(host: Host) -> None:
    host.etc.mkdir(parents=True)
    (host.etc / ".a.stagegate").symlink_to(host.etc.parent / "theirs")
    host.act("place", a=FIRST)
    assert host.read() == {"a": FIRST}
    assert not (host.etc.parent / "theirs").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"owners": []}, "needs a path"),
        ({"paths": ["/etc/../a"]}, "no absolute, normal path"),
        ({"paths": ["a"]}, "no absolute, normal path"),
        ({"paths": ["/"]}, "no absolute, normal path"),
        ({"paths": ["/a", "/a"], "owners": [ME] * 2, "contents": [FIRST] * 2}, "stands twice"),
        ({"owners": ["-u root"]}, "no account"),
        ({"contents": [FIRST * 10000]}, "larger than"),
    ],
)
def test_bad_input_is_told_without_the_content(
    change: dict[str, Any], words: str, host: Host
) -> None:
    params = {"paths": ["/a"], "owners": [ME], "contents": [FIRST], **change}
    with pytest.raises(BadInput, match=words) as caught:
        secret_files.read_secrets(params)
    assert FIRST not in str(caught.value.parts())


def test_an_account_that_does_not_exist_is_told(host: Host) -> None:
    params = {"run": host.run, "paths": [str(host.etc / "a")], "contents": [FIRST]}
    params["owners"] = ["stagegate-absent"]
    assert secret_files.act({**params, "action": "probe"}, False)["files"]
    with pytest.raises(StepFailed, match="does not exist") as caught:
        secret_files.act({**params, "action": "place"}, False)
    assert FIRST not in str(caught.value.parts())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_is_its_accounts_and_goes_back_to_whom_it_was(host: Host) -> None:
    nobody = pwd.getpwnam("nobody")
    params = {"run": host.run, "paths": [str(host.etc / "a")], "contents": [FIRST]}
    host.act("place", a=SECOND)
    host.begin("run-2")
    params["run"] = host.run
    secret_files.act({**params, "owners": ["nobody"], "action": "place"}, False)
    status = (host.etc / "a").stat()
    assert (status.st_uid, status.st_gid) == (nobody.pw_uid, nobody.pw_gid)
    host.act("restore")
    assert (host.etc / "a").stat().st_uid == 0


def play(host: Host, tmp_path: Path, action: str, *options: str) -> str:
    """All that a play with the role says, at its most talkative."""
    (tmp_path / "secrets.yml").write_text(
        yaml.safe_dump(
            {
                "ansible_python_interpreter": sys.executable,
                "canaries": {"one": FIRST, "two": SECOND},
                "secrets": [
                    {"path": str(host.etc / name), "owner": ME, "content": content}
                    for name, content in (
                        ("a", "host:5432:db:role:{{ canaries.one }}\n"),
                        ("b", "{{ canaries.two }}"),
                    )
                ],
                "stagegate_run": host.run,
                "secret_files_action": action,
            }
        )
    )
    (tmp_path / "play.yml").write_text(
        yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "roles": ["secret_files"]}])
    )
    command = [f"{sys.prefix}/bin/ansible-playbook", "-i", "localhost,", "-c", "local", *options]
    told = {"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_STDOUT_CALLBACK": "default"}
    paths = {"ANSIBLE_ROLES_PATH": str(ROOT / "roles"), "ANSIBLE_LOCAL_TEMP": str(tmp_path / "t")}
    log = tmp_path / "ansible.log"
    done = subprocess.run(
        [*command, "-e", f"@{tmp_path}/secrets.yml", str(tmp_path / "play.yml")],
        capture_output=True,
        text=True,
        env={**os.environ, **told, **paths, "ANSIBLE_LOG_PATH": str(log)},
        cwd=tmp_path,
    )
    written = log.read_text()
    log.unlink()
    return done.stdout + done.stderr + written


def test_no_content_is_told_by_ansible_at_its_most_talkative(host: Host, tmp_path: Path) -> None:
    said = play(host, tmp_path, "probe", "-vvv", "--diff")
    said += play(host, tmp_path, "place", "-vvv", "--diff", "--check")
    said += play(host, tmp_path, "place", "-vvv", "--diff")
    assert host.read() == {"a": f"host:5432:db:role:{FIRST}\n", "b": SECOND}, said
    host.begin("run-2")
    host.act("place", a="changed", b="changed")
    said += play(host, tmp_path, "restore", "-vvv", "--diff")
    assert host.read()["b"] == SECOND
    (host.etc / "a").unlink()
    (host.etc / "a").mkdir()
    said += play(host, tmp_path, "place", "-vvv", "--diff")
    assert said.count("failed=0") == 2 * 4  # on the screen and in the log
    assert "is no file" in said or "is a link" in said
    for canary in (FIRST, *SECOND.splitlines()):
        assert canary not in said
        assert json.dumps(canary)[1:-1] not in said
    ledger = (host.state / "ledger.jsonl").read_text()
    assert not any(canary in ledger for canary in (FIRST, "canary-two", "with 'quotes'"))
