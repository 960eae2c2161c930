"""Found the knowledge base: an empty file where there is none."""

from __future__ import annotations

import sys
from pathlib import Path

Path(sys.argv[1]).touch()
