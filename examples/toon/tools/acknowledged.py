"""The log of acknowledged writes, one JSON object a line: the writer writes it, the checker reads.

`kind` is fact (with the `fact` as the service told it), removed (with its `id`) or context (with
its `name` and the `facts` in it). A line of kind `gap` tells when nothing was acknowledged, from
the first failure to the next success.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

Entry = dict[str, Any]


class Log:
    """Appends entries; each is out of this process before the next write is sent."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: TextIO = path.open("a", encoding="utf-8")

    def add(self, kind: str, **fields: Any) -> None:
        """Append one entry with the present time."""
        moment = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        self._file.write(json.dumps({"kind": kind, "time": moment, **fields}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_log(path: Path) -> Iterator[Entry]:
    """Yield the entries; a last line that was cut when the writer was killed is left out.

    Raises ValueError for a line that is cut anywhere else.
    """
    *lines, _unfinished = path.read_text(encoding="utf-8").split("\n")
    for number, line in enumerate(lines, 1):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise ValueError(f"{path}, line {number} is not JSON: {error}") from error
