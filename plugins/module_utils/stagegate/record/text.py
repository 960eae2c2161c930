"""Words and figures from hosts, made safe and short enough to show.

Everything that a host, an artifact or an inventory says is data: control characters, terminal
escapes, direction marks and half characters become visible escapes, and length is bounded. Markup
is escaped by the renderer that writes the markup.
"""

from __future__ import annotations

import json
import math
import shlex
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LIMIT = 2000
"""Characters of one value that a page shows; the record keeps more."""

DASH = "\u2013"
"""Stands where nothing was measured or said."""

BARE_UNITS = frozenset({"count", "ratio"})
"""Units that say nothing beside their figure."""

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that move the cursor, hide or reorder text, or cannot be encoded."""


INVENTORY = "<inventory>"
"""Stands in the words of a host for what only the controller knows: what was given with -i."""


def one_inventory(given: Iterable[object]) -> str:
    """The inventory of a command, relative when it lies here; empty when there are several."""
    places = [str(path) for path in given]
    return places[0].removeprefix(f"{Path.cwd()}/") if len(places) == 1 else ""


def filled(words: str, inventory: str) -> str:
    """A host's words with the inventory in them, so that a command can be typed as it stands."""
    return words.replace(INVENTORY, shlex.quote(visible(inventory, 200))) if inventory else words


def visible(value: object, limit: int = LIMIT, *, lines: bool = False) -> str:
    """The value as text that shows what it holds; line ends are kept only when ``lines``."""
    text = value if isinstance(value, str) else plain(value)
    cut = text[:limit]
    shown = cut if cut.isascii() and cut.isprintable() else "".join(seen(c, lines) for c in cut)
    rest = len(text) - len(cut)
    return f"{shown} … ({rest} more characters)" if rest else shown


def seen(character: str, lines: bool) -> str:
    """One character, or the escape that stands for it."""
    if unicodedata.category(character) not in HIDDEN:
        return character
    if lines and character in "\n\t":
        return "\n" if character == "\n" else "    "
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def plain(value: object) -> str:
    """A value that is not text, as the shortest text a person would write."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return figure(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return json.dumps(value, sort_keys=True, default=str)


def figure(value: float) -> str:
    """A number with four significant digits at most, thousands parted: 1 234, 0.0123, 98.7."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}".replace(",", " ")
    return f"{value:.4g}"


def measure(value: object, unit: str = "") -> str:
    """A measured value with its unit; a dash where nothing was measured."""
    if value is None or value == "":
        return DASH
    if isinstance(value, (list, tuple)):
        return measure(" to ".join(measure(v) for v in value[:2]), unit)
    text = visible(value, 200)
    return f"{text} {visible(unit, 30)}" if unit and unit not in BARE_UNITS else text


def number(value: object) -> float | None:
    """The value when it is a finite number, else None; truth values are not numbers."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value if math.isfinite(value) else None
    return None


def size(value: object) -> str:
    """Bytes in the unit a person reads: 512 B, 4.2 MB (powers of 1000)."""
    amount = number(value)
    if amount is None:
        return DASH
    for unit in ("B", "kB", "MB", "GB"):
        if abs(amount) < 1000:
            return f"{figure(round(amount, 1))} {unit}"
        amount /= 1000
    return f"{figure(round(amount, 1))} TB"


def duration(seconds: object) -> str:
    """Seconds as 12 ms, 0.4 s, 12.3 s, 4 min 05 s, 2 h 10 min."""
    amount = number(seconds)
    if amount is None:
        return DASH
    amount = max(0.0, amount)
    if 0 < amount < 0.0995:
        return f"{max(1, round(amount * 1000))} ms"
    if amount < 99.95:
        return f"{amount:.1f} s"
    whole = round(amount)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def listed(names: list[str], most: int = 8) -> str:
    """Names in one phrase: "a, b and c", "a, b, … and 40 more"."""
    shown = [visible(n, 80) for n in names]
    if len(shown) > most:
        return f"{', '.join(shown[:most])} and {len(shown) - most} more"
    return (
        shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""
    )


def bounded(value: Any, depth: int = 12) -> Any:  # any JSON
    """The value as JSON can hold it, without the bulk that one host could make everyone carry.

    Text keeps 16 kB, a list or an object 2 000 members, 12 levels; what is cut says so.
    """
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (str, bytes)):
        text = value if isinstance(value, str) else plain(value)
        return text if len(text) <= 16_000 else f"{text[:16_000]} … ({len(text) - 16_000} more)"
    if depth == 0:
        return "… (nested too deeply)"
    if isinstance(value, dict):
        members = sorted(((str(k)[:200], v) for k, v in value.items()), key=lambda pair: pair[0])
        kept = {k: bounded(v, depth - 1) for k, v in members[:2000]}
        return {**kept, "…": f"{len(members) - 2000} more"} if len(members) > 2000 else kept
    if isinstance(value, (list, tuple)):
        few = [bounded(v, depth - 1) for v in value[:2000]]
        return [*few, f"… ({len(value) - 2000} more)"] if len(value) > 2000 else few
    return str(value)[:16_000]
