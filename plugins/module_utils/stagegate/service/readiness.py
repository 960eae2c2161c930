"""Whether a started service has become what it must be: a judgement over observations."""

from __future__ import annotations

from dataclasses import dataclass, field

from .health import Answer
from .manager import ProcessState
from .model import Service

WAITING, READY, FAILED = "waiting", "ready", "failed"


@dataclass(frozen=True)
class Expected:
    """What a service must be: its version, its count of restarts, and whom it must not be.

    ``former`` holds the instances that answered before this start.
    """

    version: str
    restarts: int
    former: frozenset[str] = frozenset()


@dataclass
class Watch:
    """The observations of one service since its start, and the verdict that they allow.

    Ready: the same process, never restarted, has answered well for ``stable_for`` seconds without
    a break. Failed: what can only stay wrong fails at once, anything else at the deadline.
    """

    service: Service
    expected: Expected
    begun: float
    verdict: str = WAITING
    reason: str = "it was not looked at yet"
    state: ProcessState = field(default_factory=ProcessState)
    answer: Answer = field(default_factory=Answer)
    main_pid: int = 0
    good: int = 0
    bad: int = 0
    edges: int = 0
    good_since: float = -1.0

    def see(self, now: float, state: ProcessState, answer: Answer) -> str:
        """Take one observation at a monotonic time, and return the verdict so far."""
        self.state, self.answer = state, answer
        fault = self.process_fault() or self.impostor()
        if fault:
            return self.end(FAILED, fault)
        self.count(now, answer)
        health = self.service.health
        if self.good_since >= 0 and now - self.good_since >= health.stable_for:
            return self.end(READY, "")
        late = now - self.begun
        never = not self.good and late > health.ready_within
        if never or late > health.ready_within + health.stable_for:
            return self.end(FAILED, self.why_late())
        return self.verdict

    def end(self, verdict: str, reason: str) -> str:
        """Settle the verdict."""
        self.verdict, self.reason = verdict, reason
        return verdict

    def process_fault(self) -> str:
        """What is wrong with the process, or ""."""
        state = self.state
        if state.restarts > self.expected.restarts:
            return state.restarted(self.expected.restarts)
        if state.active == "activating":
            return "" if state.sub != "auto-restart" else f"it died ({state.ending()})"
        if not state.running:
            return f"it does not run: {state.ending()}"
        if self.main_pid and state.main_pid != self.main_pid:
            return f"its process changed from {self.main_pid} to {state.main_pid}"
        self.main_pid = state.main_pid
        return ""

    def impostor(self) -> str:
        """Who answers in its place, or ""."""
        version, instance = self.answer.version, self.answer.instance
        if instance and instance in self.expected.former:
            return (
                f"the former process still answers {self.service.health.url} "
                f"(instance {instance}, version {version or 'unknown'})"
            )
        if version and version != self.expected.version:
            return f"it says that it is version {version}, not {self.expected.version}"
        return ""

    def count(self, now: float, answer: Answer) -> None:
        """Keep the run of good answers, and how often it broke."""
        was_good = self.good_since >= 0
        if answer.good:
            self.good += 1
            self.good_since = self.good_since if was_good else now
        else:
            self.bad += 1
            self.edges += was_good
            self.good_since = -1.0
            self.reason = answer.fault

    def why_late(self) -> str:
        """The reason at the deadline."""
        if self.edges:
            return (
                f"its health flaps: {self.good} good and {self.bad} bad answers, "
                f"{self.edges} times it went bad; the last: {self.reason}"
            )
        limit = self.service.health.ready_within
        if self.good:
            return f"it answered well, but too late to be stable; before that: {self.reason}"
        return f"not ready within {limit:g} s: {self.reason}"
