"""What a migration did to records is told by key and line; what is no record must not vanish."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stagegate.errors import StepFailed
from stagegate.jsonl.rules import Rules
from stagegate.jsonl_store.compare import compare_files
from tests.unit.jsonl_store.helpers import fact, lines, make_host, records
from tests.unit.plain.host import Host

Records = list[dict[str, Any]]


def add(found: Records) -> Records:
    return [*found, fact(700), fact(701)]


def drop(found: Records) -> Records:
    return found[:3] + found[5:]


def change(found: Records) -> Records:
    return [{**r, "tags": []} for r in found]


def reorder(found: Records) -> Records:
    return [dict(reversed(list(r.items()))) for r in reversed(found)]


def twice(found: Records) -> Records:
    return [*found, found[0]]


@pytest.mark.parametrize(
    ("act", "declared", "words"),
    [
        (add, {"added": 2}, ""),
        (add, {}, r"2 records added .declared: 0; first: f0700 .line 21., f0701 .line 22."),
        (drop, {"deleted": {"at_most": 2}}, ""),
        (drop, {"deleted": 1}, "2 records deleted .declared: 1; first: f0003 .line 4., f0004"),
        (change, {"changed": 20}, ""),
        (change, {}, "20 records changed .declared: 0; first: f0000 .line 1."),
        (reorder, {}, ""),
        (twice, {}, "1 records added .declared: 0; first: f0000 .line 21."),
    ],
)
def test_what_a_migration_did_must_have_been_declared(
    host: Host, act: Callable[[Records], Records], declared: dict[str, Any], words: str
) -> None:
    host.release["expected_changes"] = {"facts": declared, "other_table": {"created": True}}
    host.do("backup")
    found = act(records(host.drilled))
    host.drilled.write_bytes(lines(found))
    if words:
        with pytest.raises(StepFailed, match=words) as caught:
            host.do("compare")
        assert "release.expected_changes" in caught.value.next
    else:
        assert host.do("compare")["evidence"]["rows"] == len(found)


def test_without_a_key_a_changed_record_is_one_gone_and_one_new(tmp_path: Path) -> None:
    host = make_host(tmp_path, key="")
    host.do("backup")
    host.drilled.write_bytes(host.drilled.read_bytes().replace(b"fact 3", b"fakt 3"))
    with pytest.raises(StepFailed, match=r"1 records added .*line 4.* 1 records deleted .*line 4"):
        host.do("compare")


def test_white_space_and_the_order_of_keys_are_no_change(host: Host) -> None:
    host.do("backup")
    found = records(host.drilled)
    host.drilled.write_text("".join(f"  {json.dumps(r, sort_keys=True)} \n" for r in found))
    numbers = host.do("compare")["evidence"]["changes"]["facts"]
    assert numbers == {"added": 0, "deleted": 0, "changed": 0}


@pytest.mark.parametrize(
    ("before", "after"), [(1, 1.0), (1, "1"), (1, True), (0, None), (10**17, 10**17 + 1)]
)
def test_what_differs_in_type_or_the_last_digit_is_changed(
    tmp_path: Path, before: object, after: object
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(lines([{"id": 1, "n": before}]))
    two.write_bytes(lines([{"id": 1, "n": after}]))
    changes = compare_files(one, two, Rules(), "id", tmp_path / "scratch")
    assert changes.numbers == {"added": 0, "deleted": 0, "changed": 1}
    assert list((tmp_path / "scratch").iterdir()) == []


BAD = b'{"id": "torn by a crash", "ti\n'


def test_a_migration_that_drops_what_it_cannot_parse_is_red(tmp_path: Path) -> None:
    """As the real one did: it kept the lines that parse, and nobody read the others."""
    host = make_host(tmp_path, accepted_damage=2)
    host.old.write_bytes(lines([fact(0)]) + BAD + lines([fact(1)]) + b"{\n")
    host.release["expected_changes"] = {"facts": {"deleted": {"at_most": 9}}}
    host.do("stage")
    host.new.write_bytes(lines([fact(0), fact(1)]))
    with pytest.raises(StepFailed, match=r"2 lines that are no records are gone.*line 2, line 4"):
        host.do("seal")
    host.new.write_bytes(BAD + lines([fact(1), fact(0)]) + b"{\n")
    host.do("seal")


def test_a_migration_that_makes_what_is_no_record_is_red(host: Host) -> None:
    host.do("stage")
    with host.new.open("ab") as out:
        out.write(b"{\n")
    with pytest.raises(StepFailed, match="1 lines that are no records are new: line 21"):
        host.do("seal")
    with host.new.open("r+b") as out:
        out.truncate(host.old.stat().st_size - 1)
    with pytest.raises(StepFailed, match="torn tail"):
        host.do("seal")


def test_many_records_cost_no_more_memory_than_few(tmp_path: Path) -> None:
    """The keys alone of two such files would take more than what is allowed here."""
    path = tmp_path / "many.jsonl"
    with path.open("wb") as out:
        for n in range(20_000):
            out.write(b'{"id": "%d-%s"}\n' % (n, b"k" * 2500))
    program = (
        "import sys\nfrom pathlib import Path\n"
        "from stagegate.jsonl.rules import Rules\n"
        "from stagegate.jsonl_store.compare import compare_files\n"
        "p = Path(sys.argv[1])\n"
        "rules = Rules(parser='json', processes=1)\n"
        "c = compare_files(p, p, rules, 'id', p.parent / 'scratch')\n"
        "status = Path('/proc/self/status').read_text()\n"
        "print(c.numbers, status.split('VmHWM:')[1].split()[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    numbers, _, kilobytes = done.stdout.rpartition(" ")
    assert numbers == "{'added': 0, 'deleted': 0, 'changed': 0}"
    assert int(kilobytes) < 100_000
