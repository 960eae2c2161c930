"""A host whose store is a directory of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.plain.host import Host, make_link


def make_host(place: Path, **options: Any) -> Host:
    """A host whose tree is live in a generation."""
    host = Host(place, "files", "files", options=options)
    fill(host.old)
    make_link(host)
    return host


def fill(top: Path) -> None:
    """A tree with all that a fingerprint holds."""
    (top / "a" / "deep").mkdir(parents=True)
    (top / "a" / "deep" / "one.bin").write_bytes(bytes(range(256)) * 40)
    (top / "a" / "two.txt").write_text("two\n")
    (top / "a.txt").write_text("beside a/\n")
    (top / "empty").mkdir()
    (top / "private").mkdir(mode=0o700)
    (top / "private" / "run.sh").write_text("#!/bin/sh\n")
    (top / "private" / "run.sh").chmod(0o750)
    (top / "odd \n name\udcff").write_text("bytes that are no UTF-8")
    (top / "link").symlink_to("a/deep/../two.txt")
    (top / "dangling").symlink_to("nowhere")
    (top / "private").chmod(0o500)
