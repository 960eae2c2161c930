"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import shutil
import sqlite3
import subprocess
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path


def processor() -> str:
    """The processor's name, as the kernel has it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def memory_gib() -> int:
    """The machine's memory, rounded."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return round(pages / 2**30)


def sqlite_command() -> str:
    """The version of the command that the backups are compared with."""
    if shutil.which("sqlite3") is None:
        return "no sqlite3 command"
    said = subprocess.run(["sqlite3", "--version"], capture_output=True, text=True).stdout.split()
    return f"sqlite3 command {said[0]}" if said else "a sqlite3 command without a version"


def load() -> float:
    """How many processes wanted a core at once, over the last minute."""
    return os.getloadavg()[0]


def facts(load_before: float) -> list[str]:
    """What a reader must know before comparing; the load says how busy the machine was."""
    moment = datetime.now(timezone.utc).strftime("%Y-%m-%d")
    return [
        f"measured {moment} on {len(os.sched_getaffinity(0))} cores ({processor()}), "
        f"{memory_gib()} GiB of memory, Linux {platform.release().partition('-')[0]}",
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version} in it, "
        f"{sqlite_command()}, ansible-core {version('ansible-core')}",
        f"load of the machine before: {load_before:.1f}; at the end, with our own: {load():.1f}",
    ]
