"""Files and their verdicts. The tests run every case with every parser; a reference page shows it.

A finding is (kind, line, offset, length). Offsets and lengths are in bytes, lines count from 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Found = tuple[str, int, int, int]


@dataclass(frozen=True)
class Case:
    """One file: its bytes, how many records it has, what is found, under which rules."""

    name: str
    data: bytes
    records: int
    found: tuple[Found, ...] = ()
    rules: dict[str, Any] = field(default_factory=dict)


def good(name: str, data: bytes, records: int = 1, **rules: Any) -> Case:
    """A file in which nothing is found."""
    return Case(name, data, records, (), rules)


def accepting(name: str, data: bytes, records: int, *kinds: str) -> Case:
    """A file in which nothing is found because a policy accepts it."""
    return Case(name, data, records, (), {"policy": dict.fromkeys(kinds, "accept")})


def bad(name: str, data: bytes, *found: Found, records: int = 0, **rules: Any) -> Case:
    """A file in which something is found."""
    return Case(name, data, records, found, rules)


def whole(name: str, kind: str, line: bytes) -> Case:
    """A bad line between two good ones."""
    return bad(name, ONE + line + b"\n" + ONE, (kind, 2, len(ONE), len(line)), records=2)


ONE = b'{"a":1}\n'
BOM = b"\xef\xbb\xbf"
DEEP = b'{"a":' + b"[" * 99 + b"]" * 99 + b"}\n"
TOO_DEEP = b'{"a":' + b"[" * 100 + b"]" * 100 + b"}"

CASES = [
    good("an empty file", b"", 0),
    good("one record", ONE),
    good("white space around tokens", b' { "a" : [ 1 , 2 ] }\t\n'),
    good("U+2028, U+0085 and U+2029 in a text", '{"a":"x\u2028y\u0085z\u2029"}\n'.encode()),
    good("an escaped newline, tab and U+000B in a text", b'{"a":"x\\ny\\tz\\u000b"}\n'),
    good("an escaped NUL in a text", b'{"a":"\\u0000"}\n'),
    good("equal keys in two objects", b'{"a":{"b":1},"c":{"b":2}}\n'),
    good("colons, braces and quotes in texts", b'{"a":"{\\":\\" : :}","b:":":"}\n'),
    good("a colon as an escape", b'{"a\\u003A":"\\u003a"}\n'),
    good("brackets nested as deep as allowed", DEEP),
    good("the least and the largest integer",
         b'{"a":[-9223372036854775808,9223372036854775807]}\n'),
    good("fractions of 17 digits", b'{"a":[0.30000000000000004,1.7976931348623157e308,5e-324]}\n'),
    good("a pair of surrogates as escapes", b'{"a":"\\ud83d\\ude00"}\n'),
    good("a last line without newline, where that is allowed", ONE + b'{"a":2}', 2,
         final_newline="optional"),
    bad("a blank line", ONE + b"\n" + ONE, ("blank", 2, 8, 0), records=2),
    bad("a line of white space", ONE + b" \t \n" + ONE, ("blank", 2, 8, 3), records=2),
    accepting("blank lines, accepted", ONE + b"\n \n" + ONE, 2, "blank"),
    bad("a byte order mark", BOM + ONE + ONE, ("bom", 1, 0, 10), records=1),
    accepting("a byte order mark, accepted", BOM + ONE + ONE, 2, "bom"),
    bad("a byte order mark in the middle, two files put together", ONE + BOM + ONE,
        ("bom", 2, 8, 10), records=1, policy={"bom": "accept"}),
    bad("CRLF", b'{"a":1}\r\n{"a":2}\r\n', ("crlf", 1, 0, 8), ("crlf", 2, 9, 8)),
    accepting("CRLF, accepted", b'{"a":1}\r\n{"a":2}\r\n', 2, "crlf"),
    bad("CR only", b'{"a":1}\r{"a":2}\r', ("torn_tail", 1, 0, 16)),
    bad("CR only, and a newline at the end", b'{"a":1}\r{"a":2}\n',
        ("glued", 1, 0, 8), ("glued", 1, 8, 7)),
    whole("a carriage return between tokens", "cr", b'{"a":\r1}'),
    accepting("a carriage return between tokens, accepted", b'{"a":\r1}\n', 1, "cr"),
    whole("a raw U+000B outside of a text", "not_json", b'{"a":\x0b1}'),
    whole("a raw tab in a text", "not_json", b'{"a":"\t"}'),
    bad("a newline in a text", b'{"a":"x\ny"}\n', ("not_json", 1, 0, 7), ("not_json", 2, 8, 3)),
    bad("a record over two lines", b'{"a":[1\n2]}\n', ("not_json", 1, 0, 7), ("not_json", 2, 8, 3)),
    bad("a record over two lines, and two records on one", b'{"a":[1\n2]}\n{},{}\n',
        ("not_json", 1, 0, 7), ("not_json", 2, 8, 3), ("not_json", 3, 12, 5)),
    whole("a cut UTF-8 sequence", "not_utf8", b'{"a":"\xe2\x82"}'),
    whole("overlong UTF-8", "not_utf8", b'{"a":"\xc0\xaf"}'),
    whole("a surrogate as UTF-8", "not_utf8", b'{"a":"\xed\xa0\x80"}'),
    whole("a byte beyond U+10FFFF", "not_utf8", b'{"a":"\xf4\x90\x80\x80"}'),
    whole("Latin-1", "not_utf8", b'{"a":"na\xefve"}'),
    whole("UTF-16", "not_utf8", b"\xff\xfe{\x00}"),
    whole("a damaged quote", "not_json", b'{"a:1}'),
    whole("a comma too many", "not_json", b'{"a":1,}'),
    whole("text after the record", "not_json", b'{"a":1} x'),
    whole("a comment", "not_json", b'{"a":1} // one'),
    whole("a key twice", "duplicate_key", b'{"a":1,"b":2,"a":3}'),
    whole("a key twice, once as an escape", "duplicate_key", b'{"a":1,"\\u0061":2}'),
    whole("a key twice, deep inside", "duplicate_key", b'{"x":[{"y":{"a":1,"a":1}}]}'),
    whole("a key twice, and a colon as an escape", "duplicate_key", b'{"a":1,"b":"\\u003a","a":2}'),
    accepting("a key twice, accepted", b'{"a":1,"a":2}\n', 1, "duplicate_key"),
    whole("NaN", "constant", b'{"a":NaN}'),
    whole("Infinity", "constant", b'{"a":Infinity}'),
    whole("-Infinity", "constant", b'{"a":[-Infinity]}'),
    whole("1e400", "number", b'{"a":1e400}'),
    whole("1e-400", "number", b'{"a":1e-400}'),
    whole("1E-0400", "number", b'{"a": [1E-0400 ]}'),
    whole("2 to the 63", "number", b'{"a":9223372036854775808}'),
    whole("below the least integer", "number", b'{"a":-9223372036854775809}'),
    whole("2 to the 64", "number", b'{"a":18446744073709551616}'),
    whole("an integer of 5,000 digits", "number", b'{"a":' + b"7" * 5000 + b"}"),
    whole("a fraction of 19 digits", "number", b'{"a":3.141592653589793238}'),
    whole("a fraction that comes back as another", "number", b'{"a":9007199254740993.0}'),
    whole("a number with a leading zero", "not_json", b'{"a":01}'),
    whole("half a pair of surrogates", "surrogate", b'{"a":"\\ud800"}'),
    whole("half a pair of surrogates in a key", "surrogate", b'{"\\udc00":1}'),
    whole("brackets nested too deep", "depth", TOO_DEEP),
    whole("100,000 opening brackets", "depth", b"[" * 100_000),
    bad("brackets beyond a limit of one's own", b'{"a":{}}\n{"a":[[]]}\n', ("depth", 2, 9, 10),
        records=1, deepest=2),
    whole("an array", "not_an_object", b"[1]"),
    whole("a bare number", "not_an_object", b"12"),
    accepting("values that are no objects, accepted", b'[1]\n"x"\nnull\n7205759403792793\n', 4,
              "not_an_object"),
    bad("a line too long", b'{"a":"xxxxxxxxxx"}\n{"a":1}\n', ("too_long", 1, 0, 18), records=1,
        longest_line=16),
    good("a line just as long as allowed", b'{"a":"xxxxxxxx"}\n', 1, longest_line=16),
    bad("two records on one line", b'{"a":1}{"a":2}\n' + ONE, ("glued", 1, 0, 7),
        ("glued", 1, 7, 7), records=1),
    bad("a torn record with another after it", b'{"a":1,"b":"x{"a":2,"b":"y"}\n' + ONE,
        ("glued", 1, 0, 13), ("glued", 1, 13, 15), records=1),
    bad("a record torn in its first key with another after it", b'{"{"a":2}\n', ("glued", 1, 0, 2),
        ("glued", 1, 2, 7)),
    bad("two records and a torn one on one line", b'{"a":1}{"a":2} {"a\n', ("glued", 1, 0, 7),
        ("glued", 1, 7, 8), ("glued", 1, 15, 3)),
    whole("a torn record that has another inside", "not_json", b'{"a":{"b":1}'),
    bad("a torn tail", ONE + b'{"a":1,"b', ("torn_tail", 2, 8, 9), records=1),
    bad("a torn tail that is JSON: a number was cut", ONE + b"12", ("torn_tail", 2, 8, 2),
        records=1),
    bad("a record that lacks only its newline", ONE + b'{"a":1}', ("torn_tail", 2, 8, 7),
        records=1),
    bad("a torn tail where no newline is needed", ONE + b'{"a":1', ("torn_tail", 2, 8, 6),
        records=1, final_newline="optional"),
    bad("a cut number where no newline is needed", ONE + b"12", ("torn_tail", 2, 8, 2), records=1,
        final_newline="optional"),
    accepting("a torn tail, accepted", ONE + b'{"a":1,"b', 1, "torn_tail"),
    bad("damage in the middle and a torn tail", b'{"a":1\n' + ONE + b'{"a', ("not_json", 1, 0, 6),
        ("torn_tail", 3, 15, 3), records=1),
    bad("NUL bytes at the end", ONE + b"\0" * 512, ("nul_padding", 2, 8, 512), records=1),
    bad("a torn record and NUL bytes", ONE + b'{"a' + b"\0" * 9, ("nul_padding", 2, 8, 12),
        records=1),
    bad("NUL bytes before an append", ONE + b"\0" * 5 + ONE, ("nul_padding", 2, 8, 12), records=1),
    bad("NUL bytes inside a line", ONE + b'{"a":\0\0}\n', ("nul_padding", 2, 8, 8), records=1),
    bad("NUL bytes beyond the longest line", ONE + b"\0" * 900_000, ("nul_padding", 2, 8, 900_000),
        records=1, longest_line=100),
    bad("a torn tail beyond the longest line", ONE + b"x" * 900_000,
        ("torn_tail", 2, 8, 900_000), records=1, longest_line=100),
    bad("a long line in the middle of a long file", ONE * 40_000 + b"x" * 900_000 + b"\n" + ONE,
        ("too_long", 40_001, 320_000, 900_000), records=40_001, longest_line=100),
]  # fmt: skip
