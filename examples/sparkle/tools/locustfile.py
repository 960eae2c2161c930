"""Users of sparkle, for Locust: they write messages, record tools, and ask what was learned.

    locust -f examples/sparkle/tools/locustfile.py --headless --host http://127.0.0.1:8000 -u 20

Each acknowledged message goes to the file that SPARKLE_ACK_LOG names. A write that failed is never
repeated: whether it happened is not known. Each request has a connection of its own, so that a
proxy decides anew each time. Release 1.0 has no history: what is not there (404) is no failure
unless SPARKLE_RELEASE_AT_LEAST is set.
"""

from __future__ import annotations

import os
import random
import sys
import uuid
from pathlib import Path
from typing import Any

from locust import FastHttpUser, between, task

sys.path.insert(0, str(Path(__file__).parent))

from acknowledged import Log

LOG = Log(Path(os.environ.get("SPARKLE_ACK_LOG", "acknowledged.jsonl")))
COMPLETE = bool(os.environ.get("SPARKLE_RELEASE_AT_LEAST"))
TOOLS = ("planner", "quiz", "explainer", "debugger")
QUESTIONS = ("prepare the exam", "explain why it fails", "the sum of 20 and 22", "a quick quiz")
TOGETHER = ("break down this project", "explain gravity in depth", "my program has a bug")


class Learner(FastHttpUser):
    """Somebody who learns; many make a load."""

    wait_time = between(0.05, 0.35)
    default_headers = {"Connection": "close"}  # noqa: RUF012 - Locust reads it from the class
    network_timeout = 15.0
    connection_timeout = 5.0
    max_redirects = 0

    def on_start(self) -> None:
        """Become a user of the service."""
        self.name = f"load-{uuid.uuid4().hex[:12]}"
        self.user_id = 0
        self.written: list[str] = []
        self._sign_up()

    def _sign_up(self) -> None:
        # The service may be away just now; the next task tries again.
        with self.client.post(
            "/users", json={"name": f"{self.name}-{random.randrange(10**6)}"}, catch_response=True
        ) as answer:
            if answer.status_code == 201:
                self.user_id = answer.json()["id"]
            else:
                answer.failure(f"status {answer.status_code}")

    def _ask(self, method: str, path: str, name: str, body: Any = None) -> None:
        """Ask for what a first release does not have."""
        if not self.user_id:
            self._sign_up()
            return
        with self.client.request(method, path, name=name, json=body, catch_response=True) as answer:
            if answer.status_code == 404 and not COMPLETE:
                answer.success()

    @task(6)
    def write(self) -> None:
        """Write a message under a key that nobody had."""
        key = f"load-{uuid.uuid4().hex}"
        text = f"message {key}\nfrom {self.name}"
        with self.client.post(
            "/messages", json={"key": key, "text": text}, catch_response=True
        ) as answer:
            if answer.status_code == 201:
                LOG.add(key, text)
                self.written.append(key)
            else:
                answer.failure(f"status {answer.status_code}")

    @task(3)
    def read(self) -> None:
        """Read a message of one's own."""
        if self.written:
            key = random.choice(self.written)
            self.client.get(f"/messages/{key}", name="/messages/[key]")

    @task(2)
    def route(self) -> None:
        """Ask which tool is to be used."""
        if self.user_id:
            body = {"user_id": self.user_id, "text": random.choice(QUESTIONS)}
            self.client.post("/route", json=body)

    @task(3)
    def record(self) -> None:
        """Record an execution of a tool."""
        body = {
            "user_id": self.user_id,
            "tool_name": random.choice(TOOLS),
            "success": random.random() < 0.8,
            "execution_time_ms": random.randrange(5, 500),
        }
        self._ask("POST", "/history", "/history", body)

    @task(2)
    def success_rate(self) -> None:
        """Ask how often a tool succeeded."""
        tool = random.choice(TOOLS)
        path = f"/history/success-rate?user_id={self.user_id}&tool_name={tool}"
        self._ask("GET", path, "/history/success-rate")

    @task(2)
    def preferred(self) -> None:
        """Ask for the preferred tools."""
        self._ask("GET", f"/history/preferred?user_id={self.user_id}", "/history/preferred")

    @task(2)
    def statistics(self) -> None:
        """Ask for one's figures."""
        self._ask("GET", f"/history/statistics?user_id={self.user_id}", "/history/statistics")

    @task(1)
    def collaborate(self) -> None:
        """Let several agents work."""
        body = {"user_id": self.user_id, "text": random.choice(TOGETHER)}
        self._ask("POST", "/workflows/run", "/workflows/run", body)
