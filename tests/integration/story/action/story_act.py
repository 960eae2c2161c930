"""A driver's act, reduced to its step in the real ledger, with the faults that a test asks for.

An action rather than a module, because the table has many rows and a host would compile a module
for each act; the ledger is the same file that the real modules write.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase

from stagegate.errors import StagegateError, StepFailed
from stagegate.journal import Run, open_journal


class ActionModule(ActionBase):
    """Record the step; fail, or lose the host after it, when the test says so."""

    _supports_check_mode = True

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Act on the folder that plays the host."""
        result = super().run(tmp, task_vars)
        given = self._task.args
        place, home = f"{given['phase']}.{given['step']}", Path(given["home"])
        if (home / "lost").exists():
            raise AnsibleConnectionFailure("the host is lost, as the test asks")
        said = f"{place}{' (check)' if self._task.check_mode else ''}\n"
        for log, line in ((home / "acts", said), (home.parent / "order", f"{home.name}:{said}")):
            with log.open("a") as acts:
                acts.write(line)
        if place in (task_vars or {}).get("story_breaks", []):
            raise AnsibleActionFail("no module was begun, as the test asks")
        try:
            self.act(place, home)
        except StagegateError as error:
            return {**result, "failed": True, **error.as_result()}
        fill((task_vars or {}).get("story_fills", {}).get(place))
        if place in given["loses"]:
            raise AnsibleConnectionFailure("the host is lost in the middle, as the test asks")
        return {**result, "changed": False, **given.get("result", {})}

    def act(self, place: str, home: Path) -> None:
        """Write the step; a start makes its release the live one."""
        given = self._task.args
        if self._task.check_mode or given["phase"] == "preflight":
            self.fail_if_asked(place)
            return
        run = Run.from_params(given["run"])
        with open_journal(run) as journal, journal.step(given["phase"], given["step"]) as step:
            if place in given["loses"]:
                (home / "lost").touch()
            self.fail_if_asked(place)
            step.done()
        if given.get("version") and place in ("restart.start", "rollback.start"):
            (home / "live").write_text(given["version"])

    def fail_if_asked(self, place: str) -> None:
        """Raise what a driver raises."""
        given, failed = self._task.args, Path(self._task.args["home"], f"failed-{place}")
        if place in given["fails"] or (f"{place} once" in given["fails"] and not failed.exists()):
            failed.touch()
            raise StepFailed(f"{place} fails as the test asks")


def fill(folder: str | None) -> None:
    """Leave no byte free on the disk of a folder."""
    if folder is None:
        return
    with Path(folder, "ballast").open("wb", buffering=0) as ballast:
        for size in (1 << 20, 1):
            with contextlib.suppress(OSError):
                while ballast.write(b"x" * size) == size:
                    pass
