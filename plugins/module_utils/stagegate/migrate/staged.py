"""A staged release against the ledger: what was reviewed and staged is what may migrate."""

from __future__ import annotations

from pathlib import Path

from ..journal import Journal
from ..release.tree import verify_tree


def changed_since_staged(journal: Journal, release: Path) -> list[str]:
    """What differs in a staged release from its manifest in the ledger; nothing when none is."""
    manifest = staged_manifest(journal, release)
    return verify_tree(release, manifest)[1] if manifest else []


def staged_manifest(journal: Journal, release: Path) -> str:
    """The digest of the manifest that was staged last into this folder; empty when none was."""
    staged = [e.state for e in journal.entries if (e.step, e.kind) == ("stage", "done")]
    mine = [state for state in staged if state.get("path") == str(release)]
    return str(mine[-1].get("manifest") or "") if mine else ""
