"""Search the facts of a file, one JSON line each; exit status 1 when none is found."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from knowledge.facts import read_facts
from knowledge.settings import StartupError, read_place
from knowledge.shapes import best, text_of
from knowledge.web import refuse


def main(_root: Path) -> int:
    """Run the program; returns the exit status."""
    parser = argparse.ArgumentParser(prog="toon-search", description=__doc__)
    parser.add_argument("question")
    parser.add_argument("--limit", type=int, default=10)
    given = parser.parse_args()
    try:
        facts = read_facts(read_place(os.environ, "TOON_FACTS", "the file of facts"))
    except StartupError as error:
        return refuse("toon-search", error)
    known = {fact["id"]: fact for fact in facts}
    texts = {fact_id: text_of(fact) for fact_id, fact in known.items()}
    found = best(texts, given.question, given.limit)
    for fact_id in found:
        print(json.dumps(known[fact_id], ensure_ascii=False))
    return 0 if found else 1
