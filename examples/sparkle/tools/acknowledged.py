"""The log of acknowledged writes, one JSON object a line: the users write it, the checker reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

Entry = dict[str, Any]


def digest_of(text: str) -> str:
    """Return what stands for a text in the log."""
    return hashlib.sha256(text.encode()).hexdigest()


class Log:
    """Appends entries; each is out of this process before the next write is sent."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("a", encoding="utf-8")

    def add(self, key: str, text: str) -> None:
        """Append a message that was acknowledged."""
        moment = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        entry = {"key": key, "sha256": digest_of(text), "time": moment}
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()


def read_log(path: Path) -> Iterator[Entry]:
    """Yield the entries; a last line that was cut when its writer was killed is left out.

    Raises ValueError for a line that is cut anywhere else.
    """
    *lines, _cut = path.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines, 1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number} is not JSON: {error}") from error
