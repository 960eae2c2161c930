"""A host whose modules go through the real sudo, under rules of the test's own."""

from __future__ import annotations

import os
import shutil

import pytest

from tests.integration.story.stage import Stage

WRAPPER = """#!/bin/sh
rules={home}/sudoers
grep -qs '{until}' {home}/acts && rules={home}/narrowed
exec unshare --mount sh -c 'mount --bind "$0" /etc/sudoers && exec sudo "$@"' $rules "$@"
"""
"""Puts the rules in the place of the machine's, for this one call."""

ALL = "root ALL=(ALL) NOPASSWD: ALL\n"
NARROWED = "root ALL=(ALL) NOPASSWD: /usr/bin/systemctl\n"

needs_sudo = pytest.mark.skipif(
    shutil.which("sudo") is None or os.geteuid() != 0,
    reason="sudo is not installed here, or its rules cannot be replaced without root",
)


def become_by_sudo(
    stage: Stage, host: str, allowed: bool = True, until: str = "never"
) -> dict[str, object]:
    """What a host's variables must be; ``until`` is the act after which sudo allows no more."""
    home = stage.home / host
    for name, rules in (("sudoers", ALL if allowed else NARROWED), ("narrowed", NARROWED)):
        (home / name).write_text(rules)
        (home / name).chmod(0o440)
    (home / "sudo").write_text(WRAPPER.format(home=home, until=until))
    (home / "sudo").chmod(0o755)
    return {"ansible_become": True, "ansible_become_exe": str(home / "sudo")}
