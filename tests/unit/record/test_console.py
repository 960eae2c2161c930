"""What the screen says while a run goes on, line by line."""

from __future__ import annotations

import pytest

from stagegate.record import console


@pytest.mark.parametrize(
    ("roles", "phase"),
    [
        ([], ""),
        (["backup"], "backup"),
        (["store_sqlite", "backup"], "backup"),
        (["migrate_sql", "store_sqlite", "migrate"], "migrate"),
        (["service_systemd"], ""),
        (["smoke", "rollback"], "rollback"),
        (["stagegate"], ""),
        (["acme.tools.store_sqlite", "acme.tools.backup"], "backup"),
    ],
)
def test_the_phase_is_the_outermost_role_that_is_no_driver(roles, phase):
    assert console.phase_of(roles) == phase


def board(*ends):
    made = console.Board("migrate", 100.0)
    for host, outcome, changed, moment in ends:
        made.begin(host, 100.0)
        made.end(host, outcome, changed, 100.0 + moment)
    return made


def test_one_line_for_each_host_with_outcome_time_and_changes():
    made = board(("h1", "done", True, 1), ("h2", "done", False, 2), ("h1", "done", True, 4.25))
    assert made.lines() == [
        ("migrate     h1                 done      4.2 s   2 changed", "done"),
        ("migrate     h2                 done      2.0 s", "done"),
    ]


def test_a_failure_stays_and_skipped_tasks_are_silent():
    made = board(("h1", "failed", False, 1), ("h1", "done", False, 2), ("h2", "skipped", False, 3))
    assert made.lines() == [("migrate     h1                 failed    2.0 s", "failed")]


def test_a_phase_on_a_terminal_is_one_line_however_many_hosts():
    few = board(("h1", "done", False, 1), ("h2", "failed", False, 2))
    assert few.summary(80) == ("migrate     h1 1.0 s   h2 failed 2.0 s", "failed")
    many = board(*((f"host{n}", "done", False, n) for n in range(50)))
    assert many.summary(60) == ("migrate     50 hosts   49.0 s", "done")
    assert len(many.live("Migrate a copy of the data", 60)) <= 60


def test_the_live_line_tells_who_is_still_at_it():
    made = board(("h1", "done", False, 1))
    made.begin("h2", 100.5)
    assert made.live("Migrate a copy", 80) == "migrate     h1   h2 ...   Migrate a copy"


def failure(result, unreachable=False):
    return console.failure_lines(("h1", "migrate", "Seal it"), [result], unreachable)


def test_a_failure_has_four_parts_after_its_place():
    told = {"what": "no space", "now": "all as it was\nand held", "untouched": "all", "next": "rm"}
    assert failure({"msg": "no space", "stagegate": told}) == [
        "FAILED  h1  migrate  Seal it",
        "  what       no space",
        "  now        all as it was",
        "             and held",
        "  untouched  all",
        "  next       rm",
    ]


def test_a_plain_failure_shows_its_message_and_the_end_of_what_was_said():
    said = "\n".join(f"line {n}" for n in range(9))
    assert failure({"msg": "non-zero return code", "stdout": said})[1:3] == [
        "  what       non-zero return code",
        "  said       line 4",
    ]


def test_a_traceback_is_cut_to_its_last_line():
    trace = 'Traceback (most recent call last):\n  File "x.py", line 1\nOSError: no space\n'
    assert failure({"msg": trace}) == [
        "FAILED  h1  migrate  Seal it",
        "  what       OSError: no space",
    ]


def test_a_hidden_result_stays_hidden():
    shown = failure({"censored": "…", "msg": "hunter2", "stagegate": {"what": "hunter2"}})
    assert "hunter2" not in "".join(shown)


def test_a_lost_host_is_told_apart():
    assert failure({"msg": "timed out"}, True)[0] == "UNREACHABLE  h1  migrate  Seal it"


SHUT_OUT = [
    # what Ansible says -> what it means, what next
    (
        "Task failed: sudo refuses to start a module: sudo: a password is required",
        "sudo",
        "sudoers",
    ),
    ("Task failed: Incorrect sudo password", "sudo", "sudoers"),
    ("Failed to connect to the host via ssh: Host key verification failed.", "key", "known_hosts"),
]


@pytest.mark.parametrize(("message", "meaning", "advice"), SHUT_OUT)
def test_a_host_that_lets_nobody_in_is_told_with_what_to_do(message, meaning, advice):
    _, what, heard, now, after = failure({"msg": message}, True)
    assert meaning in what
    assert message in heard
    assert "nothing of it was changed" in now
    assert advice in after
    assert advice in console.closing_failure([("h1", "preflight")], {"msg": message}, False)[-1]


def test_failures_cannot_steer_the_terminal():
    lines = console.failure_lines(("h\x1b[2J", "p"), [{"msg": "\x1b]0;x\x07\r\nnext"}], False)
    assert not any("\x1b" in line or "\r" in line for line in lines)


@pytest.mark.parametrize("result", [{}, {"msg": None}, {"stagegate": "x", "msg": 3}])
def test_an_odd_result_is_still_a_failure(result):
    assert len(failure(result)) == 2


def test_the_end_of_a_run_with_a_record():
    message = {
        "what": "gate p99\nand more",
        "now": "h1: 1.0 serves",
        "untouched": "",
        "next": "fix",
    }
    report = {"verdict": "restored", "message": message, "report": "artifacts/x/report.html"}
    assert console.closing_lines(report) == [
        "Taken back, the former state serves: gate p99",
        "  also       and more",
        "  now        h1: 1.0 serves",
        "  report     artifacts/x/report.html",
        "  next       fix",
    ]


def test_a_module_that_was_killed_is_told_with_a_next_command():
    killed = {"msg": "Module result deserialization failed: No start of json char found"}
    assert console.closing_failure([("h1", "report")], killed, False) == [
        "Failed in report on h1",
        "  now        what was done until then stands in the ledger of each host",
        "  untouched  what comes after it",
        "  next       see how every host stands: "
        "ansible-playbook playbooks/status.yml -i <inventory>",
    ]


def test_the_end_of_a_run_without_one():
    told = {"stagegate": {"what": "held", "next": "wait", "now": "another run holds it"}}
    assert console.closing_failure([("h1", "preflight"), ("h2", "preflight")], told, False) == [
        "Failed in preflight on h1 and h2",
        "  now        another run holds it",
        "  next       wait",
    ]


def test_the_recap_is_one_greppable_line():
    counts = {"ok": 12, "changed": 0, "failures": 0, "unreachable": 0, "rescued": 0}
    assert (
        console.recap_line("abathur1", counts)
        == "abathur1 : ok=12 changed=0 failed=0 unreachable=0 rescued=0"
    )


def test_a_diff_cannot_steer_the_terminal():
    diff = {"before": "a\n", "after": "\x1b[2Jb\n", "after_header": "\x07", "x": {"\x1b": ["\x1b"]}}
    (safe,) = console.safe_diff(diff)
    assert safe["before"] == "a\n"
    assert "\x1b" not in str(safe)
    assert "\x07" not in str(safe)


def test_a_loop_tells_three_failed_items_and_counts_the_others():
    lines = console.failure_lines(("h1",), [{"msg": f"item {n}"} for n in range(5)], False)
    assert [line.split()[-1] for line in lines] == ["h1", "0", "1", "2", "items"]
    assert lines[-1] == "  and 2 more items"
