"""Which release this process runs."""

from __future__ import annotations

import json
from pathlib import Path

DOCUMENTS = ("IMPLEMENTATION.md", "RESULTS.md", "SPECIFICATION.md", "SUMMARY.md")


def read_version(root: Path) -> str:
    """Read the version of the release that is unpacked in `root`."""
    manifest = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
    return str(manifest["version"])


def missing_documents(root: Path) -> list[str]:
    """Return the documents that this release should carry and does not."""
    return [name for name in DOCUMENTS if not (root / "docs" / name).is_file()]
