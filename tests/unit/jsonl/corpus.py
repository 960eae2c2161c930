"""Texts that are JSON and texts that are not, one a line, each by what it is about."""

from __future__ import annotations

NUMBERS = [
    b"0", b"-0", b"1", b"-1", b"10", b"0.0", b"-0.0", b"0.5", b"1e1", b"1E1", b"1e+1", b"1e-1",
    b"1.5e10", b"0e0", b"0E+00", b"123456789012345", b"1234567890123456", b"0.1", b"1e308",
    b"-1e308", b"2.2250738585072014e-308", b"1e-99", b"1e-100", b"1e-300", b"100e-2", b"1.0e+00",
    b"9007199254740992", b"9007199254740993", b"0.000000000000000000000000000000000000000001",
    b"7205759403792793", b"7.205759403792793e15", b"0.30000000000000004", b"1e22", b"1e23",
]  # fmt: skip
TEXTS = [
    b'""', b'"a"', b'" "', b'"\\""', b'"\\\\"', b'"\\/"', b'"/"', b'"\\b\\f\\n\\r\\t"',
    b'"\\u0041"', b'"\\u00e9"', b'"\\u20ac"', b'"\\ud834\\udd1e"', b'"\\uD834\\uDD1E"',
    b'"\\u0000"', b'"\x7f"', "\"\u00e9\"".encode(), "\"\u20ac\"".encode(),
    "\"\U0001d11e\"".encode(), "\"\ufeff\"".encode(), "\"\u200b\"".encode(),
    "\"\ufffe\"".encode(), b'"\\\\ud800"', b'"\\\\u003a"', b'"//"', b'"/*"', b'"[[[["', b'"}{"',
    b'"12345678901234567890"', b'"1e-400"', b'"\\\\\\""', b'"NaN"', b'"\\u2028"',
]  # fmt: skip
SHAPES = [
    b"[]", b"{}", b"[ ]", b"{ }", b"[1]", b"[1,2]", b"[[]]", b"[[],[]]", b'{"":0}', b'{"a":{}}',
    b'{"a":[],"b":{}}', b"[null,true,false]", b"null", b"true", b"false", b'{"a":null}',
    b'[{"a":1},{"a":1}]', b'{"a":{"a":{"a":1}}}', b' [1] ', b'\t{"a"\t:\t1}\t', b'{"a b":1}',
    b'{"\\u0061":1,"b":2}', b'{"a":1,"A":1}', b'{"a":1,"a ":1}', b'{"\\u0000":1}',
    b'{"__proto__":1}',
]  # fmt: skip

GOOD = [*NUMBERS, *TEXTS, *SHAPES, *(b'{"a":' + text + b"}" for text in (*NUMBERS, *TEXTS))]
"""Each is a value of strict JSON that comes back as it was."""

BAD: dict[bytes, str] = {
    **dict.fromkeys([
        b"[", b"]", b"{", b"}", b"[1", b"[1,", b"[,1]", b"[1,]", b"[1,,2]", b"[1 2]", b"[1}",
        b'{"a"}', b'{"a":}', b'{"a" 1}', b'{"a":1,}', b'{,"a":1}', b'{"a":1,,"b":2}', b"{a:1}",
        b"{'a':1}", b"{1:1}", b'{"a":1 "b":2}', b'{"a"::1}', b'{"a":1', b'["a', b'["a\\',
        b'["\\u', b'["\\u12"]', b'["\\x00"]', b'["\\a"]', b"['a']", b"[a]", b"nul", b"nulll",
        b"True", b"TRUE", b"tru", b"undefined", b"nan", b"inf", b"+1", b"[+1]", b"-", b"[-]",
        b"[- 1]", b"01", b"-01", b"[1.]", b"[.5]", b"[-.5]", b"[1e]", b"[1e+]", b"[1.e1]",
        b"[1e1.5]", b"[0x1F]", b"[1_000]", b"[1,000.5e]", b"[\"\x00\"]".replace(b"\x00", b"\x01"),
        b'["\x1f"]', b"\x0c1", b"[\xc2\xa01]", b"\xe2\x80\xa81", b"#", b"/**/1", b"1/**/", b"<x>",
        b"[1]]", b"[]a", b'""""x', b"[\xef\xbb\xbf1]", b"*", b"\\u0022a", "[\u2460]".encode(),
        "[\uff11]".encode(), b"[1]\x7f", b"[Infinity]x", b"[1e99999", b"1 2", b'"a""b"',
        b"1 true",
    ], "not_json"),
    **dict.fromkeys([b"[NaN]", b"NaN", b"-Infinity", b'{"a":Infinity}'], "constant"),
    **dict.fromkeys([
        b"1e309", b"-1e309", b"[1e99999]", b"1e-325", b"[123456789012345678901]",
        b"-9223372036854775809", b"1" * 400 + b".5", b"0." + b"0" * 400 + b"1",
        b"1.00000000000000001", b"1.23e-323", b"100000000000000000001e0", b"18446744073709551615",
        b"9223372036854775808", b"1e-0400", b"0.10000000000000000555",
    ], "number"),
    **dict.fromkeys([
        b'"\\ud800"', b'"\\udc00"', b'"\\ud800\\ud800"', b'"\\udd1e\\ud834"', b'"\\uD800a"',
        b'{"\\ud800":1}', b'["\\ud800\\n"]', b'"\\ud800\\\\udc00"',
    ], "surrogate"),
    **dict.fromkeys([
        b'"\x80"', b'"\xc3"', b'"\xc3\x28"', b'"\xe2\x28\xa1"', b'"\xf0\x80\x80\x80"',
        b'"\xc1\xbf"', b'"\xe0\x80\x80"', b'"\xed\xbf\xbf"', b'"\xf5\x80\x80\x80"', b'"\xfe"',
        b'"\xff"', b"\xe9", b'"\xc3\xa9\xc3"', b'["\xf8\x88\x80\x80\x80"]',
    ], "not_utf8"),
    **dict.fromkeys([
        b'{"a":1,"a":1}', b'{"":0,"":0}', b'[{"a":1,"b":{"c":1,"c":2}}]',
        b'{"a":[],"\\u0061":{}}', b'{"a":"b:c","a":"d:e"}', '{"\u00e9":1,"\\u00e9":1}'.encode(),
    ], "duplicate_key"),
    **dict.fromkeys([b"[][]", b'{}{"a":1}', b'12{"a":1}', b'"a"[]', b"[1]\t[2"], "glued"),
    **dict.fromkeys([b"[1\x00]", b"\x001", b"1\x00", b"\x00"], "nul_padding"),
    **dict.fromkeys([b"[" * 101 + b"]" * 101, b"[" * 5000, b'{"a":' * 101, b"[{}," * 101], "depth"),
    b"[1]\r": "crlf",
    b"[\r1]": "cr",
    b"\xef\xbb\xbf1": "bom",
    b" ": "blank",
}  # fmt: skip
"""Each is none, or does not come back, and what it is told as."""
