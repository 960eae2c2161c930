"""What the command lines of all fuzzers have in common."""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Callable

Fuzz = Callable[[int, int], Counter[str]]


def run_main(name: str, text: str | None, fuzz: Fuzz) -> int:
    """Fuzz as the command line says, and tell what was found."""
    parser = argparse.ArgumentParser(prog=f"python -m tests.fuzz.{name}", description=text)
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    begin = time.monotonic()
    found = fuzz(given.inputs, given.seed)
    seconds = time.monotonic() - begin
    counted = ", ".join(f"{number} {kind}" for kind, number in found.most_common())
    print(f"{given.inputs} inputs of seed {given.seed} in {seconds:.0f} s: {counted}")
    return 0
