"""Steps that are announced before they act, by the one run that holds the system.

Every changing action of a driver goes through a journal::

    with open_journal(run) as journal:
        with journal.step("release", "stage", {"digest": digest}) as step:
            if step.earlier is None:
                unpack(...)
            step.done(state={"path": path})

Entering a step puts its intent on the disk; leaving it without ``done`` is a bug; an exception in
its body is recorded with its words and goes on. The journal holds the host's step lock, so that a
step that outlived its controller is never joined by a second one.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .clock import Clock, SystemClock
from .errors import BadInput, Interrupted, LockHeld, StagegateError, StepFailed
from .ledger import Entry, Ledger, append_entry, digest, read_ledger
from .lock import Lock
from .step_lock import step_lock
from .trouble import refusing_trouble, unwritten

EVIDENCE_LIMIT = 256 * 1024
"""Bytes of evidence one entry may carry; more belongs in a file below ``evidence/<run>``."""


@dataclass(frozen=True)
class Run:
    """The run a step belongs to: its id, its epoch, and where the host keeps the system's state.

    ``exclusive`` is false for a single phase that takes no lock (a backup, a smoke test).
    """

    id: str
    epoch: int
    system: str
    host: str
    state: Path
    exclusive: bool = True

    @classmethod
    def from_params(cls, params: dict[str, Any]) -> Run:
        """Read the module parameter ``run``; raise BadInput when a part of it is missing."""
        try:
            return cls(
                id=str(params["id"]),
                epoch=int(params["epoch"]),
                system=str(params["system"]),
                host=str(params["host"]),
                state=Path(str(params["state"])),
                exclusive=bool(params.get("exclusive", True)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"the run context is incomplete: {error}",
                now="nothing was done",
                untouched="every service and all data",
                next="begin by a playbook: ansible-playbook deploy.yml -i <inventory> "
                "-e release_version=<version>",
            ) from error

    @property
    def scratch(self) -> Path:
        """Where this run rehearses: may be removed at any time."""
        return self.state / "scratch" / self.id

    @property
    def evidence(self) -> Path:
        """Where this run keeps what it found and what failed."""
        return self.state / "evidence" / self.id

    @property
    def backups(self) -> Path:
        """Where this run keeps its backups."""
        return self.state / "backups" / self.id

    @property
    def guard(self) -> Path:
        """While this file exists, no service of the system may start."""
        return self.state / "guard"


class Step:
    """One announced step; ``earlier`` is its own done entry when this run already finished it."""

    def __init__(self, journal: Journal, phase: str, name: str, inputs: dict[str, Any]) -> None:
        self.journal = journal
        self.phase = phase
        self.name = name
        self.inputs = digest(inputs)
        self.earlier = journal.finished(phase, name, self.inputs)
        self.closed = False
        self.kept: dict[str, Any] = {}

    def evidence(self, evidence: dict[str, Any]) -> None:
        """Keep evidence for the step's last entry, also when it fails."""
        self.kept.update(evidence)

    def done(
        self, state: dict[str, Any] | None = None, evidence: dict[str, Any] | None = None
    ) -> None:
        """Record the outcome: what going back needs, and what the report shows."""
        self.evidence(evidence or {})
        self.write("done", state or {})

    def failed(self, error: StagegateError) -> None:
        """Record the failure in its own words."""
        self.evidence({"error": error.parts()})
        self.write("failed", {})

    def write(self, kind: str, state: dict[str, Any]) -> None:
        """Append one entry of this step."""
        self.journal.append(self.phase, self.name, kind, self.inputs, state, self.kept)
        self.closed = kind != "intent"


class Journal:
    """The ledger of one host, open for the steps of one run."""

    def __init__(self, run: Run, clock: Clock, ledger: Ledger) -> None:
        self.run = run
        self.clock = clock
        self.ledger = ledger
        self.lost: OSError | None = None

    @property
    def path(self) -> Path:
        """The ledger's file."""
        return self.run.state / "ledger.jsonl"

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All entries of this host, oldest first."""
        return self.ledger.entries

    def of_run(self, run: str | None = None) -> tuple[Entry, ...]:
        """The entries of one run, of this one by default."""
        wanted = run or self.run.id
        return tuple(e for e in self.entries if e.run == wanted)

    def unwritten(self, error: OSError) -> Interrupted:
        """The words for an entry that the disk did not take."""
        run = self.run
        return unwritten(error, run.state, run.host, run.id if run.exclusive else "")

    def last_done(self, phase: str, name: str, run: str | None = None) -> Entry | None:
        """The last finished entry of a step, in this run by default."""
        found = [
            e for e in self.of_run(run) if e.kind == "done" and (e.phase, e.step) == (phase, name)
        ]
        return found[-1] if found else None

    def finished(self, phase: str, name: str, inputs: str) -> Entry | None:
        """The done entry of a step with the same inputs, unless it was begun again after it."""
        mine = [e for e in self.of_run() if (e.phase, e.step) == (phase, name)]
        for entry in reversed(mine):
            if entry.kind in ("done", "failed"):
                return entry if entry.kind == "done" and entry.inputs == inputs else None
        return None

    @contextlib.contextmanager
    def step(self, phase: str, name: str, inputs: dict[str, Any] | None = None) -> Iterator[Step]:
        """Announce a step, run the body, and record how it ended."""
        step = Step(self, phase, name, inputs or {})
        step.write("intent", {})
        try:
            yield step
        except StagegateError as error:
            with contextlib.suppress(Interrupted):  # a full disk refuses this line as well
                step.failed(error)
            raise
        except OSError as error:
            failure = StepFailed(
                f"{phase}.{name} on {self.run.host}: {error}",
                now="the step ended half-way; what it had begun is in the ledger",
                untouched="what the steps after it would change",
                next="a run goes back by itself; where it does not: "
                "ansible-playbook playbooks/rollback.yml -i <inventory>",
            )
            with contextlib.suppress(Interrupted):
                step.failed(failure)
            raise failure from error
        if not step.closed:
            raise AssertionError(f"the step {phase}.{name} ended without an outcome")

    def note(
        self,
        phase: str,
        name: str,
        evidence: dict[str, Any] | None = None,
        state: dict[str, Any] | None = None,
        kind: str = "observed",
    ) -> None:
        """Record something seen, with no act to announce."""
        self.append(phase, name, kind, "", state or {}, evidence or {})

    def append(
        self,
        phase: str,
        name: str,
        kind: str,
        inputs: str,
        state: dict[str, Any],
        evidence: dict[str, Any],
    ) -> None:
        """Put one entry on the disk before returning.

        Raises Interrupted when it is not there for certain; after that this journal writes no more.
        """
        if self.lost is not None:
            raise self.unwritten(self.lost)
        entry = Entry(
            seq=len(self.entries) + 1,
            run=self.run.id,
            epoch=self.run.epoch,
            host=self.run.host,
            phase=phase,
            step=name,
            kind=kind,
            inputs=inputs,
            state=state,
            evidence=evidence,
            t_wall=self.clock.wall(),
            t_mono=self.clock.mono(),
            boot_id=self.clock.boot_id(),
            prev=self.ledger.head,
        )
        line = entry.line()
        if len(line) > EVIDENCE_LIMIT:
            raise AssertionError(f"the entry {phase}.{name} is too large: {len(line)} bytes")
        try:
            self.ledger = append_entry(self.path, entry, self.ledger)
        except OSError as error:
            self.lost = error
            raise self.unwritten(error) from error


@contextlib.contextmanager
def open_journal(run: Run, deadline: float = 30.0, clock: Clock | None = None) -> Iterator[Journal]:
    """Open the host's ledger for the steps of a run, fenced by its epoch."""
    clock = clock or SystemClock()
    with step_lock(run.state, deadline):
        with refusing_trouble(run.state, run.host, run.id if run.exclusive else ""):
            if run.exclusive:
                check_fence(run)
                Lock(run.state).beat(clock)
            ledger = read_ledger(run.state / "ledger.jsonl")
        yield Journal(run, clock, ledger)


def check_fence(run: Run) -> None:
    """Raise LockHeld when the run no longer holds the system."""
    lock = Lock(run.state)
    stored, owner = lock.epoch(), lock.owner()
    if stored == run.epoch and owner is not None and owner.get("run") == run.id:
        return
    holder = "nobody holds it" if owner is None else f"run {owner.get('run')} holds it"
    raise LockHeld(
        f"run {run.id} (epoch {run.epoch}) is fenced by epoch {stored} on {run.host}: {holder}",
        now="another controller has taken over, or the run was closed",
        untouched="this step was not begun",
        next="let the other run finish, this one must not go on; how it stands says "
        "ansible-playbook playbooks/status.yml -i <inventory>",
    )
