#!/usr/bin/env python3
"""A system's story on one machine: a first release, a good upgrade, and bad releases put back.

Nothing is staged for show: the service is real, a writer keeps writing to it all the time and logs
each acknowledged write elsewhere, and at the end every one of them is looked for in the data.
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


@dataclass(frozen=True)
class Deployment:
    """One release of a story, and how it must end.

    `before` names a tool of the system that is run first, with its arguments; `{url}`, `{log}` and
    `{home}` stand for the service, the log of acknowledged writes and the folder of the data.
    """

    release: str
    well: bool
    shows: str
    before: tuple[str, ...] = ()


@dataclass(frozen=True)
class Story:
    """What is told of a system: its inventory, the variables of its ports, its deployments.

    The first port is that of the service that is written to.
    """

    inventory: str
    ports: tuple[str, ...]
    deployments: tuple[Deployment, ...]

    @property
    def last_good(self) -> str:
        """The release that must run in the end."""
        return [each.release for each in self.deployments if each.well][-1]


STORIES = {
    "abathur": Story(
        "local",
        ("api_port", "workers_port"),
        (
            Deployment("1.0", True, "a first installation"),
            Deployment("1.1", True, "a good upgrade with a migration, under load"),
            Deployment("2.1-loses-rows", False, "a migration that deletes rows: refused on a copy"),
            Deployment("2.5-lies", False, "a release that answers with another version: put back"),
        ),
    ),
    "toon": Story(
        "toon",
        ("api_port",),
        (
            Deployment("1.0", True, "a first installation"),
            Deployment(
                "1.1",
                True,
                "python-toon 0.2.0; stored contexts are rewritten, under load",
                ("fill", "--facts", "{home}/data/facts/current/entries.jsonl", "--count", "600"),
            ),
            Deployment(
                "2.0-keeps-0.1.3",
                False,
                "python-toon 0.1.3 again: stored facts would be destroyed",
                ("writer", "--url", "{url}", "--log", "{log}", "--colons", "--seconds", "2"),
            ),
        ),
    ),
}


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


def newest_record() -> Path:
    """The record that the last deployment wrote."""
    return max((ROOT / "artifacts").glob("*/record.json"), key=lambda p: p.stat().st_mtime)


class Teller:
    """Tells one system's story: runs its playbooks and its tools."""

    def __init__(self, system: str) -> None:
        self.story = STORIES[system]
        self.tools = ROOT / "examples" / system / "tools"
        self.home = ROOT / ".local" / "demo" / system
        self.log = self.home / "acknowledged.jsonl"
        ports = free_ports(len(self.story.ports))
        self.url = f"http://127.0.0.1:{ports[0]}"
        # The story is short: it leaves out the window of observation after the rollout.
        given = {"local_root": str(self.home), "windows": []}
        self.settings = json.dumps({**given, **dict(zip(self.story.ports, ports, strict=True))})

    def playbook(self, name: str, *given: str) -> int:
        """Run one playbook against this machine; return its exit status."""
        argv = ["ansible-playbook", name, "-i", self.story.inventory]
        for value in (*given, self.settings):
            argv += ["-e", value]
        return subprocess.run(argv, cwd=ROOT, check=False).returncode

    def tool(self, name: str, *arguments: str) -> list[str]:
        """The command line of one of the system's tools."""
        places = {"url": self.url, "log": self.log, "home": self.home}
        given = [argument.format(**places) for argument in arguments]
        return [sys.executable, str(self.tools / f"{name}.py"), *given]

    def deploy(self, wanted: Deployment) -> Chapter:
        """Deploy one release and judge how it ended."""
        print(f"\n=== {wanted.release}: {wanted.shows}\n", flush=True)
        if wanted.before:
            subprocess.run(self.tool(*wanted.before), cwd=ROOT, check=True)
        begin = time.monotonic()
        status = self.playbook("deploy.yml", f"release_version={wanted.release}")
        seconds = time.monotonic() - begin
        record = newest_record()
        verdict = str(json.loads(record.read_text())["verdict"])
        as_it_must = verdict == ("deployed" if wanted.well else "restored")
        as_it_must = as_it_must and (status == 0) is wanted.well
        report = record.with_name("report.html")
        return Chapter(wanted.release, wanted.shows, as_it_must, verdict, seconds, report)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Keep writing to the service until the block ends."""
        writer = self.tool("writer", "--url", "{url}", "--log", "{log}", "--rate", "20")
        process = subprocess.Popen(writer, cwd=ROOT)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)

    def lost_writes(self) -> tuple[str, bool]:
        """Look for every acknowledged write; return the checker's words, and if all are there."""
        checker = self.tool("checker", "--url", "{url}", "--log", "{log}")
        done = subprocess.run(checker, cwd=ROOT, capture_output=True, text=True, check=False)
        words = (done.stdout.strip() or done.stderr.strip()).splitlines()
        return (words[-1] if words else "the checker said nothing"), done.returncode == 0

    def stop(self) -> None:
        """Leave no process behind."""
        self.playbook("examples/stop_local.yml")

    def forget(self) -> None:
        """Forget what an earlier demonstration left."""
        if self.home.exists():
            self.stop()
        shutil.rmtree(self.home, ignore_errors=True)
        self.home.mkdir(parents=True)


def served(url: str) -> str:
    """The release that answers now."""
    argv = ["curl", "-fsS", "--max-time", "5", f"{url}/health"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return str(json.loads(done.stdout)["version"]) if done.returncode == 0 else "none"


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
    parser.add_argument("--system", default="abathur", choices=sorted(STORIES))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    teller = Teller(parser.parse_args().system)
    story = teller.story
    teller.forget()
    chapters = [teller.deploy(story.deployments[0])]
    try:
        with teller.writing():
            for each in story.deployments[1:]:
                if chapters[-1].as_it_must:  # what follows is told of a release that runs
                    chapters.append(teller.deploy(each))
        words, none_lost = teller.lost_writes()
        release = served(teller.url)
    finally:
        teller.stop()
    well = none_lost and release == story.last_good and all(c.as_it_must for c in chapters)
    print(f"\n{table(chapters)}\n")
    print(f"release that runs: {release}")
    print(words)
    print(f"report: {chapters[-1].report}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
