"""Whole deployments on this machine: their time and their module calls, beside the bare steps."""

from __future__ import annotations

import json
import socket
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.databases import ROOT, build_releases
from tests.bench.model import NotMeasuredError, Outcome, Row, Target
from tests.bench.plain import deploy_plainly, plain_host
from tests.bench.playbooks import Played, play

RELEASES = ("1.0", "1.1")
TRIES = 2
"""A busy machine misses the limits of the gates; the second try tells whether that was all."""

MOST_CALLS = Target(30, absolute=True)
WHATS = {"1.0": "deployment, first installation", "1.1": "deployment, upgrade with a migration"}


@dataclass(frozen=True)
class Host:
    """A root directory for this machine as a host, and the ports of its services."""

    home: Path
    api: int
    workers: int

    @property
    def settings(self) -> dict[str, str]:
        """What makes the local inventory use them."""
        return {
            "local_root": str(self.home),
            "api_port": str(self.api),
            "workers_port": str(self.workers),
        }


def measure(sizes: Sequence[int]) -> Outcome:
    """Deploy both releases both ways; the data are small, whatever the sizes."""
    outcome = Outcome()
    api, workers, plain_api, plain_workers = free_ports(4)
    try:
        build_releases()
        with tempfile.TemporaryDirectory(prefix="stagegate-bench-") as place:
            host = Host(Path(place) / "ours", api, workers)
            host.home.mkdir()
            try:
                with plain_host(Path(place) / "plain", plain_api, plain_workers) as plain:
                    for release in RELEASES:
                        add(outcome, release, host, plain, plain_api)
            finally:
                stopped = play("examples/stop_local.yml", "local", host.settings, host.home)
                if stopped.status:
                    outcome.missing.append(f"its services may still run: {stopped.reason}")
    except NotMeasuredError as reason:
        outcome.missing.append(f"deployment: {reason}")
    return outcome


def add(outcome: Outcome, release: str, host: Host, plain: Path, port: int) -> None:
    """Deploy one release both ways and add its lines."""
    ours = deployed(outcome, release, host)
    archive = ROOT / "dist" / f"abathur-{release}.tar"
    bare = deploy_plainly(plain, release, archive, port)
    what, name = WHATS[release], "the bare steps, stock modules"
    calls, bare_calls = ours.calls.most, bare.calls.most
    outcome.rows += [
        Row(what, "s", ours.seconds, bare.seconds, name, 1),
        Row(f"module calls of a {what}", "calls", calls, bare_calls, name, 1, MOST_CALLS),
    ]
    phases = "; ".join(ours.calls.lines())
    outcome.details.append(f"{what}, by phase (all calls are on one host): {phases}")


def deployed(outcome: Outcome, release: str, host: Host) -> Played:
    """One deployment that went well. Raises NotMeasuredError when every try was taken back."""
    why = ""
    for number in range(TRIES):
        try:
            return deploy(release, "local", host.settings, host.home)
        except NotMeasuredError as reason:
            why = str(reason)
        outcome.details.append(f"try {number + 1} of {release} did not end well: {why}")
    raise NotMeasuredError(f"{release} was not deployed in {TRIES} tries: {why}")


def deploy(release: str, inventory: str, settings: Mapping[str, str], home: Path) -> Played:
    """One deployment, recorded below `home`. Raises NotMeasuredError when it did not stay."""
    earlier = records(home)
    wanted = {**settings, **artifacts(home), "release_version": release}
    played = play("deploy.yml", inventory, wanted, home)
    record = read_record(records(home) - earlier)
    if played.status == 0 and record.get("verdict") == "deployed":
        return played
    raise NotMeasuredError(str(record.get("message", {}).get("what") or played.reason))


def artifacts(home: Path) -> dict[str, str]:
    """Where a deployment leaves what it wrote about itself."""
    place = str(home / "artifacts")
    return {"report_artifacts": place, "smoke_artifacts": place}


def records(home: Path) -> set[Path]:
    """The records of all runs so far."""
    return set((home / "artifacts").glob("*/record.json"))


def read_record(found: set[Path]) -> dict[str, Any]:
    """The record of a run; empty when it refused to begin and wrote none."""
    read: list[dict[str, Any]] = [json.loads(path.read_text()) for path in found]
    return read[0] if read else {}


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on, all held at once so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports
