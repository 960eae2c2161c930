"""What the smoke tests speak with: the service, and the data that they make in it."""

from __future__ import annotations

import http.client
import json
import statistics
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

CONTENT = (
    "A smoke test of the knowledge base\nIt has a fact extracted, looks for it where it must be,"
    " and takes it away again; nobody else is to find anything of it afterwards."
)


@dataclass(frozen=True)
class Answer:
    """What the service said, and how long it took from the question to the end of the answer."""

    status: int
    text: str
    seconds: float

    @property
    def json(self) -> Any:
        """The answer as it is meant."""
        return json.loads(self.text)


class Service:
    """Asks the service over one open connection; one after the other."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)

    def ask(self, method: str, path: str, body: Any = None, /, **query: str | int) -> Answer:
        """Ask; `body` is sent as JSON, or as it is when it is bytes."""
        target = quote(path) + ("?" + urlencode(query) if query else "")
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        start = time.perf_counter()
        self._connection.request(method, target, data)
        response = self._connection.getresponse()
        text = response.read().decode()
        return Answer(response.status, text, time.perf_counter() - start)

    def expect(self, status: int, method: str, path: str, body: Any = None, /, **query: Any) -> Any:
        """Ask, and return the answer's JSON; its status must be `status`."""
        answer = self.ask(method, path, body, **query)
        assert answer.status == status, f"{method} {path}: {answer.status} {answer.text}"
        return answer.json

    def usual_seconds(self, path: str, /, samples: int = 9, **query: str | int) -> float:
        """Return the median time of `samples` good answers to GET `path`."""
        answers = [self.ask("GET", path, **query) for _ in range(samples)]
        assert {answer.status for answer in answers} == {200}
        return statistics.median(answer.seconds for answer in answers)

    def metrics(self) -> dict[str, float]:
        """Return every series with its value; version and instance are left out of its labels."""
        health = self.expect(200, "GET", "/health")
        who = {f'version="{health["version"]}"', f'instance="{health["instance_id"]}"'}
        series = {}
        for line in self.ask("GET", "/metrics").text.splitlines():
            if not line.startswith("toon_"):
                continue
            name, _, value = line.rpartition(" ")
            metric, _, labels = name.partition("{")
            found = set(labels.rstrip("}").split(","))
            assert who <= found, f"{metric} is of another process: {labels}"
            series[",".join([metric, *sorted(found - who)])] = float(value)
        return series

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class Data:
    """Makes facts and contexts that carry the run's mark; `remove` takes all of it away again."""

    def __init__(self, service: Service, mark: str) -> None:
        self._service = service
        self._made: list[str] = []
        self.mark = mark
        self.focus = f"smoke {mark}"

    def answer(self, **fields: Any) -> str:
        """Return a model's answer with one fact in it."""
        fact = {
            "title": f"Smoke {self.mark}",
            "summary": "What a smoke test has to say.",
            "tags": ["smoke", "test"],
            "relevance_score": 0.8,
            **fields,
        }
        return json.dumps({"should_store": True, "score": 0.8, "facts": [fact]})

    def extract(self, status: int = 201, **fields: Any) -> Any:
        """Have something extracted; what is stored is removed in the end."""
        body = {
            "content": CONTENT,
            "source_type": "review",
            "focus": self.focus,
            "answer": self.answer(),
            **fields,
        }
        told = self._service.expect(status, "POST", "/extract", body)
        self.removes(*(f"/facts/{fact}" for fact in told.get("facts", [])))
        return told

    def fact(self, **fields: Any) -> Any:
        """Store a fact; returns it as the service has it."""
        (fact_id,) = self.extract(answer=self.answer(**fields))["facts"]
        return self._service.expect(200, "GET", f"/facts/{fact_id}")

    def context(self, *facts: Any) -> Answer:
        """Have facts rendered into the context that has the mark as its name."""
        self.removes(f"/contexts/{self.mark}")
        body = {"ids": [fact["id"] for fact in facts]}
        return self._service.ask("POST", f"/contexts/{self.mark}", body)

    def removes(self, *paths: str) -> None:
        """Note what has to be deleted in the end."""
        self._made += paths

    def remove(self) -> None:
        """Delete everything, the newest first; what a test has deleted itself is fine."""
        for path in dict.fromkeys(reversed(self._made)):
            answer = self._service.ask("DELETE", path)
            assert answer.status in (200, 404), f"DELETE {path}: {answer.status} {answer.text}"
