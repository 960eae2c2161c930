"""The secrets of an inventory open with its password alone, and nobody is asked for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[3]
SPARKLE = PROJECT / "inventories/sparkle"
VAULT = SPARKLE / "group_vars/sparkle/vault.yml"

PLAY = """
- hosts: app1
  gather_facts: false
  connection: local
  tasks:
    - ansible.builtin.debug:
        msg: "opened {{ (vault_database_password ~ vault_redis_password) | length > 20 }}"
"""


def play(tmp_path, password):
    """Run a play that uses the secrets, without a terminal; what it says."""
    (tmp_path / "play.yml").write_text(PLAY, encoding="utf-8")
    told = {
        "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
        "ANSIBLE_STDOUT_CALLBACK": "default",
        "ANSIBLE_VAULT_PASSWORD_FILE": str(password),
    }
    done = subprocess.run(
        [f"{sys.prefix}/bin/ansible-playbook", "-i", str(SPARKLE), str(tmp_path / "play.yml")],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env={**os.environ, **told},
        start_new_session=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_the_lab_s_password_opens_the_lab_s_secrets(tmp_path):
    status, said = play(tmp_path, SPARKLE / "vault-password")
    assert (status, "opened True" in said) == (0, True), said


@pytest.mark.parametrize(
    ("password", "words"),
    [("wrong", "Decryption failed"), (None, "was not found"), ("", "Invalid vault password")],
)
def test_another_password_is_refused_and_nobody_is_asked(tmp_path, password, words):
    file = tmp_path / "password"
    if password is not None:
        file.write_text(password, encoding="utf-8")
    status, said = play(tmp_path, file)
    assert status != 0
    assert words in said
    assert "opened True" not in said


def test_every_secret_is_encrypted():
    class Tagged(yaml.SafeLoader):
        """Tells what carries a tag."""

    Tagged.add_constructor("!vault", lambda loader, node: ("encrypted", node.value))
    found = yaml.load(VAULT.read_text(encoding="utf-8"), Tagged)
    assert len(found) >= 2
    for name, value in found.items():
        assert name.startswith("vault_")
        assert value[0] == "encrypted"
        assert value[1].startswith("$ANSIBLE_VAULT;1.1;AES256")
