"""A step of the real ledger that counts how often it acts and waits for leave to end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module
from ansible.module_utils.stagegate.journal import Run, open_journal

DEADLINE = 60.0


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do the step once in a run, and answer with as many bytes as are asked for."""
    place = Path(params["place"])
    journal = open_journal(Run.from_params(params["run"]))
    with journal as ledger, ledger.step("migrate", "apply") as step:
        if step.earlier is None:
            with (place / "acted").open("a") as acted:
                acted.write("once\n")
            end = time.monotonic() + DEADLINE
            while not (place / "leave").exists() and time.monotonic() < end:
                time.sleep(0.02)
        step.done()
    return {"changed": step.earlier is None, "answer": "x" * params["bytes"]}


def main() -> None:
    """Run the module."""
    spec = {
        "run": RUN_OPTIONS,
        "place": {"type": "path", "required": True},
        "bytes": {"type": "int", "default": 0},
    }
    run_module(AnsibleModule(argument_spec=spec), act)


if __name__ == "__main__":
    main()
