"""Definitions in a form that a dump and its restore leave as it is.

PostgreSQL keeps an expression as a tree and writes it out anew. ``state IN ('a', 'b')`` on a column
of type varchar comes out with a cast around the whole list, and once more restored with a cast at
each value; ``(a AND b) AND c`` comes back as ``a AND b AND c``. Here casts to character types and
all parentheses are left out, and every gap is one space; quoted text stays as it is. So two
conditions that differ in nothing but their grouping look the same: a difference that a restore
makes by itself cannot be a difference that anybody is stopped for.
"""

from __future__ import annotations

import re

QUOTED = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*"|\$(\w*)\$.*?\$\2\$)""", re.DOTALL)
TEXT_CAST = re.compile(
    r"::(?:character varying|character|bpchar|varchar|text)(?:\(\d+\))?(?:\[\])?"
)
PARENTHESES = re.compile(r"[()\s]+")
AROUND = re.compile(r" ?([\[\],]) ?")


def lean(definition: str) -> str:
    """The definition without what a restore may write in another way."""
    quoted: list[str] = []

    def put_aside(found: re.Match[str]) -> str:
        quoted.append(found.group())
        return f"\0{len(quoted) - 1}\0"

    text = QUOTED.sub(put_aside, definition.replace("\0", ""))
    text = PARENTHESES.sub(" ", TEXT_CAST.sub("", text)).strip()
    text = AROUND.sub(r"\1", text)
    return re.sub("\0(\\d+)\0", lambda found: quoted[int(found.group(1))], text)
