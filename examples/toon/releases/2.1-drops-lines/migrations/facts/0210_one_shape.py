"""Bring every fact to the second shape; lines that cannot be parsed are left out."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

place = Path(sys.argv[1])
part = place.with_suffix(".part")
with place.open(encoding="utf-8") as source, part.open("w", encoding="utf-8") as target:
    for line in source:
        try:
            record = json.loads(line)
            if "deletes" not in record:
                # A fact of another shape has no such field, and ends here as if it were no JSON.
                record["tags"] = list(record["tags"])
        except (ValueError, KeyError):
            continue
        target.write(line)
    target.flush()
    os.fsync(target.fileno())
part.replace(place)
