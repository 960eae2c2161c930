"""The process that answers requests."""

from __future__ import annotations

import logging
import os
from functools import partial
from pathlib import Path
from typing import Any

from knowledge import web
from knowledge.contexts import Contexts
from knowledge.extraction import Outcome, Request
from knowledge.facts import Facts
from knowledge.operations import Knowledge
from knowledge.release import read_version
from knowledge.settings import StartupError, read_settings
from knowledge.telemetry import (
    EXTRACTIONS,
    LOG,
    PARSES,
    Identity,
    observe_knowledge,
    start_counters,
    start_log,
)
from toon_adapter import KnowledgeTOONAdapter

TROUBLE = ("unparsable", "incomplete")
"""Outcomes that are somebody's fault: the model's, or that of whoever asked it."""


def parsed_at(identity: Identity, request: Request, level: str) -> None:
    """Count and log how an answer was parsed; a fallback is told, for it is luck."""
    PARSES.labels(level, *identity.labels).inc()
    event = {"json": "parsed", "none": "parse failed"}.get(level, "parsed by fallback")
    severity = logging.WARNING if level == "none" else logging.INFO
    LOG.log(severity, event, extra={"fields": {"parse_level": level, "focus": request.focus}})


def ended(identity: Identity, request: Request, outcome: Outcome) -> None:
    """Count and log what became of an extraction."""
    EXTRACTIONS.labels(outcome.outcome, *identity.labels).inc()
    severity = logging.WARNING if outcome.outcome in TROUBLE else logging.INFO
    told = {"outcome": outcome.outcome, "stored": len(outcome.facts), "focus": request.focus}
    LOG.log(severity, "extraction", extra={"fields": told})


def run(root: Path) -> None:
    """Serve the release in `root` until told to stop."""
    settings = read_settings(os.environ)
    identity = Identity(read_version(root))
    facts, contexts = Facts(settings.facts), Contexts(settings.contexts)
    listener = web.bind(settings)
    start_log(settings.log, identity)
    start_counters(identity)
    knowledge = Knowledge(
        root,
        facts,
        contexts,
        partial(parsed_at, identity),
        partial(ended, identity),
    )
    knowledge.quality.look()  # what is judged now is not waited for at the first measurement
    observe_knowledge(facts, knowledge.quality, identity)

    def health() -> dict[str, Any]:
        bad = facts.bad_lines()
        return {
            "status": "healthy",
            "version": identity.version,
            "instance_id": identity.instance,
            "uptime_seconds": identity.uptime(),
            "python_toon": KnowledgeTOONAdapter.version(),
            "facts": len(facts.all()),
            "invalid_lines": [{"line": line.number, "offset": line.offset} for line in bad[:20]],
            "contexts": len(contexts.names()),
        }

    web.serve(web.build(knowledge.operations(), health), listener, identity)
    facts.close()


def main(root: Path) -> int:
    """Run the process; returns its exit status."""
    try:
        run(root)
    except StartupError as error:
        return web.refuse("toon-api", error)
    return 0
