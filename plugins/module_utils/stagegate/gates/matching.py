"""Label and field matchers, written as in ``labels: {status: "~5..", route: "!/health"}``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

CODES = tuple(str(code) for code in range(100, 600))
WORDS = ("error", "ERROR", "critical", "CRITICAL", "warning", "WARNING", "info", "GET", "POST")
CODE_LABELS = ("status", "code", "status_code")


@dataclass(frozen=True)
class Matcher:
    """One condition: a value, ``~`` a pattern for the whole value, ``!`` the opposite of either."""

    name: str
    text: str

    @property
    def negated(self) -> bool:
        """True when the condition is the opposite of what follows."""
        return self.text.startswith("!")

    @property
    def body(self) -> str:
        """The value or pattern, with ``~`` when it is a pattern."""
        return self.text[1:] if self.negated else self.text

    def holds(self, value: str) -> bool:
        """True when a value meets the condition."""
        if self.body.startswith("~"):
            found = re.fullmatch(self.body[1:], value) is not None
        else:
            found = value == self.body
        return found != self.negated

    def example(self) -> str | None:
        """A value that meets the condition; None when none is known, "" never being offered."""
        if not self.body.startswith("~"):
            return self.body if not self.negated else f"not-{self.body}"
        guesses = CODES if self.name in CODE_LABELS else (*WORDS, *CODES, *literals(self.body[1:]))
        return next((guess for guess in guesses if self.holds(guess)), None)


def literals(pattern: str) -> tuple[str, ...]:
    """Guesses at a text that a simple pattern matches: its first alternative, wildcards filled."""
    first = pattern.split("|")[0].strip("()")
    plain = re.sub(r"\\(.)", r"\1", first)
    return (
        re.sub(r"\.[*+?]?|\[[^\]]*\][*+?]?|\\[dw][*+]?", "1", first),
        re.sub(r"\.[*?]", "", plain),
        plain,
    )


def parse_matchers(raw: Mapping[str, str]) -> tuple[Matcher, ...]:
    """Matchers from a mapping of names to conditions. Raises re.error for a broken pattern."""
    matchers = tuple(Matcher(name, text) for name, text in sorted(raw.items()))
    for matcher in matchers:
        if matcher.body.startswith("~"):
            re.compile(matcher.body[1:])
    return matchers


def all_hold(matchers: Iterable[Matcher], values: Mapping[str, str]) -> bool:
    """True when every condition is met; a name that is not there has the empty value."""
    return all(matcher.holds(values.get(matcher.name, "")) for matcher in matchers)


def examples(matchers: Iterable[Matcher]) -> dict[str, str] | None:
    """Values that meet all conditions, or None when one of them is not understood."""
    found: dict[str, str] = {}
    for matcher in matchers:
        value = matcher.example()
        if value is None:
            return None
        found[matcher.name] = value
    return found
