"""A host with one store of plain data: real files, real links, real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stagegate.files_store.task import Task as FilesTask
from stagegate.journal import Run, open_journal
from stagegate.jsonl_store.task import Task as JsonlTask
from stagegate.plain.driver import run_task
from stagegate.plain.task import PlainTask

OLD = "gen-first"
RUN = "20261122T073000Z-ab12"
TASKS: dict[str, Any] = {"files": FilesTask, "jsonl": JsonlTask}


@dataclass
class Host:
    """One host: its data directory, its state directory, one store, one run."""

    place: Path
    kind: str
    name: str
    run_id: str = RUN
    options: dict[str, Any] = field(default_factory=dict)
    release: dict[str, Any] = field(default_factory=lambda: {"version": "1.1"})

    @property
    def data(self) -> Path:
        return self.place / "data"

    @property
    def state(self) -> Path:
        return self.place / "state"

    @property
    def link(self) -> Path:
        return self.data / "current"

    @property
    def live(self) -> Path:
        """The data as the service opens them."""
        return self.link / self.name

    @property
    def old(self) -> Path:
        """The data of the generation that this run finds."""
        return self.data / "generations" / OLD / self.name

    @property
    def new(self) -> Path:
        """The data of the generation that this run makes."""
        return self.data / "generations" / f"gen-{self.run_id}" / self.name

    @property
    def evidence(self) -> Path:
        return self.state / "evidence" / self.run_id / "facts"

    @property
    def backup(self) -> Path:
        return self.state / "backups" / self.run_id / "facts"

    @property
    def drilled(self) -> Path:
        return self.state / "scratch" / self.run_id / "facts" / self.name

    @property
    def run(self) -> Run:
        return Run(self.run_id, 1, "toon", "host1", self.state, exclusive=False)

    @property
    def store(self) -> dict[str, Any]:
        return {
            "name": "facts",
            "kind": self.kind,
            "path": str(self.live),
            "reserve_mb": 1,
            **self.options,
        }

    def task(self, action: str, **params: Any) -> PlainTask:
        """One call of the driver, as the module would make it."""
        run = {
            "id": self.run_id,
            "epoch": 1,
            "system": "toon",
            "host": "host1",
            "state": str(self.state),
            "exclusive": False,
        }
        made: PlainTask = TASKS[self.kind].from_params(
            {"action": action, "run": run, "store": self.store, "release": self.release, **params}
        )
        return made

    def do(self, action: str, check_mode: bool = False, **params: Any) -> dict[str, Any]:
        """Do one action."""
        return run_task(self.task(action, **params), check_mode)

    def guard(self) -> None:
        """What the service driver does when it holds the services."""
        (self.state / "guard").touch()

    def seal(self) -> None:
        """Up to a sealed generation, which nothing has migrated."""
        self.do("stage")
        self.do("seal")
        self.guard()

    def deploy(self) -> None:
        """The whole way to a live new generation."""
        self.do("backup")
        self.seal()
        self.do("activate")

    def opened(self, former: str = "1.0") -> None:
        """What preflight writes: the run, and the release that it comes from."""
        plan = {"kind": "deploy", "from": former, "to": "1.1", "stores": ["facts"]}
        with open_journal(self.run) as journal:
            journal.note("preflight", "open", state={"plan": plan}, kind="done")

    def closed(self, verdict: str = "deployed") -> None:
        with open_journal(self.run) as journal:
            journal.note("report", "close", state={"verdict": verdict}, kind="terminal")

    def started(self) -> None:
        """What the ledger says once the services may have been started: users may have written."""
        with open_journal(self.run) as journal, journal.step("restart", "start") as step:
            step.done()

    def target(self) -> str:
        """Where the live link leads."""
        return self.link.readlink().name

    def kinds(self, step: str) -> list[str]:
        """The kinds of the ledger entries of one step of this run."""
        with open_journal(self.run) as journal:
            return [entry.kind for entry in journal.of_run() if entry.step == step]


def make_link(host: Host) -> None:
    """Make what the host has the live generation."""
    host.link.symlink_to(f"generations/{OLD}")


@contextmanager
def process(program: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A Python process that said one line and now does what it does; killed at the end."""
    started = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert started.stdout is not None
        assert started.stdout.readline().strip() == "ready"
        yield started
    finally:
        started.kill()
        started.communicate()


HOLDER = """
import sys, time
f = open(sys.argv[1], "rb")
print("ready", flush=True)
time.sleep(600)
"""


def tree(place: Path) -> dict[str, tuple[Any, ...]]:
    """Every name below a place, with all that its fingerprint holds."""
    found = {}
    for directory, directories, files in os.walk(place):
        for name in (*directories, *files, "."):
            path = Path(directory) / name
            status = path.lstat()
            content = path.readlink() if path.is_symlink() else b""
            if path.is_file() and not path.is_symlink():
                content = path.read_bytes()
            found[str(path.relative_to(place))] = (status.st_mode, status.st_uid, content)
    return found
