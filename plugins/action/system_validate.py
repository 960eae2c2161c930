"""Check everything a user wrote, on the controller, before any host is touched."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible import context
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from stagegate import controller
from stagegate.lock import NOBODY_KNOWN
from stagegate.plan import PHASES, takes_lock
from stagegate.signing.model import faults
from stagegate.validate import (
    RUN,
    VERSION,
    Problem,
    check_names,
    check_options,
    nearest,
    refused,
    shown,
)

DOCUMENTATION = r"""
module: system_validate
short_description: Check a system's definition, the chosen phases and the given variables
description:
  - Runs on the controller and touches no host.
  - Compares the system's nouns with the specification of the C(preflight) role, and refuses what
    it does not know, with the path of the key and the nearest right name.
  - Returns the run context as C(run), and who runs it as C(owner).
options:
  run_id: {description: The id of this invocation., type: str, required: true}
  parts: {description: The phases that this invocation is to do., type: list, required: true}
"""

ROLES = Path(__file__).resolve().parents[2] / "roles"
OURS = (
    "release_version",
    "resume",
    "accept_data_loss",
    "sign_as",
    "sign_name",
    "sign_offs_file",
    "signed",
    "run",
    "unlock",
)
LIVE = "live"


class ActionModule(ActionBase):
    """See DOCUMENTATION."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Refuse, or give the run context."""
        result = super().run(tmp, task_vars)
        variables = task_vars or {}
        problems = phase_problems(
            list(variables.get("ansible_run_tags", []))
        ) or self.system_problems(variables)
        if problems:
            host = str(variables["inventory_hostname"])
            return {**result, **refused(problems, "nothing was changed", host)}
        return {
            **result,
            "run": self.run_context(variables),
            "owner": controller.owner(os.getppid()),
        }

    def run_context(self, variables: dict[str, Any]) -> dict[str, Any]:
        """The context of a single phase: no lock is held."""
        system = self.rendered(variables, "system")
        return {
            "id": str(self._task.args["run_id"]),
            "epoch": 0,
            "system": system,
            "host": str(variables["inventory_hostname"]),
            "state": f"{self.rendered(variables, 'state_root')}/{system}",
            "exclusive": False,
        }

    def system_problems(self, variables: dict[str, Any]) -> list[Problem]:
        """What is wrong with the system's nouns."""
        options = system_options(str(variables.get("traffic_manager")))
        parts = list(self._task.args["parts"])
        begins = takes_lock(parts) or "preflight" in parts
        problems = check_names([str(name) for name in variables], [*options, *OURS])
        problems += self.version_problems(variables, begins)
        if problems:
            return problems
        wanted = {name: o for name, o in options.items() if begins or name != "release"}
        values = {}
        for name in wanted:
            if name in variables:
                try:
                    values[name] = self.rendered(variables, name)
                except AnsibleError as error:
                    return [Problem(name, f"cannot be rendered: {error}")]
        return check_options(values, wanted) or faults(
            values.get("sign_offs", []), values.get("checklist", [])
        )

    def version_problems(self, variables: dict[str, Any], begins: bool) -> list[Problem]:
        """What is wrong with the wanted release, before anything is rendered from it."""
        releases = variables.get("releases")
        known = [str(name) for name in releases] if isinstance(releases, Mapping) else []
        problems = run_problems(variables, list(self._task.args["parts"]))
        if problems:
            return problems
        version = variables.get("release_version")
        if version is None:
            hint = f"known releases: {', '.join(known)}" if known else ""
            return [Problem("release_version", "say it by -e release_version=…", hint)] * begins
        if not isinstance(version, str):
            return [Problem("release_version", f"must be a text, not {version!r}")]
        if not VERSION.fullmatch(version):
            return [Problem("release_version", f"{shown(version)} is not a version")]
        if known and version not in known:
            return [Problem("release_version", f"no release {version}", nearest(version, known))]
        return []

    def rendered(self, variables: dict[str, Any], name: str) -> Any:
        """One variable, rendered to plain data.

        A phase that is told no release speaks of the live one. Only the host's ledger knows it, so
        what mentions it is rendered here with a word in its place.
        """
        known = {"release_version": LIVE, **variables}
        templar = self._templar.copy_with_new_env(available_variables=known)
        return json.loads(json.dumps(templar.template(variables[name])))


def role_options(role: str, entry: str) -> dict[str, Any]:
    """The options that a role describes under an entry; none when it has no such entry."""
    place = ROLES / role / "meta/argument_specs.yml"
    specs = yaml.safe_load(place.read_text())["argument_specs"] if place.exists() else {}
    return dict(specs.get(entry, {}).get("options", {}))


def driver_options(family: str) -> dict[str, dict[str, Any]]:
    """What each driver of a family adds to its noun, by kind."""
    found = sorted(ROLES.glob(f"{family}_*"))
    return {path.name.removeprefix(f"{family}_"): role_options(path.name, "noun") for path in found}


def system_options(traffic_manager: str) -> dict[str, Any]:
    """The keys of a system's nouns, with those that its drivers describe themselves."""
    options = role_options("preflight", "system")
    stores = options["stores"]
    stores["by_kind"] = driver_options("store")
    stores["options"]["migrations"]["by_kind"] = driver_options("migrate")
    options["release"]["by_kind"] = driver_options("release")
    options["traffic"]["options"] = role_options(f"traffic_{traffic_manager}", "noun")
    return options


def run_problems(variables: Mapping[str, Any], parts: Sequence[str]) -> list[Problem]:
    """What is wrong with the runs that the command line names."""
    reasons = {
        "run": "it is the name of a folder of artifacts",
        "resume": "the refusal names the one that is unfinished",
        "unlock": "the refusal names the one that holds the system",
    }
    named = {key: str(variables[key]) for key in reasons if key in variables}
    if named.get("unlock") == NOBODY_KNOWN:
        del named["unlock"]
    elif "unlock" in parts and "unlock" not in named:
        return [Problem("unlock", "say it by -e unlock=…", reasons["unlock"])]
    return [
        Problem(key, f"{shown(run)} is no run: {reasons[key]}")
        for key, run in named.items()
        if not RUN.fullmatch(run)
    ]


def phase_problems(tags: list[str]) -> list[Problem]:
    """Tags that name no phase, and phases that would be skipped."""
    known = [*PHASES, "all", "always", "tagged", "untagged"]
    problems = [
        Problem("--tags", f"there is no phase {shown(tag)}", nearest(tag, PHASES))
        for tag in tags
        if tag not in known
    ]
    problems += [
        Problem("--skip-tags", f"{shown(tag)}: a phase of a deployment cannot be skipped")
        for tag in context.CLIARGS.get("skip_tags") or ()
        if tag in known  # any other skips nothing; molecule always gives two of its own
    ]
    return problems
