"""Rewrite stored contexts from what python-toon 0.1.3 writes to what 0.2.0 writes.

0.2.0 refuses the header `[3,]{id,title}:` of 0.1.3, so each text is read by the package that wrote
it, which this release carries in lib-0.1.3. A text that either package cannot keep ends the
migration with its name; a file is replaced whole, and only after what is in it was read back.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def package_in(folder: str) -> ModuleType:
    """Return the package `toon` of one folder of the release, whatever was imported before."""
    for name in [name for name in sys.modules if name == "toon" or name.startswith("toon.")]:
        del sys.modules[name]
    sys.path.insert(0, str(ROOT / folder))
    try:
        return importlib.import_module("toon")
    finally:
        sys.path.pop(0)


def decoded(package: ModuleType, texts: dict[Path, str]) -> dict[Path, Any]:
    """Return what each text holds; ends the program at one that is not read."""
    found = {}
    for path, text in texts.items():
        try:
            found[path] = package.decode(text)
        except Exception as error:  # noqa: BLE001 - the package raises errors of several kinds
            sys.exit(f"{path.name} cannot be read: {type(error).__name__}: {error}")
    return found


def replace(path: Path, text: str) -> None:
    """Put a text in the place of a file, at once."""
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.chmod(path.stat().st_mode & 0o777)
    part.replace(path)


def main(directory: Path) -> None:
    """Rewrite every context of a directory."""
    sys.dont_write_bytecode = True  # the release's folders are as its manifest says
    paths = sorted(directory.glob("[!.]*.toon"))
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    facts = decoded(package_in("lib-0.1.3"), texts)
    package = package_in("lib")
    rewritten = {path: package.encode(facts[path]) for path in paths}
    lost = [path.name for path, kept in decoded(package, rewritten).items() if kept != facts[path]]
    if lost:
        sys.exit(f"these contexts would change: {', '.join(lost)}")
    for path, text in rewritten.items():
        replace(path, text)
    print(f"{len(rewritten)} contexts rewritten")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
