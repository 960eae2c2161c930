#!/usr/bin/env python3
"""The whole story on one machine: a first release, a good upgrade, and bad releases put back.

Nothing is staged for show: the service is real, a writer keeps writing to it all the time and logs
each acknowledged write elsewhere, and at the end every one of them is looked for in the database.
The exit status is 0 only when each deployment ended as it must and no write is lost.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".local" / "demo"

STORY = [
    # release, whether it must end well, what it shows
    ("1.0", True, "a first installation"),
    ("1.1", True, "a good upgrade with a migration, under load"),
    ("2.1-loses-rows", False, "a migration that deletes rows: refused on a copy"),
    ("2.5-lies", False, "a release that answers with another version: put back"),
]


@dataclass(frozen=True)
class Chapter:
    """How one deployment ended."""

    release: str
    shows: str
    as_it_must: bool
    verdict: str
    seconds: float
    report: Path


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all held at once so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def playbook(name: str, *given: str) -> int:
    """Run one playbook against this machine; return its exit status."""
    argv = ["ansible-playbook", name, "-i", "local"]
    for value in given:
        argv += ["-e", value]
    return subprocess.run(argv, cwd=ROOT, check=False).returncode


def newest_record() -> Path:
    """The record that the last deployment wrote."""
    return max((ROOT / "artifacts").glob("*/record.json"), key=lambda p: p.stat().st_mtime)


def deploy(release: str, well: bool, shows: str, settings: list[str]) -> Chapter:
    """Deploy one release and judge how it ended."""
    print(f"\n=== {release}: {shows}\n", flush=True)
    begin = time.monotonic()
    status = playbook("deploy.yml", f"release_version={release}", *settings)
    record = newest_record()
    verdict = str(json.loads(record.read_text())["verdict"])
    wanted = "deployed" if well else "restored"
    as_it_must = verdict == wanted and (status == 0) is well
    report = record.with_name("report.html")
    return Chapter(release, shows, as_it_must, verdict, time.monotonic() - begin, report)


@contextmanager
def writing(url: str, log: Path) -> Iterator[None]:
    """Keep writing to the service until the block ends."""
    writer = ROOT / "examples/abathur/tools/writer.py"
    argv = [sys.executable, str(writer), "--url", url, "--log", str(log), "--rate", "20"]
    process = subprocess.Popen(argv, cwd=ROOT)
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def lost_writes(url: str, log: Path) -> tuple[str, bool]:
    """Look for every acknowledged write; return the checker's words and whether all are there."""
    checker = ROOT / "examples/abathur/tools/checker.py"
    argv = [sys.executable, str(checker), "--url", url, "--log", str(log)]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=False)
    words = (done.stdout.strip() or done.stderr.strip()).splitlines()
    return (words[-1] if words else "the checker said nothing"), done.returncode == 0


def served(url: str) -> str:
    """The release that answers now."""
    argv = ["curl", "-fsS", "--max-time", "5", f"{url}/health"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return str(json.loads(done.stdout)["version"]) if done.returncode == 0 else "none"


def stop_services(settings: list[str]) -> None:
    """Leave no process behind, and forget what an earlier demonstration left."""
    if HOME.exists():
        playbook("examples/stop_local.yml", *settings)
    shutil.rmtree(HOME, ignore_errors=True)


def table(chapters: list[Chapter]) -> str:
    """The story in lines."""
    rows = [
        f"{c.release:<16} {c.verdict:<10} {'as it must' if c.as_it_must else 'NOT AS IT MUST':<15}"
        f"{c.seconds:>6.1f} s  {c.shows}"
        for c in chapters
    ]
    return "\n".join([f"{'release':<16} {'verdict':<10} {'':<15}{'time':>8}  what it shows", *rows])


def main() -> int:
    """Tell the story; return 0 when it went as it must."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--system", default="abathur", choices=["abathur"])
    parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    api, workers = free_ports(2)
    url, log = f"http://127.0.0.1:{api}", HOME / "acknowledged.jsonl"
    # The story is short: it leaves out the window of observation after the rollout.
    settings = [json.dumps({"local_root": str(HOME), "api_port": api, "workers_port": workers})]
    settings.append(json.dumps({"windows": []}))
    stop_services(settings)
    HOME.mkdir(parents=True)
    chapters = [deploy(*STORY[0], settings)]
    try:
        with writing(url, log):
            chapters += [deploy(*chapter, settings) for chapter in STORY[1:]]
        words, none_lost = lost_writes(url, log)
        release = served(url)
    finally:
        playbook("examples/stop_local.yml", *settings)
    well = none_lost and release == "1.1" and all(c.as_it_must for c in chapters)
    print(f"\n{table(chapters)}\n")
    print(f"release that runs: {release}")
    print(words)
    print(f"report: {chapters[-1].report}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
