"""Build the releases of toon into dist/; examples/building.py says how, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parents[1]))

from examples.building import System, main  # noqa: E402 - found only by the path above

SYSTEM = System(HERE)

if __name__ == "__main__":
    sys.exit(main(SYSTEM))
