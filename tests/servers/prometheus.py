"""A Prometheus server of a test's own, that scrapes what the test serves."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers import place

ACCOUNT = "prometheus"
PATIENCE = 30.0
PAUSE = 0.05
CONFIGURATION = """\
global: {{scrape_interval: {every}, scrape_timeout: {every}}}
scrape_configs:
  - {{job_name: app, honor_labels: true, static_configs: [{{targets: ["{target}"]}}]}}
"""


@dataclass
class Server:
    """A server that scrapes one address at a short interval."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Return where the server is asked."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Return the series of an instant query."""
        parameters = urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(f"{self.url}/api/v1/query?{parameters}", timeout=5) as answer:
            return list(json.load(answer)["data"]["result"])

    def await_series(self, query: str, wanted: bool = True) -> None:
        """Wait until a query gives something, or nothing any more."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with suppress(urllib.error.URLError, ConnectionError):
                if bool(self.ask(query)) is wanted:
                    return
            assert self.process.poll() is None, "the server ended"
            time.sleep(PAUSE)  # the server announces nothing
        raise AssertionError(f"{query} has not become {'known' if wanted else 'unknown'}")

    def freeze(self) -> None:
        """Stop the server in the middle of whatever it does; it still takes connections."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the server go on."""
        self.process.send_signal(signal.SIGCONT)


def write_history(home: Path, history: str) -> None:
    """Put samples of the past into the server's data, from text in the OpenMetrics format."""
    text = home / "history"
    text.write_text(history)
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", str(text)]
    done = subprocess.run([*command, str(home / "data")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@contextmanager
def running(target: str, every: str = "200ms", history: str = "") -> Iterator[Server]:
    """Run a new server that scrapes `target` (host:port), with a history if one is given."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("Prometheus is not installed (Debian: prometheus)")
    owner = place.account(ACCOUNT)
    with place.folder("stagegate-prometheus-", owner) as home:
        configuration = home / "prometheus.yml"
        configuration.write_text(CONFIGURATION.format(every=every, target=target))
        if history:
            write_history(home, history)
        for path in (home, *home.rglob("*")):
            if place.identity(owner):
                shutil.chown(path, owner)
        port = place.free_port()
        options = {
            "config.file": configuration,
            "storage.tsdb.path": home / "data",
            "web.listen-address": f"127.0.0.1:{port}",
            "log.level": "error",
            # The end of a history stays in sight for as long as a run of all tests may take.
            "query.lookback-delta": "1h",
        }
        with (home / "log").open("w") as said:
            process = subprocess.Popen(
                [program, *(f"--{key}={value}" for key, value in options.items())],
                stdout=said,
                stderr=said,
                cwd=home,
                **place.identity(owner),
            )
        server = Server(port, process)
        try:
            server.await_series("vector(1)")
            yield server
        finally:
            process.kill()
            process.wait()
