"""What the screen shows while a run goes on: phases by hosts, failures in words, the end.

Pure text: the callback decides when it is shown and in which colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .account import mapping
from .door import shut_out
from .message import HEADLINES
from .text import duration, listed, visible

DRIVERS = ("store_", "service_", "release_", "traffic_", "migrate_")
"""Roles that know one technology: what they do belongs to the phase that asked them."""
SILENT_ROLES = frozenset({"stagegate"})
"""Roles that only prepare variables."""
PHASE_WIDTH, HOST_WIDTH = 11, 18
TRACEBACK = "Traceback (most recent call last)"
SAID_LINES = 5
MOST_ITEMS = 3
"""Failed items of one loop that are told in full."""
HIDDEN = "the output is hidden (no_log)"
"""What is said of a task whose output may hold a secret."""
PARTS = ("what", "said", "now", "untouched", "next")
UNTOLD = {
    "now": "what was done until then stands in the ledger of each host",
    "untouched": "what comes after it",
    "next": "see how every host stands: ansible-playbook playbooks/status.yml -i <inventory>",
}
"""What is said of a failure that has no words of its own: of a module that was killed, say."""


def phase_of(roles: Iterable[str]) -> str:
    """The phase among the roles around a task, innermost first: the outermost that is no driver."""
    phases = [r.rpartition(".")[2] for r in roles]
    phases = [r for r in phases if not r.startswith(DRIVERS) and r not in SILENT_ROLES]
    return phases[-1] if phases else ""


def is_silent(roles: Sequence[str]) -> bool:
    """True for a task that only prepares: it is of no phase, and not worth a line."""
    return any(r.rpartition(".")[2] in SILENT_ROLES for r in roles)


@dataclass
class Cell:
    """One host in one phase; ``outcome`` is empty while nothing but skipped tasks was seen."""

    ended: float
    outcome: str = ""
    changed: int = 0
    busy: bool = True


@dataclass
class Board:
    """One phase over its hosts. Times are seconds of one steady clock."""

    phase: str
    began: float
    dry: bool = False
    cells: dict[str, Cell] = field(default_factory=dict)

    def begin(self, host: str, moment: float) -> None:
        """A host begins a task."""
        self.cells.setdefault(host, Cell(moment)).busy = True

    def end(self, host: str, outcome: str, changed: bool, moment: float) -> None:
        """A host ended a task: ``done``, ``failed``, ``unreachable`` or ``skipped``."""
        cell = self.cells.setdefault(host, Cell(moment))
        cell.busy = False
        if outcome == "skipped":
            return
        cell.ended, cell.changed = moment, cell.changed + changed
        if cell.outcome in ("", "done"):
            cell.outcome = outcome

    def shown(self) -> dict[str, Cell]:
        """The hosts that did something, in the order they began."""
        return {host: cell for host, cell in self.cells.items() if cell.outcome}

    def lines(self) -> list[tuple[str, str]]:
        """One line for each host, each with its outcome: for pipes and logs."""
        head = label(self.phase)
        return [
            (f"{head} {visible(host, 80):<{HOST_WIDTH}} {self.told(cell)}", cell.outcome)
            for host, cell in self.shown().items()
        ]

    def told(self, cell: Cell) -> str:
        """A cell's outcome, time and number of changes."""
        word = "would change" if self.dry else "changed"
        changes = f"   {cell.changed} {word}" if cell.changed else ""
        return f"{cell.outcome:<6} {self.took(cell):>8}{changes}"

    def took(self, cell: Cell) -> str:
        """How long the phase took on one host."""
        return duration(cell.ended - self.began)

    def summary(self, width: int) -> tuple[str, str]:
        """The whole phase in one line of the terminal, with its worst outcome."""
        cells = self.shown()
        bad = [h for h, c in cells.items() if c.outcome != "done"]
        outcomes = {c.outcome for c in cells.values()}
        worst = next((o for o in ("failed", "unreachable") if o in outcomes), "done")
        each = [
            f"{visible(h, 40)} {f'{c.outcome} ' if h in bad else ''}{self.took(c)}"
            for h, c in cells.items()
        ]
        line = f"{label(self.phase)} {'   '.join(each)}"
        if len(line) <= width:
            return line, worst
        slowest = self.took(max(cells.values(), key=lambda c: c.ended))
        others = f"   {worst}: {listed(bad, 3)}" if bad else ""
        return clip(f"{label(self.phase)} {len(cells)} hosts   {slowest}{others}", width), worst

    def live(self, task: str, width: int) -> str:
        """The phase as it stands: a cell fills in when its host is through with the task."""
        busy = [h for h, c in self.cells.items() if c.busy]
        each = [f"{visible(h, 40)}{' ...' if c.busy else ''}" for h, c in self.cells.items()]
        line = f"{label(self.phase)} {'   '.join(each)}"
        if len(line) > width * 2 // 3:
            line = f"{label(self.phase)} {len(self.cells) - len(busy)} of {len(self.cells)} hosts"
        return clip(f"{line}   {visible(task, 80)}", width)


def label(phase: str) -> str:
    """The phase's name in its column."""
    return f"{visible(phase, 40):<{PHASE_WIDTH}}"


def clip(line: str, width: int) -> str:
    """At most ``width`` characters, so that a line of the terminal is never two."""
    return line if len(line) <= width else f"{line[: max(0, width - 3)]}..."


def failure_lines(
    place: Sequence[str], results: Sequence[Mapping[str, Any]], unreachable: bool
) -> list[str]:
    """A failed task in words: where it failed (host, phase, task), then what its results tell."""
    word = "UNREACHABLE" if unreachable else "FAILED"
    head = "  ".join([word, *(visible(p, 120) for p in place if p)])
    told = [line for r in results[:MOST_ITEMS] for line in told_lines(r)]
    more = len(results) - MOST_ITEMS
    return [head, *told, *([f"  and {more} more items"] if more > 0 else [])]


def told_lines(result: Mapping[str, Any]) -> list[str]:
    """The four parts of one failed result, or its message and the end of what its command said."""
    parts = mapping(result.get("stagegate")) or shut_out(result)
    if "censored" in result:
        parts = {"what": HIDDEN}
    elif not parts:
        parts = {
            "what": result.get("msg") or result.get("reason") or "no message",
            "said": said(result),
        }
    return [line for name in PARTS for line in part_lines(name, parts.get(name))]


def said(result: Mapping[str, Any]) -> str:
    """The last lines of a command's output, errors first."""
    text = result.get("stderr") or result.get("stdout") or ""
    lines = [line for line in str(text).splitlines() if line.strip()]
    return "\n".join(lines[-SAID_LINES:])


def part_lines(name: str, value: object) -> list[str]:
    """One part, its further lines below the first; a traceback becomes its last line."""
    text = visible(value, 4000, lines=True) if value else ""
    if TRACEBACK in text:
        text = text.strip().rpartition("\n")[2]
    lines = [line.rstrip() for line in text.strip().splitlines() if line.strip()]
    return [f"  {name if n == 0 else '':<10} {line}" for n, line in enumerate(lines)]


def closing_lines(report: Mapping[str, Any]) -> list[str]:
    """The end of a run that left a record: verdict, where things stand, the report, what next."""
    told = mapping(report.get("message"))
    verdict = str(report.get("verdict"))
    what, *further = str(told.get("what") or "").split("\n")
    return [
        f"{HEADLINES.get(verdict, visible(verdict, 40))}: {visible(what, 1000)}",
        *part_lines("also", "\n".join(further)),
        *part_lines("now", told.get("now")),
        *part_lines("untouched", told.get("untouched")),
        *part_lines("report", report.get("report")),
        *part_lines("next", told.get("next")),
    ]


def closing_failure(
    places: Sequence[tuple[str, str]], result: Mapping[str, Any], rescued: bool
) -> list[str]:
    """The end of a run that failed before it had a record: where, and what its failure advises."""
    phases = list(dict.fromkeys(phase for _, phase in places if phase))
    hosts = list(dict.fromkeys(host for host, _ in places))
    where = f" in {listed(phases, 3)}" if phases else ""
    parts = mapping(result.get("stagegate")) or shut_out(result) or ({} if rescued else UNTOLD)
    return [
        f"Failed{where} on {listed(hosts)}{', and rescued' if rescued else ''}",
        *(line for name in PARTS[2:] for line in part_lines(name, parts.get(name))),
    ]


def recap_line(host: str, counts: Mapping[str, int]) -> str:
    """One host's counts, in the words of the default recap."""
    names = {"failures": "failed"}
    keys = ("ok", "changed", "failures", "unreachable", "rescued")
    told = " ".join(f"{names.get(key, key)}={counts.get(key, 0)}" for key in keys)
    return f"{visible(host, 200)} : {told}"


def safe_diff(diff: object) -> list[dict[str, Any]]:
    """Diffs whose texts from hosts cannot steer the terminal; line ends stay."""
    found = diff if isinstance(diff, list) else [diff]
    return [{k: safe_side(v) for k, v in d.items()} for d in found if isinstance(d, dict)]


def safe_side(value: object) -> object:
    """One side of a diff: text made visible, everything else through its own members."""
    if isinstance(value, str):
        return visible(value, 100_000, lines=True)
    if isinstance(value, dict):
        return {visible(k, 200): safe_side(v) for k, v in value.items()}
    return [safe_side(v) for v in value] if isinstance(value, list) else value
