"""A knowledge base on a real host: toon, its users, and its files as they lie on the disk."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from pathlib import Path
from typing import Any

from tests.lab import Lab, read_inventory
from tests.scenario.load import Load
from tests.scenario.member import Member
from tests.scenario.stage import Commands

TOOLS = Path(__file__).resolve().parents[2] / "examples/toon/tools"
FACTS = "var/lib/toon/facts"
CONTEXTS = "var/lib/toon/contexts"
QUIET = json.dumps({"windows": []})


class Knowledge(Commands):
    """The one host of an inventory with toon on it."""

    def __init__(self, inventory: str, scratch: Path) -> None:
        super().__init__(inventory, scratch)
        (spec,) = read_inventory(Path(inventory))
        self.machine = Lab().machine(spec.name)
        self.host = Member(self.machine, "toon", scratch)
        self.url = f"http://{self.machine.address}:8010"

    def users(self) -> Load:
        """Users who write facts and contexts; what was acknowledged is logged elsewhere."""
        return Load(self.url, self.scratch / "acknowledged.jsonl", tools=TOOLS)

    @property
    def facts(self) -> Path:
        """The live file of facts, on the host's disk."""
        root = self.machine.files.root / FACTS
        return root / (root / "current").readlink() / "entries.jsonl"

    def digests(self) -> dict[str, str]:
        """The digest of every file of both stores that is live."""
        found = {}
        for store in (FACTS, CONTEXTS):
            root = self.machine.files.root / store
            live = root / (root / "current").readlink()
            for path in sorted(live.rglob("*")):
                if path.is_file():
                    name = f"{store}/{path.relative_to(live)}"
                    found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found

    def store(self, title: str, tags: list[str]) -> str:
        """Have a fact stored with these tags; return its id."""
        fact = {"title": title, "summary": title, "tags": tags, "relevance_score": 0.9}
        answer = json.dumps({"should_store": True, "score": 0.9, "facts": [fact]})
        words = f"{title}: what was tried, what failed, and what was done about it in the end. " * 3
        body = {"content": words, "source_type": "review", "focus": title, "answer": answer}
        asked = urllib.request.Request(
            f"{self.url}/extract",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=10) as answered:
            outcome: dict[str, Any] = json.load(answered)
        (ident,) = outcome["facts"]
        return str(ident)

    def served(self) -> dict[str, Any]:
        """What the service says of itself."""
        with urllib.request.urlopen(f"{self.url}/health", timeout=10) as answered:
            health: dict[str, Any] = json.load(answered)
        return health
