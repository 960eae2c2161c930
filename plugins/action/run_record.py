"""Write the record and the report of a run, on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: run_record
short_description: Write the record and the report of a run
description:
  - Builds C(record.json), C(report.md) and C(report.html) from the hosts' ledger entries and the
    JUnit files of their smoke tests, each file replaced wholly or not at all.
  - The same inputs give the same bytes, so that a second time changes nothing.
  - Fails when a file cannot be written; how the run ended is told all the same.
  - Runs on the controller and touches no host.
options:
  entries: {description: The ledger entries of the run by host., type: dict, required: true}
  meta:
    description:
      - C(run), C(system), C(kind) (deploy or rollback), C(release) (C(from), C(to)) and C(hosts),
        all hosts that were planned. A planned host without entries is unknown.
      - May have C(inventory) (as given with C(-i)), C(unreachable) (hosts), C(gates) (all declared)
        and C(failure) (one that reached no ledger - C(host), C(phase), C(step), and a failed
        result's C(msg) and C(stagegate)).
    type: dict
    required: true
  junit_dir: {description: Where each host's smoke results lie as C(<host>.xml)., type: path}
  destination: {description: The run's folder., type: path, required: true}
  checklist: {description: The system's acceptance lines., type: list, elements: dict, default: []}
  state: {description: The files are there., type: str, choices: [present], default: present}
"""

EXAMPLES = r"""
- name: Write the record and the report
  run_record:
    entries: {abathur1: "{{ __report_closed.entries }}"}
    meta:
      run: 20261122T073000Z-ab12
      system: abathur
      kind: deploy
      release: {from: "1.0", to: "1.1"}
      hosts: [abathur1]
      inventory: prod
    junit_dir: artifacts/20261122T073000Z-ab12/smoke
    destination: artifacts/20261122T073000Z-ab12
    checklist: "{{ checklist }}"
  run_once: true
"""

RETURN = r"""
path: {description: The record., type: str, returned: always}
report: {description: The report as a page., type: str, returned: always}
verdict: {description: How the run ended., type: str, returned: always}
exit: {description: The exit code of that verdict., type: int, returned: always}
message: {description: The four parts - what, now, untouched, next., type: dict, returned: always}
stagegate_report: {description: The same in short for the screen., type: dict, returned: always}
"""

from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.action import ActionBase

from stagegate.errors import BadInput, StagegateError, StepFailed
from stagegate.files import make_private_dir, write_atomic
from stagegate.record.build import build_record, to_bytes
from stagegate.record.html import to_html
from stagegate.record.junit import read_junit
from stagegate.record.junit import summary as counted
from stagegate.record.markdown import to_markdown
from stagegate.record.text import visible

OPTIONS = ("entries", "meta", "junit_dir", "destination", "checklist", "state")
NOTHING_YET = "a dry run leaves no ledger, and so no record"


class ActionModule(ActionBase):
    """See DOCUMENTATION."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Build the record and put its three files in place."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        check_mode = bool(self._task.check_mode)
        told: dict[str, Any] = {}
        try:
            params = read_params(dict(self._task.args))
            if check_mode and not any(params["entries"].values()):
                return {**result, "changed": False, "skipped": True, "msg": NOTHING_YET}
            record = make_record(params)
            place = Path(params["destination"])
            told = summary(record, place)
            changed = put(files_of(record, place), check_mode, record)
        except StagegateError as error:
            return {**result, **told, "failed": True, **error.as_result()}
        return {**result, **told, "changed": changed}


def read_params(given: dict[str, Any]) -> dict[str, Any]:
    """The parameters, complete and of the right types, or BadInput."""
    unknown = sorted(set(given) - set(OPTIONS))
    wrong = [
        f"{name} must be {what}"
        for name, kind, what in (
            ("entries", dict, "ledger entries by host"),
            ("meta", dict, "an object"),
            ("destination", str, "a path"),
        )
        if not isinstance(given.get(name), kind)
    ]
    lines = given.get("checklist") or []
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        wrong.append("checklist must be a list of lines")
    if given.get("state", "present") != "present":
        wrong.append("state can only be present")
    if unknown or wrong:
        problems = wrong + [f"{name} is no option" for name in unknown]
        raise BadInput(f"run_record: {'; '.join(problems)}", untouched="every host")
    return {"junit_dir": None, **given, "checklist": lines}


def make_record(params: dict[str, Any]) -> dict[str, Any]:
    """The record of the run."""
    hosts = {*params["entries"], *(params["meta"].get("hosts") or [])}
    junit = read_results(params["junit_dir"], hosts) if params["junit_dir"] else {}
    meta = {"inventory": inventory(), **params["meta"], "destination": params["destination"]}
    return build_record(params["entries"], meta, junit, params["checklist"])


def inventory() -> str:
    """The inventory of this command, relative when it lies here; empty when there are several."""
    given = [str(path) for path in context.CLIARGS.get("inventory") or ()]
    if len(given) != 1:
        return ""
    here = f"{Path.cwd()}/"
    return given[0].removeprefix(here)


def read_results(directory: str, hosts: set[str]) -> dict[str, dict[str, Any]]:
    """The smoke results of the hosts that left some; a name that is no file's name left none."""
    named = {h: Path(directory, f"{h}.xml") for h in hosts if "/" not in h and visible(h) == h}
    return {host: read_result(path) for host, path in named.items() if path.is_file()}


def read_result(path: Path) -> dict[str, Any]:
    """One host's smoke results, or why they cannot be read."""
    try:
        return read_junit(path.read_bytes())
    except OSError as error:
        return counted([], f"the JUnit file cannot be read: {error}")


def files_of(record: dict[str, Any], place: Path) -> dict[Path, bytes]:
    """The three files; the record comes first, for the others can be made from it."""
    return {
        place / "record.json": to_bytes(record),
        place / "report.md": to_markdown(record).encode(),
        place / "report.html": to_html(record).encode(),
    }


def put(files: dict[Path, bytes], check_mode: bool, record: dict[str, Any]) -> bool:
    """Replace the files that differ; return whether any did. Raises StepFailed."""
    try:
        stale = [p for p, data in files.items() if not p.is_file() or p.read_bytes() != data]
        if stale and not check_mode:
            make_private_dir(stale[0].parent)
            for path in stale:
                write_atomic(path, files[path])
    except OSError as error:
        raise StepFailed(
            f"the record of the run could not be written: {error}",
            now=f"the run itself ended as {record['verdict']}, the ledgers on the hosts say so",
            untouched="every host",
            next="make room, then: ansible-playbook playbooks/report.yml -i "
            + (record["inventory"] or "<inventory>"),
        ) from error
    return bool(stale)


def summary(record: dict[str, Any], place: Path) -> dict[str, Any]:
    """What the caller and the screen are told."""
    short = ("verdict", "release", "data", "reason")
    hosts = {h: {k: told[k] for k in short} for h, told in record["hosts"].items()}
    common = {k: record[k] for k in ("verdict", "exit", "message")}
    report = {
        **common,
        "system": record["system"],
        "run": record["run"],
        "release": record["release"],
        "hosts": hosts,
        "report": str(place / "report.html"),
    }
    return {
        **common,
        "path": str(place / "record.json"),
        "report": str(place / "report.html"),
        "stagegate_report": report,
    }
