"""Strings that somebody might put where a person writes a name, a path or a sentence."""

from __future__ import annotations

from pathlib import Path

CONTROL = {
    "newline": "a\nb",
    "carriage return": "a\rb",
    "nul": "a\0b",
    "escape": "a\x1b[2Jb",
    "bell": "a\x07b",
    "delete": "a\x7fb",
    "tab": "a\tb",
}
"""Refused everywhere: no name, path or sentence of a person holds one."""


def templates(canary: Path) -> dict[str, str]:
    """Texts that Jinja would act on; each would leave the canary if anything rendered it."""
    texts = {
        "pipe lookup": "{{ lookup('pipe', 'touch CANARY') }}",
        "query": "{{ query('ansible.builtin.pipe', 'touch CANARY') }}",
        "lines lookup": "{{ q('lines', 'touch CANARY') }}",
        "inside a word": "1.0{{ lookup('pipe', 'touch CANARY') }}",
        "statement": "{% set x = lookup('pipe', 'touch CANARY') %}",
        "comment": "{# #}",
        "expression": "{{ 7 * 7 }}",
    }
    return {kind: text.replace("CANARY", str(canary)) for kind, text in texts.items()}


def words(canary: Path) -> dict[str, str]:
    """Texts without markers or control characters: refused by a pattern, or treated as data."""
    touch = f"touch {canary}"
    return {
        "semicolon": f"a; {touch}",
        "and": f"a && {touch}",
        "pipe": f"a | {touch}",
        "substitution": f"$({touch})",
        "backticks": f"`{touch}`",
        "redirection": f"a > {canary}",
        "variable": "$HOME ${PATH} %h %n",
        "quotes": 'a\' "b" \\',
        "leading dash": "--version",
        "short option": "-rf",
        "parents": "../../etc/passwd",
        "parents in a path": "/srv/../etc/passwd",
        "double slash": "/srv//demo",
        "home": "~root/.ssh",
        "right to left": "abc\u202egnp.exe",
        "zero width": "demo\u200b",
        "homoglyph": "dem\u043e",
        "full width": "\uff0e\uff0e\uff0fetc",
        "c1 control": "a\x9b31mb",
        "line separator": "a\u2028b",
        "half a character": "a\ud800b",
        "long": "a" * 100_000,
        "empty": "",
        "blank": " ",
        "yaml tag": "!!python/object/apply:os.system [true]",
        "yaml anchor": "&a [*a, *a]",
        "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
        "markdown": "[click](javascript:alert(1)) | `x` | **b**",
        "table": "a | b |\n".replace("\n", ""),
        "sql": "x'; DROP TABLE users; --",
        "format": "%s%n{0.__class__}",
        "unit file": "[Service] User=root",
    }
