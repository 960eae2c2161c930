"""Hosts, artifacts and inventories may say anything: the report shows it, and obeys none of it."""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from stagegate.record.build import build_record, to_bytes
from stagegate.record.html import to_html
from stagegate.record.junit import read_junit
from stagegate.record.markdown import to_markdown
from stagegate.record.text import visible
from tests.unit.record.made import Ledger, gate, meta, outcome

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'-alert(1)-'",
    "javascript:alert(1)",
    "[click](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "<http://evil.example> http://evil.example www.evil.example",
    "| a | b |\n|---|---|",
    "# heading\n\n- [x] ticked\n\n> quote",
    "```\nclosed\n````\n<b>out</b>",
    "`code` **bold** _low_ ~~gone~~ &amp; &#60;b&#62;",
    "{{ lookup('pipe', 'id') }} {% raw %} {{ 7*7 }} ${x} #{x}",
    "\x1b[2J\x1b]0;title\x07\x1b[31mred\x9b31m\r overwritten",
    "abc\u202e gpj.exe\u2066\u200b\ufeff\u2028\u2029",
    "\ud800 half \udcff",
    "nul\x00nul\x7f",
    "]]><!--><!-- --></style></title></textarea>",
    "</code></pre></details></main>",
    "\u0000\ufffe" * 3,
    "\u0410" * 12_000,
]
ALLOWED_TAGS = frozenset(
    re.findall(
        r"\S+",
        """
    html head meta title style body main header section div h1 h2 h3 p b i span dl dt dd
    br code table thead tbody tr th td small details summary ul li pre svg g rect line
    text circle path polyline
    """,
    )
)
ALLOWED_ATTRIBUTES = frozenset(
    re.findall(
        r"\S+",
        """
    lang charset http-equiv content name class style viewbox role aria-label aria-hidden
    x y x1 x2 y1 y2 cx cy r rx d fill stroke stroke-width stroke-linecap stroke-linejoin
    points width height transform scope data-head open
    """,
    )
)


def everywhere(text):
    """A record with the same text in every place that somebody else fills."""
    ledger = Ledger(text).prepared()
    backup = {"store": text, "path": text, "sha256": text, "bytes": text, "tables": {text: 1}}
    ledger.step("backup", text, state=backup)
    told = {**outcome(), "failures": [{"name": text, "message": text}], "passed": 34}
    ledger.fail("smoke", "smoke", text, evidence=told, untouched=text, next=text)
    result = gate(text, "red", 3.0, unit=text, reason=text, baseline=text, target=text)
    ledger.fail(text, text, text, evidence={"gates": [result], "window": text})
    way = {"way_back": {"name": text, "reason": text}}
    ledger.write("observed", "rollback", text, way, way)
    ledger.step("rollback", text, state={"reason": text}, evidence={"path": text})
    ledger.end("restored", reason=text, data=text, release=text, **{text: text})
    keys = ("role", "name", "at", "digest", "text", "operator", "controller", "given", "expires")
    told = {"attestation": {**dict.fromkeys(keys, text), "lines": [text]}}
    ledger.write("observed", "attest", text, evidence=told)
    ledger.entries[-1]["t_wall"] = text
    lines = [
        {"id": text, "text": text, "proof": f"attest:{text}", "section": text, "after": "rollback"},
        {"id": "b", "text": text, "proof": f"gate:{text}", "section": text},
        {"id": "c", "text": text, "proof": text},
    ]
    facts = {"from": text, "to": text}
    about = meta(hosts=[text], system=text, inventory=text, destination=text, release=facts)
    return build_record({text: ledger.entries}, {**about, "gates": [{"name": text}]}, None, lines)


class Page(HTMLParser):
    """Every tag and attribute that a browser would see."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.attributes, self.urls = set(), set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.urls += [value for name, value in attrs if name in ("href", "src", "xlink:href")]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_the_page_has_only_its_own_markup(text):
    page = to_html(everywhere(text))
    seen = Page(page)
    assert seen.tags <= ALLOWED_TAGS
    assert seen.attributes <= ALLOWED_ATTRIBUTES
    assert seen.urls == []
    assert_calm(page)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_markdown_has_only_its_own_structure(text):
    source = to_markdown(everywhere(text))
    assert_calm(source)
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = parser.parse(source)
    children = [child for token in tokens for child in token.children or []]
    types = {token.type for token in tokens} | {child.type for child in children}
    assert types.isdisjoint(
        {"html_block", "html_inline", "link_open", "image", "em_open", "s_open", "code_inline"}
    )
    heads = [
        t for t, following in zip(tokens, tokens[1:]) if t.type == "heading_open" and following
    ]
    calm = MarkdownIt("commonmark").enable("table").parse(to_markdown(everywhere("calm")))
    assert len(heads) == sum(t.type == "heading_open" for t in calm)
    assert sum(t.type == "tr_open" for t in tokens) == sum(t.type == "tr_open" for t in calm)
    assert sum(t.type == "td_open" for t in tokens) == sum(t.type == "td_open" for t in calm)
    assert sum(t.type == "fence" for t in tokens) == sum(t.type == "fence" for t in calm)


def assert_calm(text):
    """Nothing in the text moves a cursor, hides or reorders, and it can be encoded."""
    found = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert found <= {"\n"}
    text.encode()


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_the_record_itself_is_plain_ascii(text):
    assert to_bytes(everywhere(text)).isascii()


def test_templates_stay_as_they_are():
    page = to_html(everywhere("{{ 7*7 }}"))
    assert "{{ 7*7 }}" in page
    assert "49" not in to_markdown(everywhere("{{ 7*7 }}")).replace("0.0049", "")


@given(st.text(max_size=300))
def test_visible_text_never_steers_a_terminal(text):
    shown = visible(text)
    assert_calm(shown)
    assert "\n" not in shown


def test_a_page_loads_and_runs_nothing():
    page = to_html(everywhere("calm"))
    assert "default-src 'none'; style-src 'unsafe-inline'" in page.replace("&#x27;", "'")
    assert "<script" not in page
    assert "@import" not in page
    assert "url(" not in page


def test_a_junit_file_with_entities_is_not_expanded():
    bomb = (
        b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        b'<testsuite><testcase name="&b;"/></testsuite>'
    )
    assert read_junit(bomb)["error"] == "the JUnit file declares a document type"
    assert read_junit(bomb.decode().encode("utf-16"))["cases"] == []
