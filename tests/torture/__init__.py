"""Whatever dies, whenever: every fault at every entry of a run's ledger, on real systems.

    python -m tests.torture --seconds 1800 --seed 1

A *point* is a place before or after one entry of the ledger; a *case* is a fault at a point and the
way on that an operator chooses. Each case begins with the same disk, plays the fault, looks, goes
on as the product says, looks again, and asks for the same once more: that must change nothing.
"""

from __future__ import annotations
