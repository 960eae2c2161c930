"""Elements of a page, with everything escaped that is not markup already."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Union

from .text import visible

VOID = frozenset({"meta", "br", "hr", "line", "rect", "circle", "path", "polyline"})


class Markup(str):
    """Text that is markup already; only ``el`` and ``joined`` make it."""

    __slots__ = ()


Child = Union[str, int, float, None, Iterable["Child"]]


def el(name: str, /, *children: Child, **attributes: object) -> Markup:
    """One element; plain text among the children and in the attributes is escaped.

    A trailing underscore of an attribute's name is dropped and others become hyphens
    (``class_="wide"``, ``stroke_width=2``); an attribute of None or False is left out.
    """
    shown = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{attribute(value)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in VOID:
        return Markup(f"<{name}{shown}>" if not is_shape(name) else f"<{name}{shown}/>")
    return Markup(f"<{name}{shown}>{joined(*children)}</{name}>")


def attribute(value: object) -> str:
    """An attribute's value; numbers are those of a drawing and stay exact."""
    if isinstance(value, Markup):
        return value
    return str(value) if isinstance(value, (int, float)) else escape(visible(value))


def is_shape(name: str) -> bool:
    """True for the void elements of a drawing, which close themselves."""
    return name not in ("meta", "br", "hr")


def joined(*children: Child) -> Markup:
    """The children one after the other, escaped where they are not markup."""
    parts: list[str] = []
    for child in children:
        if child is None:
            continue
        if isinstance(child, Markup):
            parts.append(child)
        elif isinstance(child, (str, int, float)):
            parts.append(escape(visible(child)))
        else:
            parts.append(joined(*child))
    return Markup("".join(parts))


def lines(text: str) -> Markup:
    """Text with its line ends kept as breaks."""
    return Markup("<br>".join(escape(visible(line)) for line in text.split("\n")))
