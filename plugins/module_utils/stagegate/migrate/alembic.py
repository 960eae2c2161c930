"""alembic's migrations of a release: compared, applied and, where declared, led down again.

::

    alembic_chain    the revisions of a release as one line, read from their texts
    alembic_state    what a database is: revision, objects, content
    alembic_account  probe: what is pending, and what must not be met
    alembic_run      one order to alembic in a process of its own (alembic_runner)
    alembic_apply    apply: up to the release's last revision, on a copy or on the live database
    alembic_trip     the proof on the copy that a way down leads back
    alembic_revert   revert: down to the revision that this run recorded
    alembic_record   what the ledger keeps of it; alembic_refuse: what must not have changed
"""

from __future__ import annotations

from typing import Any

from ..journal import Run, open_journal
from .alembic_account import probe
from .alembic_apply import apply
from .alembic_revert import revert

ACTIONS = {"apply": apply, "revert": revert}


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do one action; in check mode only compare."""
    if params["action"] == "probe":
        return {"changed": False, **probe(params)}
    if check_mode:
        return {"changed": True}
    with open_journal(Run.from_params(params["run"])) as journal:
        state = ACTIONS[params["action"]](journal, params["phase"], params)
    return {"changed": True, "state": state}
