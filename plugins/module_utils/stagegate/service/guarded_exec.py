"""Start a program of a system, unless the start guard stands.

Copied into the state directory and run by supervisord as a program of its own, so it imports
nothing of ours: ``guarded_exec.py <description.json> <file of starts>``.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from pathlib import Path

HELD = 75
MARK = "STAGEGATE_SERVICE"


def main(description: str, starts: str) -> int:
    """Become the described program; a status is only returned when that did not happen."""
    value = json.loads(Path(description).read_bytes())
    if os.path.lexists(value["guard"]):
        sys.stderr.write(f"held by the start guard {value['guard']}\n")
        return HELD
    os.umask(0o077)
    os.chdir("/")
    # One line a start: their number shows a restart, the last one names the present process.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    os.write(os.open(starts, flags, 0o600), f"{uuid.uuid4().hex}\n".encode())
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        **value["environment"],
        # Inherited by every child, so that one that left its parent is still known as ours.
        MARK: description,
    }
    try:
        os.execve(value["command"][0], value["command"], environment)  # noqa: S606 - an argument list
    except OSError as error:
        sys.stderr.write(f"{value['command'][0]} cannot be started: {error.strerror}\n")
        return 127


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
