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
      - May have C(sign_offs), those of the system. Not used for C(attested).
    type: dict
  junit_dir: {description: Where each host's smoke results lie as C(<host>.xml)., type: path}
  destination: {description: The run's folder., type: path, required: true}
  checklist: {description: The system's acceptance lines., type: list, elements: dict, default: []}
  sign_offs: {description: The sign-offs of the system., type: list, elements: dict, default: []}
  state:
    description:
      - C(present) - the files are there.
      - C(attested) - the record of before has the words that the entries bring, and nothing else is
        changed in it. It is kept beside the new one.
    type: str
    choices: [attested, present]
    default: present
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

import hashlib
from pathlib import Path
from typing import Any

from ansible import context
from ansible.plugins.action import ActionBase

from stagegate.errors import BadInput, StagegateError, StepFailed
from stagegate.files import make_private_dir, read_json, write_atomic
from stagegate.record.again import with_words
from stagegate.record.build import build_record, to_bytes
from stagegate.record.html import to_html
from stagegate.record.junit import read_junit
from stagegate.record.junit import summary as counted
from stagegate.record.markdown import to_markdown
from stagegate.record.text import one_inventory, visible

OPTIONS = ("entries", "meta", "junit_dir", "destination", "checklist", "sign_offs", "state")
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
            place = Path(params["destination"])
            again = params["state"] == "attested"
            record = read_again(params, place) if again else make_record(params)
            told = summary(record, place)
            if again and not check_mode:
                set_aside(place, record)
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
            *((("meta", dict, "an object"),) if given.get("state") != "attested" else ()),
            ("destination", str, "a path"),
        )
        if not isinstance(given.get(name), kind)
    ]
    lines = given.get("checklist") or []
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        wrong.append("checklist must be a list of lines")
    if given.get("state", "present") not in ("present", "attested"):
        wrong.append("state can only be present or attested")
    if unknown or wrong:
        problems = wrong + [f"{name} is no option" for name in unknown]
        raise BadInput(f"run_record: {'; '.join(problems)}", untouched="every host")
    return {"junit_dir": None, "state": "present", **given, "checklist": lines}


def make_record(params: dict[str, Any]) -> dict[str, Any]:
    """The record of the run."""
    hosts = {*params["entries"], *(params["meta"].get("hosts") or [])}
    junit = read_results(params["junit_dir"], hosts) if params["junit_dir"] else {}
    meta = {"inventory": inventory(), **params["meta"], "destination": params["destination"]}
    return build_record(params["entries"], meta, junit, params["checklist"])


def read_again(params: dict[str, Any], place: Path) -> dict[str, Any]:
    """The record of before with the words that came later."""
    try:
        record = read_json(place / "record.json")
        return with_words(record, params["entries"], params.get("sign_offs") or [])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StepFailed(
            f"the record in {place} cannot be read: {error}",
            now="the word stands in the ledgers of the hosts",
            untouched="the record and the report",
            next="give the word where the run was started",
        ) from error


def set_aside(place: Path, record: dict[str, Any]) -> None:
    """Keep the record of before under a free name, unless the new one is the same."""
    before = (place / "record.json").read_bytes()
    if before == to_bytes(record):
        return
    name = f"record-before-{hashlib.sha256(before).hexdigest()[:12]}.json"
    try:
        write_atomic(place / name, before)
    except OSError as error:
        raise StepFailed(
            f"the record of before could not be kept: {error}",
            now="the word stands in the ledgers of the hosts",
            untouched="the record and the report",
            next="make room, then give the word again",
        ) from error


def inventory() -> str:
    """The inventory of this command, relative when it lies here; empty when there are several."""
    return one_inventory(context.CLIARGS.get("inventory") or ())


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
