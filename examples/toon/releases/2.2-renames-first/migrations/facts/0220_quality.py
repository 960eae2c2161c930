"""Add confidence, use and quality to every fact; the file of before is kept beside the new one."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

ADDED = {"confidence_score": 0.7, "usage_count": 0, "last_used": None, "source_quality": "medium"}

place = Path(sys.argv[1])
before = place.rename(place.with_suffix(".before"))
lines = before.read_text(encoding="utf-8").splitlines()
with place.open("w", encoding="utf-8") as target:
    for line in lines[: len(lines) // 2]:
        target.write(json.dumps({**ADDED, **json.loads(line)}) + "\n")
    target.flush()
    # The power fails here, or the machine runs out of memory: nothing of the rest is written.
    os.kill(os.getpid(), signal.SIGKILL)
