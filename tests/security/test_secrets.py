"""No secret of a run is told: by Ansible at its most talkative, by a process or by a file.

The secrets are planted in a vault, in the environment and in the address of a database; the real
playbooks place them on three hosts, and fail where a row says so.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible.parsing.vault import VaultLib, VaultSecret

from tests.integration.story.stage import HOSTS, NAME, Stage
from tests.security.watching import Sighting, Watch, stands_in, watched


@dataclass
class Secret:
    """A stage whose hosts get two files with secrets, and what must be seen nowhere."""

    stage: Stage
    vault: str
    given: str
    password: str
    temporary: Path

    @property
    def canaries(self) -> tuple[str, ...]:
        return (self.vault, self.given, self.password)

    @property
    def kept(self) -> tuple[Path, ...]:
        """Where secrets may lie: in their files, in what is kept of them, and in the rig's own."""
        homes = [self.stage.home / name for name in HOSTS]
        return (
            *(home / "etc" for home in homes),
            *(path for home in homes for path in home.glob("state/demo/evidence/*/secrets")),
            *self.stage.home.glob("runner/artifacts/*/command"),
            self.stage.home.parent / "password",
        )

    def run(self, version: str, *more: str) -> tuple[int, Sighting]:
        """Deploy at its most talkative, watched by anybody on the machine."""
        watch = Watch((self.vault, self.password), (self.given,), self.temporary)
        told = f"-e release_version={version} -vvv --diff"
        vault = f"--vault-password-file {self.stage.home.parent / 'password'}"
        with watched(watch) as seen:
            status = self.stage.run(told, vault, *more)
        return status, seen

    def written(self, host: str) -> dict[str, str]:
        etc = self.stage.home / host / "etc"
        return {path.name: path.read_text() for path in etc.iterdir() if path.is_file()}


@pytest.fixture
def secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Secret:
    home, temporary = tmp_path / "stage", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    vault, given, password = (f"canary-{secrets.token_hex(8)}" for _ in range(3))
    (tmp_path / "password").write_text(password)
    (tmp_path / "password").chmod(0o600)
    for name in ("TMPDIR", "ANSIBLE_LOCAL_TEMP", "ANSIBLE_REMOTE_TEMP"):
        monkeypatch.setenv(name, str(temporary))
    monkeypatch.setenv("ANSIBLE_LOG_PATH", str(tmp_path / "ansible.log"))
    monkeypatch.setenv("STAGE_GIVEN", given)
    sealed = VaultLib([("default", VaultSecret(password.encode()))]).encrypt(vault.encode())
    stage = Stage(home, waves=["100%"])
    etc = f"{home}/{NAME}/etc"
    account = "root" if os.geteuid() == 0 else os.environ["USER"]
    stage.nouns = {
        "vault_database_password": {"__ansible_vault": sealed.decode()},
        "secrets": [
            {
                "path": f"{etc}/address",
                "owner": account,
                "content": "postgresql://demo:{{ vault_database_password }}@127.0.0.1:5432/demo\n",
            },
            {
                "path": f"{etc}/token",
                "owner": account,
                "content": "{{ lookup('env', 'STAGE_GIVEN') }}",
            },
        ],
    }
    return Secret(stage, vault, given, password, temporary)


def told_nowhere(secret: Secret, seen: Sighting) -> None:
    """The assertion of this page."""
    assert seen.looks > 20
    assert seen.found == set()
    said = secret.stage.said()
    assert "TASK [" in said
    assert [canary for canary in secret.canaries if canary in said] == []
    assert stands_in(secret.stage.home.parent, secret.canaries, secret.kept) == []
    assert (secret.stage.home.parent / "ansible.log").stat().st_size > 10_000


def test_a_deployment_and_one_that_goes_back_tell_no_secret(
    secret: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, seen = secret.run("1.0")
    assert status == 0, secret.stage.said()
    first = {
        "address": f"postgresql://demo:{secret.vault}@127.0.0.1:5432/demo\n",
        "token": secret.given,
    }
    for host in HOSTS:
        assert secret.written(host) == first
        modes = [p.stat().st_mode & 0o777 for p in (secret.stage.home / host / "etc").iterdir()]
        assert modes == [0o600, 0o600]
    told_nowhere(secret, seen)
    former, secret.given = secret.given, f"canary-{secrets.token_hex(8)}"
    monkeypatch.setenv("STAGE_GIVEN", secret.given)
    secret.stage.faults = {"h1": {"story_fails": ["gate.gate"]}}
    status, seen = secret.run("1.1")
    assert status != 0
    assert secret.stage.record()["verdict"] == "restored"
    assert [secret.written(host) for host in HOSTS] == [first] * 3
    told_nowhere(secret, seen)
    assert former not in secret.stage.said()


def test_a_secret_that_cannot_be_placed_is_not_told_either(secret: Secret) -> None:
    place = secret.stage.home / "h3" / "etc" / "token"
    place.mkdir(parents=True)
    status, seen = secret.run("1.0")
    assert status != 0
    assert f"{place} is no file" in secret.stage.said()
    told_nowhere(secret, seen)


def test_the_watch_sees_what_there_is_to_see(tmp_path: Path) -> None:
    canary, other = "canary-in-the-open", "canary-in-the-environment"
    (tmp_path / "file").write_text(canary)
    with watched(Watch((canary, other), (), tmp_path)) as seen:
        subprocess.run(
            [sys.executable, "-c", "import time; time.sleep(0.3)", canary],
            env={**os.environ, "CANARY": other},
        )
    told = sorted(one.split(" of ")[0] for one in seen.found)
    assert f"{canary} in cmdline" in told
    assert f"{other} in environ" in told
    assert f"{canary} in {tmp_path / 'file'}" in told
    assert stands_in(tmp_path, (canary,)) == [f"{canary} in {tmp_path / 'file'}"]
