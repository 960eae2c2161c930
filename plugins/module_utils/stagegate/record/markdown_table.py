"""Text, blocks and tables: the pieces that the parts of the Markdown are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .text import visible

SPECIAL = re.compile(r"([\\`*{}\[\]|~#$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9]))")


def md(value: object, limit: int = 500) -> str:
    """Text that no reader of Markdown takes for markup, a link or HTML."""
    text = visible(value, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return SPECIAL.sub(r"\\\1", text).replace("://", ":\\/\\/").replace("www.", "www\\.")


def code(text: str) -> str:
    """A fenced block that its own text cannot close."""
    shown = "\n".join(visible(line) for line in text.split("\n"))
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{shown}\n{fence}"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    found = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([f"| {' | '.join(heads)} |", f"|{'---|' * len(heads)}", *found])
