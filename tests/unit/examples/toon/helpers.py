"""Releases of toon as they are deployed: unpacked, migrated, started, asked."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from examples.toon.build import SYSTEM
from tests.unit.examples.conftest import Running, await_health, read_address

TOOLS = SYSTEM.home / "tools"
CONTENT = (
    "Retry only what can be repeated\nA payment was booked twice after a timeout, because the retry"
    " carried no key that named the attempt. Now each attempt has one, and the second is refused."
)


@dataclass(frozen=True)
class Base:
    """The data of one knowledge base, in a folder of its own."""

    home: Path

    @property
    def facts(self) -> Path:
        """The file of facts."""
        return self.home / "entries.jsonl"

    @property
    def contexts(self) -> Path:
        """The directory of contexts."""
        return self.home / "contexts"

    @property
    def environment(self) -> dict[str, str]:
        """What a program of a release is told."""
        places = {"TOON_FACTS": str(self.facts), "TOON_CONTEXTS": str(self.contexts)}
        log = {"TOON_LOG": str(self.home / "log.jsonl"), "TOON_LISTEN": "127.0.0.1:0"}
        return {**os.environ, **places, **log}

    def records(self) -> list[Any]:
        """Every record of the file."""
        return [json.loads(line) for line in self.facts.read_text().splitlines()]

    def write(self, *facts: Any) -> None:
        """Append records."""
        with self.facts.open("a") as file:
            file.writelines(json.dumps(fact) + "\n" for fact in facts)

    def copy(self, home: Path) -> Base:
        """The same data in another place."""
        shutil.copytree(self.home, home)
        return Base(home)

    def texts(self) -> dict[str, str]:
        """Every file of the contexts."""
        return {path.name: path.read_text() for path in self.contexts.iterdir()}


def run(release: Path, program: str, base: Base, *arguments: str, **other: str) -> Any:
    """Run a program of a release on a knowledge base."""
    return subprocess.run(
        [sys.executable, str(release / "bin" / program), *arguments],
        env={**base.environment, **other},
        capture_output=True,
        text=True,
        timeout=60,
    )


def migrate(release: Path, name: str, place: Path) -> subprocess.CompletedProcess[str]:
    """Run one migration of a release on a place."""
    command = [sys.executable, str(release / "migrations" / name), str(place)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def run_tool(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run one of the example's tools."""
    command = [sys.executable, str(TOOLS / f"{name}.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@contextmanager
def started(release: Path, base: Base, **other: str) -> Iterator[Running]:
    """Start a release's service on a free port; it is gone when the block ends."""
    command = [sys.executable, str(release / "bin" / "toon-api")]
    environment = {**base.environment, **other}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            running = Running(read_address(process), process)
            await_health(running)
            yield running
        finally:
            process.kill()


def extract(service: Running, **fields: Any) -> tuple[int, Any]:
    """Have something extracted; the bundled model finds one fact unless an answer comes along."""
    body = {"content": CONTENT, "source_type": "review", "focus": "payments", **fields}
    return service.ask("POST", "/extract", body)


def answer(*facts: Any, **fields: Any) -> str:
    """Return a model's answer with facts in it."""
    return json.dumps({"should_store": True, "score": 0.9, "facts": list(facts), **fields})


def fact(**fields: Any) -> dict[str, Any]:
    """Return a fact as a model gives it."""
    return {"title": "T", "summary": "S", "tags": ["a"], "relevance_score": 0.9, **fields}


def metrics(service: Running) -> str:
    """Return the metrics as they are told."""
    with closing(http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=10)) as asked:
        asked.request("GET", "/metrics")
        return asked.getresponse().read().decode()
