"""What others do to a file while it is read is told, and a validator that dies says nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stagegate.errors import BadInput, GateUnknown, Refused
from stagegate.jsonl import scan as scan_module
from stagegate.jsonl.model import FileChanged
from stagegate.jsonl.opened import Opened, read_change, read_prefix_digest
from stagegate.jsonl.pieces import Piece, read_pieces
from stagegate.jsonl.rules import Rules
from stagegate.jsonl.scan import run_scan

ROOT = Path(__file__).parents[3]
LINE = b'{"id": "5e8", "title": "a fact that is long enough to fill a block some day"}\n'
LARGE = LINE * 40_000
RULES = Rules()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    path = tmp_path / "facts.jsonl"
    path.write_bytes(LARGE)
    return path


def rename_over(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(LARGE)
    other.rename(path)


def rotate(path: Path) -> None:
    path.rename(path.with_name("facts.jsonl.1"))


def truncate(path: Path) -> None:
    os.truncate(path, len(LARGE) // 2)


def truncate_and_grow(path: Path) -> None:
    os.truncate(path, 0)
    with path.open("ab") as handle:
        handle.write(LARGE.replace(b"fact", b"lies"))


def rewrite_a_byte(path: Path) -> None:
    with path.open("r+b") as handle:
        handle.seek(3)
        handle.write(b"x")


def rewrite_and_hide(path: Path) -> None:
    before = path.stat()
    rewrite_a_byte(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES: list[tuple[Callable[[Path], None], str]] = [
    (rename_over, "another file has its name"),
    (rotate, "its name is gone"),
    (truncate, "truncated"),
    (truncate_and_grow, "written over"),
    (rewrite_a_byte, "written over"),
    (rewrite_and_hide, "written over"),
]


def after_pieces(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None], number: int) -> None:
    """Let something happen when so many pieces were read, at the same place every time."""

    def pieces(*given: int) -> Iterator[Piece]:
        for count, piece in enumerate(read_pieces(*given)):
            if count == number:
                act()
            yield piece

    monkeypatch.setattr(scan_module, "read_pieces", pieces)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("age", [0, 3600])
@pytest.mark.parametrize(("change", "said"), CHANGES, ids=lambda v: getattr(v, "__name__", ""))
def test_a_file_that_changes_has_no_verdict(
    change: Callable[[Path], None],
    said: str,
    age: int,
    processes: int,
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if age:
        os.utime(place, (1e9, 1e9))
    after_pieces(monkeypatch, lambda: change(place), 5)
    report = run_scan(place, Rules(processes=processes))
    assert report.verdict == "unknown"
    assert not report.good
    assert report.findings[0].kind == "changed"
    assert said in report.findings[0].message
    with pytest.raises(FileChanged, match="changed while it was read"):
        report.refuse_bad()


def test_appends_are_welcome(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def append() -> None:
        with place.open("ab") as handle:
            handle.write(b'{"torn": ')

    after_pieces(monkeypatch, append, 5)
    report = run_scan(place, RULES)
    assert report.good
    assert (report.records, report.size, report.scanned) == (40_000, len(LARGE), len(LARGE))
    assert report.digest == read_prefix_digest(place, len(LARGE))
    assert place.stat().st_size > len(LARGE)


def test_a_writer_that_appends_all_the_time_disturbs_no_verdict(place: Path) -> None:
    done = threading.Event()

    def write() -> None:
        with place.open("ab", buffering=0) as handle:
            while not done.is_set():
                handle.write(LINE)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        reports = [run_scan(place, Rules(processes=n)) for n in (1, 2, 1)]
    finally:
        done.set()
        writer.join()
    assert [report.verdict for report in reports] == ["green"] * 3
    assert reports[0].size < reports[2].size


def test_a_link_that_is_switched_meanwhile_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "facts.jsonl").write_bytes(LARGE)
    live = tmp_path / "current"
    live.symlink_to("1")
    assert run_scan(live / "facts.jsonl", RULES).good

    def switch() -> None:
        (tmp_path / "new").symlink_to("2")
        (tmp_path / "new").rename(live)

    after_pieces(monkeypatch, switch, 2)
    assert run_scan(live / "facts.jsonl", RULES).verdict == "unknown"


def test_an_untouched_old_file_is_read_once(place: Path) -> None:
    """Its timestamps prove enough: a wrong digest is not even looked at."""
    with place.open("rb") as handle:
        status = os.fstat(handle.fileno())
        old = Opened(place, handle.fileno(), status, fresh=False)
        fresh = Opened(place, handle.fileno(), status, fresh=True)
        assert read_change(old, 0, status.st_size, "no digest") == ""
        assert "written over" in read_change(fresh, 0, status.st_size, "no digest")


def pipe(path: Path) -> None:
    os.mkfifo(path)


def link(path: Path) -> None:
    path.with_name("target").write_bytes(LINE)
    path.symlink_to("target")


REFUSED: list[tuple[Callable[[Path], object], str]] = [
    (lambda path: None, "No such file"),
    (Path.mkdir, "no regular file"),
    (pipe, "no regular file"),
    (link, "a symbolic link"),
    (lambda path: path.symlink_to("nowhere"), "a symbolic link"),
    (lambda path: path.symlink_to(path.name), "a symbolic link"),
]


@pytest.mark.parametrize(("make", "said"), REFUSED)
def test_what_is_no_file_is_refused(
    make: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    path = tmp_path / "x.jsonl"
    make(path)
    with pytest.raises(Refused, match=said) as caught:
        run_scan(path, RULES)
    assert caught.value.untouched == str(path)


@pytest.mark.parametrize("path", ["facts.jsonl", "~/facts.jsonl", "./x", "../x", ""])
def test_a_path_must_be_absolute(path: str) -> None:
    with pytest.raises(BadInput, match="must be an absolute path"):
        run_scan(Path(path), RULES)


def test_a_nul_in_a_path_is_refused() -> None:
    with pytest.raises(Refused):
        run_scan(Path("/tmp/a\0b"), RULES)


def test_a_file_that_lost_its_end_is_refused(place: Path) -> None:
    with pytest.raises(Refused, match="its first"):
        run_scan(place, RULES, until=len(LARGE) + 1)
    with pytest.raises(Refused, match="are asked for"):
        read_prefix_digest(place, len(LARGE) + 1)


PROGRAM = """
import sys
from pathlib import Path
from stagegate.jsonl import scan
from stagegate.jsonl.rules import Rules
read_pieces = scan.read_pieces
def pieces(*given):
    for count, piece in enumerate(read_pieces(*given)):
        if count == 5:
            print("midway", flush=True)
            sys.stdin.readline()
        yield piece
scan.read_pieces = pieces
print(scan.run_scan(Path(sys.argv[1]), Rules(processes=int(sys.argv[2]))).verdict, flush=True)
"""


@pytest.mark.parametrize(("killed", "verdict"), [(True, b""), (False, b"green\n")])
@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_validator_that_is_killed_says_nothing_and_leaves_nobody(
    processes: str, killed: bool, verdict: bytes, place: Path
) -> None:
    running = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(place), processes],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert running.stdout is not None
    assert running.stdin is not None
    assert running.stdout.readline() == b"midway\n"
    if killed:
        running.kill()
    running.stdin.close()
    said = running.stdout.read()  # ends when the last of its processes is gone: they hold the pipe
    assert said == verdict
    assert running.wait() == (-signal.SIGKILL if killed else 0)
    assert place.read_bytes() == LARGE
    assert list(place.parent.iterdir()) == [place]


def test_a_judge_that_is_killed_makes_the_verdict_unknown(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill_one() -> None:
        children = Path(f"/proc/self/task/{threading.get_native_id()}/children").read_text()
        os.kill(int(children.split()[-1]), signal.SIGKILL)

    after_pieces(monkeypatch, kill_one, 5)
    with pytest.raises(GateUnknown, match="was killed"):
        run_scan(place, Rules(processes=2))


def test_no_process_is_left_after_a_scan(place: Path) -> None:
    children = Path(f"/proc/self/task/{threading.get_native_id()}/children")
    before = set(children.read_text().split())  # servers of other tests
    assert run_scan(place, Rules(processes=3)).good
    assert set(children.read_text().split()) <= before


PEAK = """
import json, re, resource, sys
from pathlib import Path
from stagegate.jsonl.rules import Rules
from stagegate.jsonl.scan import run_scan
def peak():
    status = Path("/proc/self/status").read_text()
    own = int(re.search(r"VmHWM:\\s+(\\d+)", status)[1])
    return own + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
before = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
rules = Rules(parser=sys.argv[2], processes=1)
report = run_scan(Path(sys.argv[1]), rules)
print(json.dumps([peak() - before, report.counts, report.records]))
"""


@pytest.mark.parametrize("parser", ["json", "orjson"])
def test_one_line_of_200_megabytes_needs_no_memory(parser: str, tmp_path: Path) -> None:
    path = tmp_path / "long.jsonl"
    with path.open("wb") as handle:
        handle.write(LINE)
        for _ in range(200):
            handle.write(b"x" * (1 << 20))
        handle.write(b"\n" + LINE)
    said = subprocess.run(
        [sys.executable, "-c", PEAK, str(path), parser], capture_output=True, check=True
    ).stdout
    kilobytes, counts, records = json.loads(said)
    assert (counts, records) == ({"too_long": 1}, 2)
    assert kilobytes < 64 << 10


@pytest.mark.parametrize("parser", ["json", "orjson"])
def test_the_worst_line_that_is_allowed_fits(parser: str, tmp_path: Path) -> None:
    """Empty arrays are the most memory for the fewest bytes."""
    path = tmp_path / "dense.jsonl"
    line = b'{"a":[' + b"[]," * 349_000 + b"[]]}\n"
    assert 1_000_000 < len(line) < RULES.longest_line
    path.write_bytes(line * 3)
    said = subprocess.run(
        [sys.executable, "-c", PEAK, str(path), parser], capture_output=True, check=True
    ).stdout
    kilobytes, counts, records = json.loads(said)
    assert (counts, records) == ({}, 3)
    assert kilobytes < 64 << 10
