"""One host with one SQLite store, driven through the core as the module drives it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stagegate.sqlite.driver import run_task
from stagegate.sqlite.task import Task

FILE = "abathur.db"
FILLED = "generations/gen-filled"


@dataclass(frozen=True)
class Site:
    """``data`` holds the live link and the generations; ``state`` what a run keeps of its own."""

    data: Path
    state: Path
    run: str = "20260101T000000Z-be9c"

    @property
    def live(self) -> Path:
        """The database as the service opens it."""
        return self.data / "current" / FILE

    @property
    def filled(self) -> Path:
        """The database that was made before this run."""
        return self.data / FILLED / FILE

    def do(self, action: str, **params: Any) -> dict[str, Any]:
        """Do one action of the driver; return its result."""
        run = {
            "id": self.run,
            "epoch": 1,
            "system": "abathur",
            "host": "bench",
            "state": str(self.state),
            "exclusive": False,
        }
        store = {"name": "memory", "kind": "sqlite", "path": str(self.live)}
        task = Task.from_params({"action": action, "run": run, "store": store, **params})
        return run_task(task, check_mode=False)
