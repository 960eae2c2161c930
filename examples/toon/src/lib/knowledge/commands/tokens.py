"""Say what TOON saves on the facts of a file against JSON, as one JSON line."""

from __future__ import annotations

import json
import os
from pathlib import Path

from knowledge.facts import read_facts
from knowledge.quality import saving_of
from knowledge.settings import StartupError, read_place
from knowledge.web import refuse
from toon_adapter import KnowledgeTOONAdapter


def main(_root: Path) -> int:
    """Run the program; returns the exit status."""
    try:
        facts = read_facts(read_place(os.environ, "TOON_FACTS", "the file of facts"))
    except StartupError as error:
        return refuse("toon-tokens", error)
    about = {"python_toon": KnowledgeTOONAdapter.version(), "facts": len(facts)}
    print(json.dumps({**about, **saving_of(facts)}))
    return 0
