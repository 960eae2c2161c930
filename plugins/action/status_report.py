"""Say how a system stands on all its hosts, and fail unless all of it is good."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from stagegate.status import GOOD, Line, judge_host, worst

DOCUMENTATION = r"""
module: status_report
short_description: Say how a system stands on all its hosts, and fail unless all of it is good
description:
  - Runs on the controller and touches no host. Every verdict follows from what was asked; a host
    that did not answer is unknown.
options:
  system: {description: The system., type: str, required: true}
  asked: {description: "Standing, services and gates by host.", type: dict, required: true}
"""

MARKS = {"good": "ok     ", "bad": "BAD    ", "unknown": "UNKNOWN"}


class ActionModule(ActionBase):
    """See DOCUMENTATION."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Make the report."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        told = self._task.args
        hosts = {host: lines_of(answer) for host, answer in told["asked"].items()}
        verdict = worst(line for lines in hosts.values() for line in lines)
        bad = [(h, line) for h, lines in hosts.items() for line in lines if line.verdict != GOOD]
        what = f"{told['system']} stands well on {len(hosts)} host(s)" if not bad else first(bad)
        shown = [
            f"{MARKS[line.verdict]} {host}  {line.component}: {line.words}"
            for host, lines in hosts.items()
            for line in lines
        ]
        when = next((a["standing"]["at"] for a in told["asked"].values() if a["standing"]), "")
        message = {
            "what": f"{what}, asked at {when}" if when else what,
            "now": "\n".join(shown),
            "untouched": "everything: this only asks",
            "next": "nothing to do" if not bad else "look at the lines that are not ok",
        }
        report = {"verdict": "passed" if not bad else "Not well", "message": message}
        failed = {"failed": True, "msg": what} if bad else {}
        return {
            **result,
            **failed,
            "changed": False,
            "status": verdict,
            "lines": shown,
            "stagegate_report": report,
        }


def lines_of(answer: dict[str, Any]) -> list[Line]:
    """The lines of one host; one that did not answer has a single one."""
    if not answer["standing"]:
        return [Line("host", "unknown", "it does not answer")]
    return judge_host(answer["standing"], answer["services"], answer["gates"])


def first(bad: list[tuple[str, Line]]) -> str:
    """The first thing that is not good, and how many more there are."""
    host, line = bad[0]
    more = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
    return f"{host}, {line.component}: {line.words}{more}"
