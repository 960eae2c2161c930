"""The words of this package: what a gate is, what was read, what was measured.

Times in a window are seconds since it began, by a clock that never goes back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from ..errors import GateUnknown

if TYPE_CHECKING:
    from .rules import Rule

QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
COUNTED = ("rate", "delta")
STATISTICS = ("value", *QUANTILES, *COUNTED)

AT_MOST, AT_LEAST = "at_most", "at_least"
SEVERITIES = ("must", "should", "nice")


class SourceFault(GateUnknown):
    """A source gave nothing that counts: it is down, slow, or says something that is no answer."""


class TooLate(SourceFault):
    """A source did not answer within its deadline."""


@dataclass(frozen=True)
class Samples:
    """How much a gate must see: ``minimum`` samples, read every ``every`` s, over ``lasting`` s."""

    minimum: int
    every: float
    lasting: float

    @property
    def polls(self) -> int:
        """How often a polled source is read when nothing is slow."""
        return int(self.lasting / self.every + 1e-9) + 1


@dataclass(frozen=True)
class Service:
    """Where a service says which release it is and which process."""

    name: str
    url: str
    version_field: str = "version"
    instance_field: str = "instance_id"


@dataclass(frozen=True)
class Identity:
    """The release and the process that answered."""

    version: str
    instance: str


@dataclass(frozen=True)
class Reading:
    """One look at a source: at ``t`` it gave ``payload``, or it failed for a reason.

    ``due`` is when it was to be made: gates that share a source and have windows of different
    length part their readings by it.
    """

    t: float
    payload: Any = None
    failure: str = ""
    due: float = 0.0


@dataclass(frozen=True)
class Presence:
    """The process that served a whole window, or the problem that forbids to say so."""

    identity: Identity | None = None
    problem: str = ""


@dataclass(frozen=True)
class Mark:
    """Where a log ended when the deployment began; no inode when the file was not there yet.

    ``tail`` is the SHA-256 of the bytes just before ``offset``: a file that was cut and has grown
    past the offset again keeps its inode and size, but not these bytes.
    """

    inode: int | None
    offset: int
    tail: str


@dataclass(frozen=True)
class Window:
    """What a measurement must know of the window: its wall-clock start, and who served it."""

    started: float
    seconds: float
    presences: Mapping[str, Presence] = field(default_factory=dict)
    marks: Mapping[str, Mark] = field(default_factory=dict)
    expected_version: str | None = None


@dataclass(frozen=True)
class Reader:
    """A look at a source that several gates may share: equal keys read the same thing."""

    key: tuple[Any, ...]
    read: Callable[[], Any]
    times: tuple[float, ...]
    deadline: float


@dataclass(frozen=True)
class Counts:
    """``part`` of ``total`` events; ``scale`` times their share is a value in the gate's unit.

    ``effect`` is how many times more the share varied between the looks than independent events
    would let it: bursts. So many events are worth one.
    """

    part: int
    total: int
    scale: float = 1.0
    effect: float = 1.0


@dataclass(frozen=True)
class Measurement:
    """What a source gave for one gate. ``count`` is what the minimum of samples is compared with.

    ``value`` is None when there is none, and ``problem`` says why. ``floor`` is true when the value
    is only known to be at least this. ``alive`` is true when events, not polls, were counted: those
    prove by themselves that the source is not frozen. ``rejected`` counts reasons. ``counts`` are
    the events behind a share. ``remarks`` are told whatever the verdict. ``at`` is when the window
    ended, in seconds since 1970.
    """

    value: float | None
    count: int = 0
    problem: str = ""
    floor: bool = False
    alive: bool = False
    variance: float | None = None
    samples: tuple[tuple[float, float], ...] = ()
    rejected: Mapping[str, int] = field(default_factory=dict)
    counts: Counts | None = None
    remarks: tuple[str, ...] = ()
    at: float | None = None


class Source(Protocol):
    """A kind of source: what a gate of this kind reads, and what it makes of that."""

    kind: ClassVar[str]
    statistics: ClassVar[tuple[str, ...]]
    polled: ClassVar[bool]

    @property
    def service(self) -> str:
        """The service whose process must have served the window; empty when none is named."""

    def reader(self, samples: Samples) -> Reader:
        """The look that this gate needs."""

    def measure(self, gate: Gate, readings: Sequence[Reading], window: Window) -> Measurement:
        """Make one value of the readings that count."""

    def spoiled(self, gate: Gate, value: float) -> tuple[list[Reading], Window]:
        """Readings and their window as they would be if this gate's value were ``value``."""

    def silent(self, gate: Gate, reading: Reading) -> str:
        """Why this one live reading proves that the gate could not be answered; empty when not."""

    def describe(self) -> dict[str, Any]:
        """What a report says of the source."""


@dataclass(frozen=True)
class Gate:
    """One gate as its author meant it.

    ``worst`` is the worst value that can happen in its unit; the self-test turns the gate red with
    it. ``baseline`` is false for a figure that the former release does not have. ``polls`` is true
    when a sample is a poll, and not an event which the source counted. Only a gate whose
    ``severity`` is ``must`` can stop a run.
    """

    name: str
    source: Source
    unit: str
    statistic: str
    direction: str
    rules: tuple[Rule, ...]
    samples: Samples
    worst: float
    on_unknown: str = "red"
    baseline: bool = True
    constant: bool = False
    polls: bool = False
    severity: str = "must"

    @property
    def kind(self) -> str:
        """The kinds of its rules in one word."""
        return "+".join(rule.kind for rule in self.rules)

    @property
    def relative(self) -> bool:
        """True when it compares with the baseline."""
        return any(rule.compares for rule in self.rules)
