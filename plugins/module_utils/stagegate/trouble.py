"""What a disk will not take, told as what it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from .errors import Interrupted, Refused


def unwritten(error: OSError, state: Path, host: str, run: str) -> Interrupted:
    """The words for an entry that the disk did not take; ``run`` is empty where none holds it."""
    again = "run the same command again"
    resumed = (
        f"go on: ansible-playbook deploy.yml -i <inventory> -e release_version=<the same> "
        f"-e resume={run}, or go back: ansible-playbook playbooks/rollback.yml -i <inventory>"
    )
    return Interrupted(
        f"the state of {host} cannot be written: {reason(error)}",
        now="the run stands where its last entry says; nothing more is done on this host",
        untouched="whatever that entry was to announce",
        next=f"repair the disk of {state}, then " + (resumed if run else again),
    )


def reason(error: OSError) -> str:
    """What the kernel said, by its own words."""
    return f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else "")


@contextlib.contextmanager
def refusing_trouble(state: Path, host: str = "", run: str = "") -> Iterator[None]:
    """Tell what a state directory will not take as what it is: never as a lock that is held.

    Of a run that holds the system, on a host, it is told how that goes on or back.
    """
    try:
        yield
    except OSError as error:
        if run:
            raise unwritten(error, state, host, run) from error
        raise Refused(
            f"the state directory {state} cannot be used: {reason(error)}",
            now="nothing was begun by this command",
            untouched="every service and all data",
            next="see to its space, inodes, mount and owner, then run the same command again",
        ) from error
