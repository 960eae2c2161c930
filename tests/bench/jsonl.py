"""Validation of a JSONL file, beside a parser that is called for each line and nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stagegate.jsonl.crew import processes_for
from tests.bench.facts import STYLES, facts_file
from tests.bench.model import Outcome, Row, Sample, Target
from tests.bench.timing import interleaved, median_cpu, median_wall, run_act

QUICK, PLAIN = "orjson.loads for each line", "json.loads for each line"
FALLBACK = "ours without orjson"
THROUGHPUT = Target(1 / 0.8)
FASTER = Target(1 / 3)
MEMORY = Target(64, absolute=True)


def measure(sizes: Sequence[int]) -> Outcome:
    """Measure every size, in megabytes, of facts in two styles of writing."""
    outcome = Outcome()
    for size in sizes:
        for style in STYLES:
            measure_file(facts_file(size, style), f"{size} MB of facts, {style}", size, outcome)
    return outcome


def measure_file(path: Path, what: str, size: int, outcome: Outcome) -> None:
    """Add the lines of one file."""
    runs = 7 if size <= 200 else 3
    contestants = {
        "ours": lambda: run_act("validate", str(path), "auto"),
        QUICK: lambda: run_act("parse", str(path), "orjson"),
        PLAIN: lambda: run_act("parse", str(path), "json"),
        FALLBACK: lambda: run_act("validate", str(path), "json"),
    }
    taken = interleaved(contestants, runs)
    ours = taken["ours"]
    for peer, target in ((QUICK, THROUGHPUT), (PLAIN, FASTER)):
        figures = median_wall(ours), median_wall(taken[peer])
        outcome.rows.append(Row(f"validation, {what}", "s", *figures, peer, runs, target))
    cpu = median_cpu(ours), median_cpu(taken[QUICK])
    outcome.rows.append(Row(f"validation, {what}", "CPU s", *cpu, QUICK, runs))
    fallback = median_wall(taken[FALLBACK]), median_wall(taken[PLAIN])
    outcome.rows.append(Row(f"validation without orjson, {what}", "s", *fallback, PLAIN, runs))
    memory = [max(beyond(sample, path) for sample in taken[name]) for name in ("ours", QUICK)]
    outcome.rows.append(
        Row(f"memory over the interpreter, {what}", "MiB", *memory, QUICK, runs, MEMORY)
    )


def beyond(sample: Sample, path: Path) -> float:
    """MiB that a process held at most beyond what it held before, its children's added to it."""
    judges = processes_for(0, path.stat().st_size)
    children = judges * max(0, sample.child - sample.before) if sample.child else 0
    return (sample.peak - sample.before + children) / 2**20
