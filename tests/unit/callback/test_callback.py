"""The screen of real runs: in a pipe, on a terminal, with nobody reading."""

from __future__ import annotations

import json
import re

import pytest

FAILING = ("-e", json.dumps({"failing": ["abathur2"]}))
ONE = ("-l", "abathur1")
LOST = json.dumps({"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 1})


def without_times(lines):
    return [re.sub(r" +\d+(\.\d)? m?s\b", " 0 s", line) for line in lines]


@pytest.fixture(scope="module")
def good(player):
    return player.run("story.yml")


@pytest.fixture(scope="module")
def bad(player):
    return player.run("story.yml", *FAILING)


def test_a_pipe_gets_one_line_for_each_phase_and_host(good):
    assert good.rc == 0
    assert good.err == ""
    assert without_times(good.lines) == [
        "backup      abathur1           done 0 s",
        "backup      abathur2           done 0 s",
        "migrate     abathur1           done 0 s   1 changed",
        "migrate     abathur2           done 0 s   1 changed",
        "",
        "Done, 0 s",
        "",
        "abathur1 : ok=6 changed=1 failed=0 unreachable=0 rescued=0",
        "abathur2 : ok=6 changed=1 failed=0 unreachable=0 rescued=0",
    ]


def test_a_failure_is_told_in_four_parts_and_again_at_the_end(bad):
    parts = [
        "  now        the live data are as they were",
        "  untouched  the live database of every host",
        "  next       make room, then ansible-playbook deploy.yml -i prod",
    ]
    assert without_times(bad.lines)[2:] == [
        "",
        "FAILED  abathur2  migrate  Let the driver migrate",
        "  what       the migration of memory to 1.1 failed on abathur2: disk full",
        *parts,
        "",
        "migrate     abathur1           done 0 s   1 changed",
        "migrate     abathur2           failed 0 s",
        "rollback    abathur2           done 0 s",
        "",
        "Failed in migrate on abathur2, and rescued",
        *parts,
        "",
        "abathur1 : ok=6 changed=1 failed=0 unreachable=0 rescued=0",
        "abathur2 : ok=7 changed=0 failed=0 unreachable=0 rescued=1",
    ]


def odd(player, ending, *arguments):
    return player.run(
        "odds.yml", *ONE, "-e", f"ending={ending}", "-e", "canary=hunter2", *arguments
    )


def test_a_secret_of_a_hidden_task_is_nowhere(player):
    for verbosity in ((), ("-vvv",)):
        shown = odd(player, "no_log", *verbosity)
        assert shown.rc == 2
        assert "hunter2" not in shown.out + shown.err
    assert "  what       the output is hidden (no_log)" in shown.lines


@pytest.mark.parametrize("verbosity", [(), ("-v",)])
def test_a_bug_in_a_module_is_told_in_one_line(player, verbosity):
    shown = odd(player, "crash", *verbosity)
    assert shown.rc == 2
    assert "Traceback" not in shown.out + shown.err
    assert "the module has a bug" in shown.out


def test_verbose_prints_the_results_as_well(player):
    shown = odd(player, "crash", "-v")
    assert "TASK [Meet a bug]" in shown.out
    assert '"msg": "Task failed: Module failed: the module has a bug"' in shown.out
    assert "FAILED  abathur1  Odd ends  Meet a bug" in shown.lines


def test_a_failed_command_shows_what_it_said(player):
    assert "  said       no space left" in odd(player, "command").lines


def test_the_failed_items_of_a_loop_are_told(player):
    shown = odd(player, "loop")
    assert "  what       store vectors is broken" in shown.lines
    assert "memory is broken" not in shown.out


def test_a_dry_run_shows_what_would_change(player):
    shown = odd(player, "diff", "--check", "--diff")
    assert shown.rc == 0
    assert "abathur1  Change a file" in shown.lines
    assert "-journal_mode: delete" in shown.lines
    assert "+journal_mode: \\x1b[31mwal" in shown.lines
    assert any(line.endswith("   1 would change") for line in shown.lines)
    assert any(line.startswith("Dry run, nothing was changed") for line in shown.lines)


def test_without_diff_none_is_shown(player):
    assert "journal_mode" not in odd(player, "diff").out


def test_a_warning_is_one_line_and_cannot_steer_the_terminal(player):
    shown = odd(player, "warning")
    assert "warning: the disk is\\x1b[2J nearly full" in shown.lines
    assert "\x1b" not in shown.out + shown.err


def test_a_run_with_a_record_ends_with_its_verdict(player):
    shown = odd(player, "report")
    assert shown.rc == 2
    assert without_times(shown.lines) == [
        "Odd ends    abathur1           done 0 s",
        "",
        "Taken back, the former state serves: gate p99 on abathur1: too slow",
        "  now        abathur1: 1.0 serves",
        "  untouched  the backups",
        "  report     artifacts/run/report.html",
        "  next       fix the cause, then:",
        "             ansible-playbook deploy.yml -i prod",
        "",
        "abathur1 : ok=1 changed=0 failed=1 unreachable=0 rescued=0",
    ]


def test_a_lost_host_is_named(player):
    shown = odd(player, "warning", "-e", LOST)
    assert shown.rc == 4
    assert "UNREACHABLE  abathur1  Odd ends  Say something odd" in shown.lines
    assert "abathur1 : ok=0 changed=0 failed=0 unreachable=1 rescued=0" in shown.lines


def test_odd_host_names_are_shown_and_obeyed_by_nobody(player, tmp_path):
    names = ["h<b>1</b>", "h{{ 7 * 7 }}", "h\x1bc", "-oProxyCommand=x", "a" * 300]
    facts = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    }
    inventory = tmp_path / "hosts.json"
    inventory.write_text(json.dumps({"all": {"hosts": dict.fromkeys(names, facts)}}))
    shown = player.run("odds.yml", "-i", str(inventory), "-e", "ending=warning")
    assert shown.rc == 0
    assert "\x1b" not in shown.out
    assert r"h\x1bc : ok=1 changed=0 failed=0 unreachable=0 rescued=0" in shown.lines
    assert "h{{ 7 * 7 }} : ok=1 changed=0 failed=0 unreachable=0 rescued=0" in shown.lines


@pytest.mark.parametrize(
    "line",
    [
        "PLAY | head -1; exit ${PIPESTATUS[0]}",
        "PLAY 2>&1 | head -1; exit ${PIPESTATUS[0]}",
        "PLAY -v | head -1; exit ${PIPESTATUS[0]}",
        "PLAY > /dev/full",
        "PLAY >&-",
        "PLAY | true; exit ${PIPESTATUS[0]}",
    ],
)
def test_a_run_goes_on_when_nobody_reads(player, tmp_path, line):
    """The run itself is told by the file that its last play leaves."""
    done = tmp_path / "done"
    shown = player.shell(line, "story.yml", "-e", f"leave={done}")
    assert shown.rc == 0
    assert "Exception" not in shown.err
    assert done.exists()


def test_a_terminal_sees_each_phase_fill_in_and_then_as_one_line(player):
    shown = player.terminal("story.yml", *FAILING)
    assert shown.rc == 0
    drawn = shown.out.split("\r\x1b[2K")
    assert any("backup      abathur1   abathur2 ..." in line for line in drawn)
    bare = re.sub(r"\x1b\[[0-9;]*[mK]", "", shown.out).replace("\r", "\n")
    kept = without_times(bare.splitlines())
    assert "backup      abathur1 0 s   abathur2 0 s" in kept
    assert "migrate     abathur1 0 s   abathur2 failed 0 s" in kept
    assert max(len(line) for line in kept if line.startswith("backup")) < 80


@pytest.mark.parametrize("more", [{"CI": "true"}, {"STAGEGATE_PLAIN": "1"}, {"TERM": "dumb"}])
def test_nothing_is_redrawn_where_that_cannot_be_read(player, more):
    shown = player.terminal("story.yml", **more)
    assert shown.rc == 0
    assert "\x1b[2K" not in shown.out
    assert "backup      abathur2           done" in shown.out
