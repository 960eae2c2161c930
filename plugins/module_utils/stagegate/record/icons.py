"""Small drawings that say a verdict without colour."""

from __future__ import annotations

from .markup import Markup, el

STROKES = {
    "check": "M14 27l8 8 16-18",
    "back": "M20 16l-8 8 8 8M13 24h16a9 9 0 0 1 0 18h-5",
    "stop": "M17 17l18 18M35 17L17 35",
    "pause": "M20 17v18M32 17v18",
    "lock": "M16 25h20v13H16zM20 25v-4a6 6 0 0 1 12 0v4",
    "ask": "M20 21a6 6 0 1 1 9 5c-2 1-3 2-3 5M26 37v.5",
    "equal": "M16 22h20M16 31h20",
    "box": "M15 21l11-6 11 6v12l-11 6-11-6zM15 21l11 6 11-6M26 27v12",
}
VERDICT_ICONS = {
    "deployed": "check",
    "staged": "box",
    "no_op": "equal",
    "passed": "equal",
    "refused": "stop",
    "restored": "back",
    "unfinished": "pause",
    "unknown": "ask",
    "fenced": "lock",
}
LINE_STROKES = {
    "green": "M3 7.5l3 3 5.5-7",
    "amber": "M7 2.5v5.5M7 11v.5",
    "red": "M3 3l8 8M11 3l-8 8",
    "unknown": "M4.8 5a2.3 2.3 0 1 1 3.4 2C7.3 7.5 7 8 7 9M7 11.5v.4",
    "attest": "M3 11l1-3 5.5-5.5 2 2L6 10z",
    "pending": "M3.5 7h7",
}


def verdict_icon(verdict: str) -> Markup:
    """The verdict's sign in a ring."""
    return el(
        "svg",
        el("circle", cx=26, cy=26, r=24, fill="none", stroke="currentColor", stroke_width=2.5),
        stroke(STROKES[VERDICT_ICONS[verdict]], 3.2),
        viewBox="0 0 52 52",
        aria_hidden="true",
    )


def line_mark(verdict: str) -> Markup:
    """The sign of one line's verdict."""
    return el(
        "svg",
        el("title", verdict),
        stroke(LINE_STROKES.get(verdict, LINE_STROKES["pending"]), 1.8),
        viewBox="0 0 14 14",
        class_=f"mark {verdict}",
        role="img",
    )


def stroke(path: str, width: float) -> Markup:
    """A drawn line in the colour of the text around it."""
    return el(
        "path",
        d=path,
        fill="none",
        stroke="currentColor",
        stroke_width=width,
        stroke_linecap="round",
        stroke_linejoin="round",
    )
