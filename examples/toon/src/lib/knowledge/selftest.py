"""A proof that this release's code works on given data, without the service being live.

Starts the API on an address of its own against TOON_FACTS and TOON_CONTEXTS (meant for copies),
reads every fact and every context that is there, sends every fact through TOON and back, then does
what the service offers and takes it away again. One line for each check; exit status 0 only when
all passed.
"""

from __future__ import annotations

import http.client
import json
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from knowledge.contexts import Contexts, name_of
from knowledge.facts import Facts
from knowledge.release import missing_documents, read_version
from knowledge.settings import Settings, StartupError, read_settings
from knowledge.shapes import for_context
from knowledge.trial import CheckFailed, Client, running_api
from knowledge.web import refuse
from toon_adapter import damage

DEADLINE = 45.0  # for everything, in seconds
ASKED = 50
"""Of the newest facts that are asked for one by one; every other one is read from the file."""
NAMED = 8
TROUBLE = (OSError, http.client.HTTPException, ValueError, KeyError, TypeError)
CONTENT = (
    "Selftest of the knowledge base\nA fact that a release writes while it is tried must be found"
    " again by its words, read by its id, rendered into a context and taken away.\n"
)


class Checks:
    """The checks, in the order in which they run; what they make carries `mark`."""

    def __init__(self, client: Client, settings: Settings, root: Path) -> None:
        self._client = client
        self._root = root
        self._facts = Facts(settings.facts)
        self._contexts = Contexts(settings.contexts)
        self._mark = f"selftest-{uuid.uuid4().hex[:12]}"
        self._made = ""

    def all(self) -> list[tuple[str, Callable[[], None]]]:
        """Return each check with its name."""
        return [
            ("health tells this release", self.health),
            ("the release's documents are there", self.documents),
            ("every line of the file is a fact", self.lines),
            ("facts that were there can be read", self.old_facts),
            ("every stored fact survives TOON", self.round_trip),
            ("every stored context can be decoded", self.old_contexts),
            ("contexts have the facts as they are stored", self.same_facts),
            ("a fact is extracted, read and found", self.extraction),
            ("each level of the fallback parses", self.fallback),
            ("what is not stored says why", self.refusals),
            ("a context is rendered and decoded", self.context),
            ("the monitor's verdict is good", self.monitor),
            ("everything that was made is removed", self.removal),
        ]

    def health(self) -> None:
        """The right release answers."""
        told, wanted = self._client.expect(200, "GET", "/health"), read_version(self._root)
        if told["version"] != wanted:
            raise CheckFailed(f"health says {told['version']}, this is {wanted}")

    def documents(self) -> None:
        """The documents of the release are in it."""
        if missing := missing_documents(self._root):
            raise CheckFailed(f"{', '.join(missing)} missing")

    def lines(self) -> None:
        """No line is anything else."""
        if bad := self._facts.bad_lines():
            named = [f"line {line.number} (byte {line.offset}): {line.reason}" for line in bad]
            raise CheckFailed(listed(named))

    def old_facts(self) -> None:
        """The newest facts come back as they are stored."""
        for fact in self._facts.all()[-ASKED:]:
            if self._client.expect(200, "GET", f"/facts/{fact['id']}") != fact:
                raise CheckFailed(f"{name_of(fact)} came back as another one")

    def round_trip(self) -> None:
        """Each fact comes back from TOON as it was; those that do not are named."""
        facts = self._facts.all()
        lost = [name_of(fact) for fact in facts if damage([fact])]
        if lost:
            raise CheckFailed(f"{len(lost)} of {len(facts)} would be destroyed: {listed(lost)}")

    def old_contexts(self) -> None:
        """Each context is read, and has what it must."""
        wrong = [f"{text.file}: {why}" for text in self._contexts.all() if (why := text.faults())]
        if wrong:
            raise CheckFailed(listed(wrong))

    def same_facts(self) -> None:
        """A context says of a fact what the fact says, to the last tag."""
        stored = {fact["id"]: for_context(fact) for fact in self._facts.all()}
        wrong = [
            f"{name}: {name_of(fact)}"
            for name in self._contexts.names()
            for fact in self._client.expect(200, "GET", f"/contexts/{name}")["facts"]
            if stored.get(fact["id"], fact) != fact
        ]
        if wrong:
            raise CheckFailed(listed(wrong))

    def _extract(self, status: int, **fields: Any) -> Any:
        body = {"content": CONTENT, "source_type": "review", "focus": self._mark, **fields}
        return self._client.expect(status, "POST", "/extract", body)

    def extraction(self) -> None:
        """A fact is there, by its id and by its words, as soon as it is said to be."""
        (self._made,) = self._extract(201)["facts"]
        fact = self._client.expect(200, "GET", f"/facts/{self._made}")
        if fact["source"] != f"review {self._mark}":
            raise CheckFailed(f"the fact came back as {fact}")
        found = self._client.expect(200, "GET", "/search", q="selftest knowledge base", limit=1000)
        if self._made not in [fact["id"] for fact in found["facts"]]:
            raise CheckFailed("the fact was not found")

    def fallback(self) -> None:
        """JSON, a block of code and plain text are understood, each at its level."""
        answer = json.dumps({"should_store": False})
        wrapped = {
            "json": answer,
            "code_block": f"So:\n```json\n{answer}\n```",
            "plain": f"So: {answer}!",
        }
        for level, text in wrapped.items():
            told = self._extract(200, answer=text)
            if (told["outcome"], told["parse_level"]) != ("declined", level):
                raise CheckFailed(f"an answer of level {level} came back as {told}")

    def refusals(self) -> None:
        """Each outcome without a fact is named."""
        low = json.dumps({"should_store": True, "score": 0.1, "facts": []})
        bare = json.dumps({"should_store": True, "score": 0.9, "facts": [{"title": "T"}]})
        cases: dict[str, tuple[int, dict[str, Any]]] = {
            "too_short": (200, {"content": "short"}),
            "unparsable": (422, {"answer": "I do not know."}),
            "below_score": (200, {"answer": low}),
            "incomplete": (422, {"answer": bare}),
        }
        for outcome, (status, fields) in cases.items():
            if (told := self._extract(status, **fields))["outcome"] != outcome:
                raise CheckFailed(f"{outcome} came back as {told}")

    def context(self) -> None:
        """A context gives back the facts that it was rendered from."""
        body = {"ids": [self._made]}
        self._client.expect(201, "POST", f"/contexts/{self._mark}", body)
        fact = self._client.expect(200, "GET", f"/facts/{self._made}")
        told = self._client.expect(200, "GET", f"/contexts/{self._mark}")
        if told["facts"] != [for_context(fact)]:
            raise CheckFailed(f"the context came back as {told['facts']}")
        self._client.expect(200, "GET", f"/contexts/{self._mark}", form="brief")

    def monitor(self) -> None:
        """Every component is well."""
        self._client.expect(200, "GET", "/monitor")

    def removal(self) -> None:
        """Nothing with the mark is left."""
        for path in (f"/contexts/{self._mark}", f"/facts/{self._made}"):
            self._client.ask("DELETE", path)
            self._client.expect(404, "GET", path)


def listed(names: list[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")


def run(root: Path) -> dict[str, str]:
    """Run every check; returns what failed, and why."""
    deadline = time.monotonic() + DEADLINE
    settings = read_settings(os.environ, "127.0.0.1:0")
    failed: dict[str, str] = {}
    try:
        with running_api(root, deadline) as client:
            for name, check in Checks(client, settings, root).all():
                try:
                    check()
                except (CheckFailed, *TROUBLE) as error:
                    failed[name] = str(error)
                    print(f"FAIL {name}: {error}", flush=True)
                else:
                    print(f"ok   {name}", flush=True)
    except CheckFailed as error:
        failed["the API starts and stops"] = str(error)
        print(f"FAIL the API starts and stops: {error}", flush=True)
    else:
        print("ok   the API starts and stops", flush=True)
    return failed


def main(root: Path) -> int:
    """Run the proof; returns the exit status."""
    try:
        failed = run(root)
    except StartupError as error:
        return refuse("toon-selftest", error)
    # The last line is what a caller shows who has room for one, so it names the facts.
    worst = next(iter(failed.items()), None)
    print(f"{len(failed)} failed, the first: {worst[0]}: {worst[1]}" if worst else "all passed")
    return 1 if failed else 0
