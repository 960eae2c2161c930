"""Search many seeds, or tell one: ``python -m tests.model --seeds 100000 [--jobs 2] [--seed N]``.

Exit 1 when a seed breaks; its number and its events are printed.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed

from .check import Broken, search

SHARE = 250
"""Seeds that one worker takes at a time."""


def main() -> int:
    """Search the seeds, on several processes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int)
    asked = parser.parse_args()
    begun = time.monotonic()
    if asked.seed is not None:
        broken, seeds = search([asked.seed]), 1
    else:
        broken, seeds = together(asked.first, asked.seeds, asked.jobs), asked.seeds
    if broken is not None:
        print(broken.told())
        return 1
    print(f"{seeds} seeds, nothing broken, {time.monotonic() - begun:.0f} s")
    return 0


def together(first: int, seeds: int, jobs: int) -> Broken | None:
    """The first broken seed that any worker meets."""
    shares = [
        range(begin, min(begin + SHARE, first + seeds))
        for begin in range(first, first + seeds, SHARE)
    ]
    with ProcessPoolExecutor(jobs) as pool:
        for done in as_completed([pool.submit(search, share) for share in shares]):
            if done.result() is not None:
                pool.shutdown(cancel_futures=True)
                return done.result()
    return None


if __name__ == "__main__":
    sys.exit(main())
