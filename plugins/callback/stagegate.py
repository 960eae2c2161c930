"""Show a run as phases by hosts while it goes on, and how it ended."""

from __future__ import annotations

DOCUMENTATION = r"""
name: stagegate
type: stdout
short_description: phases by hosts, failures in four parts, the verdict
description:
  - In a terminal one line for each phase, in which a cell for each host fills in; in a pipe or a
    log one line for each phase and host when the phase is over there.
  - A failure tells what failed, what is true now, what was not touched, and the next command.
  - With C(-v) and above the results are printed as well, as the default callback prints them.
extends_documentation_fragment:
  - default_callback
  - result_format_callback
options:
  plain:
    description: Print plain lines in a terminal too, as in a pipe.
    type: bool
    default: false
    env: [{name: STAGEGATE_PLAIN}]
    ini: [{section: callback_stagegate, key: plain}]
requirements:
  - set as stdout in configuration
"""

import time
from collections.abc import Callable, Iterator
from typing import Any

from ansible import constants as C  # noqa: N812  # the name that Ansible gives it everywhere
from ansible import context
from ansible.plugins.callback.default import CallbackModule as DefaultCallback

from stagegate.glue import run_without_dumps
from stagegate.plan import PHASES
from stagegate.record import console
from stagegate.record.screen import Screen, run_with_output
from stagegate.record.text import duration, filled, one_inventory, visible

COLORS = {
    "done": C.COLOR_OK,
    "failed": C.COLOR_ERROR,
    "unreachable": C.COLOR_UNREACHABLE,
    "deployed": C.COLOR_OK,
    "staged": C.COLOR_OK,
    "no_op": C.COLOR_OK,
    "passed": C.COLOR_OK,
    "refused": C.COLOR_CHANGED,
    "restored": C.COLOR_CHANGED,
    "unfinished": C.COLOR_CHANGED,
}
VERBOSE_ONLY = (
    "v2_playbook_on_include",
    "v2_playbook_on_no_hosts_matched",
    "v2_playbook_on_no_hosts_remaining",
    "v2_playbook_on_notify",
    "v2_playbook_on_start",
    "v2_runner_item_on_ok",
    "v2_runner_item_on_skipped",
    "v2_runner_on_async_failed",
    "v2_runner_on_async_ok",
    "v2_runner_on_async_poll",
    "v2_runner_retry",
)
"""Events that are shown with -v only, as the default callback shows them."""


class CallbackModule(DefaultCallback):
    """See DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "stagegate"

    def __init__(self) -> None:
        run_with_output()
        run_without_dumps()  # from here on: this process and its children know the vault
        super().__init__()
        self._screen = Screen(self._display)
        self._began = time.monotonic()
        self._board: console.Board | None = None
        self._play_phased = False
        self._task_name = ""
        self._warned: set[str] = set()
        self._items: dict[tuple[str, str], list[dict[str, Any]]] = {}
        self._failures: list[tuple[str, str, dict[str, Any]]] = []
        self._report: dict[str, Any] = {}

    def set_options(self, *arguments: Any, **keywords: Any) -> None:
        """Read the options."""
        super().set_options(*arguments, **keywords)
        self._screen.plain = bool(self.get_option("plain"))

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """A new play: the phases of the one before are over."""
        self._finish()
        self._play, self._play_phased = play, False
        self._default("v2_playbook_on_play_start", play)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """A new task may begin a new phase."""
        self._enter(task)
        self._default("v2_playbook_on_task_start", task, is_conditional)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """A handler belongs to the phase of its role."""
        self._enter(task)
        self._default("v2_playbook_on_handler_task_start", task)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """A host begins a task."""
        if self._board is not None:
            self._board.begin(host.get_name(), time.monotonic())
            self._redraw()
        self._default("v2_runner_on_start", host, task)
        self._screen.write_out()

    def v2_runner_on_ok(self, result: Any) -> None:
        """A task went well; a record among the results is kept for the end."""
        self._keep_report(result)
        self._end(result, "done", bool(result.result.get("changed")))
        self._warn(result)
        self._default("v2_runner_on_ok", result)

    def v2_runner_on_skipped(self, result: Any) -> None:
        """A skipped task says nothing."""
        self._end(result, "skipped")
        self._default("v2_runner_on_skipped", result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """A failed item of a loop is told when the loop is over."""
        self._items.setdefault(task_key(result), []).append(dict(result.result))
        self._default("v2_runner_item_on_failed", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """A failure in four parts."""
        self._keep_report(result)
        told = ignore_errors or is_echo(result.result, self._report)
        self._end(result, "done" if told else "failed")
        if not told:
            self._fail(result, unreachable=False)
        self._default("v2_runner_on_failed", result, ignore_errors)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """A host that is gone."""
        self._end(result, "unreachable")
        self._fail(result, unreachable=True)
        self._default("v2_runner_on_unreachable", result)

    def v2_on_file_diff(self, result: Any) -> None:
        """What a task changed, or would."""
        found = result.result.get("results") if result.task.loop else [result.result]
        shown = [
            r for r in found or [] if isinstance(r, dict) and r.get("changed") and r.get("diff")
        ]
        texts = [self._get_diff(console.safe_diff(r["diff"])) for r in shown]
        if any(texts):
            place = (self._phase(result.task), result.host.get_name(), task_name(result))
            self._screen.say("  ".join(visible(p, 120) for p in place if p), C.COLOR_CHANGED)
            self._screen.say("".join(texts).rstrip("\n"))

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """The verdict, where things stand, and one line for each host."""
        self._finish()
        ends = [stats.summarize(host) for host in stats.processed]
        rescued = not any(end["failures"] or end["unreachable"] for end in ends)
        self._screen.gap()
        if not ends:
            self._screen.say("No host matched: nothing was done", C.COLOR_ERROR)
        for line in self._closing(rescued) if ends else ():
            self._screen.say(*line)
        self._screen.gap()
        for host in sorted(stats.processed):
            counts = stats.summarize(host)
            bad = counts["failures"] or counts["unreachable"]
            self._screen.say(console.recap_line(host, counts), C.COLOR_ERROR if bad else None)

    def _phase(self, task: Any) -> str:
        """The phase of a task, by the roles around it, else by a tag that is a phase's name."""
        found = console.phase_of(role_names(task))
        return found or next((p for p in PHASES if p in task.tags), "")

    def _enter(self, task: Any) -> None:
        """Close the phase on the screen when the task is of another one.

        A task of no phase belongs to the one before it in its play; before the first one it shows
        under the play's name, and only when no phase follows.
        """
        phase = self._phase(task)
        self._task_name = bare_name(task.get_name())
        if not phase and (self._board is not None or console.is_silent(role_names(task))):
            return
        if phase and not self._play_phased:
            self._board, self._play_phased = None, True
        if self._board is None or phase != self._board.phase:
            self._finish()
            name, dry = phase or self._play.get_name(), bool(context.CLIARGS.get("check"))
            self._board = console.Board(name, time.monotonic(), dry)

    def _end(self, result: Any, outcome: str, changed: bool = False) -> None:
        """A host ended a task."""
        if self._board is None:
            return
        self._board.end(result.host.get_name(), outcome, changed, time.monotonic())
        self._redraw()

    def _finish(self) -> None:
        """Print the phase that is over."""
        board, self._board = self._board, None
        if board is None or not board.shown():
            return
        if self._screen.is_live():
            line, worst = board.summary(self._screen.width())
            self._screen.say(line, COLORS.get(worst))
        else:
            for line, outcome in board.lines():
                self._screen.say(line, COLORS.get(outcome))

    def _redraw(self) -> None:
        """Draw the line of the phase anew, on a terminal only."""
        if self._board is not None and self._screen.is_live():
            self._screen.redraw(self._board.live(self._task_name, self._screen.width()))

    def _fail(self, result: Any, unreachable: bool) -> None:
        """Print a failure and keep it for the end."""
        host, phase = result.host.get_name(), self._phase(result.task)
        place = (host, phase or self._play.get_name(), task_name(result))
        results = self._items.pop(task_key(result), None) or [dict(result.result)]
        lines = self._filled(console.failure_lines(place, results, unreachable))
        self._failures.append((host, phase, results[0]))
        color = C.COLOR_UNREACHABLE if unreachable else C.COLOR_ERROR
        self._screen.gap()
        self._screen.say("\n".join(lines), color)
        self._screen.gap()

    def _filled(self, lines: list[str]) -> list[str]:
        """Lines of a failure with this command's inventory in them."""
        inventory = one_inventory(context.CLIARGS.get("inventory") or ())
        return [filled(line, inventory) for line in lines]

    def _closing(self, rescued: bool) -> Iterator[tuple[str, str | None]]:
        """The lines between the phases and the recap."""
        if self._report:
            lines = console.closing_lines(self._report)
            color = COLORS.get(str(self._report.get("verdict")), C.COLOR_ERROR)
        elif self._failures:
            places = [(host, phase) for host, phase, _ in self._failures]
            lines = self._filled(console.closing_failure(places, self._failures[0][2], rescued))
            color = C.COLOR_ERROR
        else:
            dry = "Dry run, nothing was changed" if context.CLIARGS.get("check") else "Done"
            lines, color = [f"{dry}, {duration(time.monotonic() - self._began)}"], C.COLOR_OK
        yield lines[0], color
        yield from ((line, None) for line in lines[1:])

    def _keep_report(self, result: Any) -> None:
        """Keep the account that a record brings."""
        report = result.result.get("stagegate_report")
        if isinstance(report, dict):
            self._report = report

    def _warn(self, result: Any) -> None:
        """Print each warning once, in one line; deprecations only with -v."""
        for warning in result.result.get("warnings") or []:
            text = visible(getattr(warning, "msg", None) or str(warning), 300)
            if text not in self._warned:
                self._warned.add(text)
                self._screen.say(f"warning: {text}", C.COLOR_WARN)

    def _default(self, event: str, *arguments: Any) -> None:
        """Let the default callback show an event too, with -v."""
        if self._display.verbosity:
            with self._screen.surviving():
                getattr(super(), event)(*arguments)


def task_key(result: Any) -> tuple[str, str]:
    """What the items of one loop on one host have in common."""
    return result.host.get_name(), result.task._uuid


def task_name(result: Any) -> str:
    """The name of a result's task, with its variables filled in."""
    return bare_name(result.task_name)


def bare_name(name: str) -> str:
    """A task's name without the role that Ansible puts before it."""
    return name.rpartition(" : ")[2]


def role_names(task: Any) -> list[str]:
    """The names of the roles that a task lies in, innermost first."""
    names: list[str] = []
    while task is not None:
        role = getattr(task, "_role", None)
        if role is not None:
            names.append(role.get_name(include_role_fqcn=False))
        task = getattr(task, "_parent", None)
    return names


def is_echo(result: dict[str, Any], report: dict[str, Any]) -> bool:
    """True for the failure that only ends the run as the report says: it is told there."""
    told = report.get("message")
    return isinstance(told, dict) and result.get("msg") == told.get("what")


def verbose_only(event: str) -> Callable[..., None]:
    """A method that shows an event as the default callback does, with -v."""

    def shown(self: CallbackModule, *arguments: Any) -> None:
        self._default(event, *arguments)

    return shown


for _event in VERBOSE_ONLY:
    setattr(CallbackModule, _event, verbose_only(_event))
