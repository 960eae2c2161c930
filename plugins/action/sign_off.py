"""Ask people for their word on a plan or on a run, keep it, and judge whether it counts."""

from __future__ import annotations

DOCUMENTATION = r"""
module: sign_off
short_description: Ask for a person's word, keep it, judge it
description:
  - A word on a plan is bound to the digest of all its parts, lasts for a while, and is kept in a
    file on the controller. A word on a run is returned, to be written into the hosts' ledgers.
  - Runs on the controller and touches no host.
options:
  action:
    description:
      - C(judge) refuses a plan that lacks a word, and returns its digest and the words for it.
      - C(ask) returns what a person is to be shown before giving the word.
      - C(keep) keeps the word.
    type: str
    required: true
    choices: [ask, judge, keep]
  system: {description: The name of the system., type: str, required: true}
  hosts: {description: What each host brings to the plan., type: dict, default: {}}
  wanted: {description: The sign-offs of the system., type: list, elements: dict, default: []}
  nouns: {description: What is shown of the system., type: dict, default: {}}
  root: {description: The folder that keeps the words., type: path, required: true}
  inventory: {description: What the next command names., type: str, required: true}
  version: {description: The release that is wanted., type: str}
  run: {description: The id of the run that the word is on., type: str}
  record: {description: The folder of that run., type: path}
  strict: {description: Refuse; otherwise only warn., type: bool, default: true}
  file: {description: A file with words for the plan., type: path}
  signed: {description: Words for the plan - names by role., type: dict}
  role: {description: As whom the person signs., type: str}
  name: {description: The person's name., type: str}
  answer: {description: What the person answered when asked once more., type: str}
  given: {description: How the word was given., type: str, choices: [terminal, variable]}
"""

EXAMPLES = r"""
- name: Refuse a plan that is not signed
  sign_off:
    action: judge
    system: abathur
    hosts: {abathur1: "{{ __sign_off_part }}"}
    root: sign_offs
    inventory: prod
    version: "1.1"
  run_once: true
"""

RETURN = r"""
signed: {description: The plan's digest and the words for it., type: dict, returned: judge}
text: {description: What is signed, in words., type: str, returned: ask}
word: {description: The word., type: dict, returned: keep}
path: {description: The file of a word on a plan., type: str, returned: keep}
stagegate_report: {description: The same in short for the screen., type: dict, returned: keep}
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase

from stagegate import controller
from stagegate.clock import SystemClock
from stagegate.errors import BadInput, Refused, StagegateError
from stagegate.files import read_json
from stagegate.record.text import visible
from stagegate.signing.command import sign_command
from stagegate.signing.judge import judge, refusal
from stagegate.signing.model import (
    DEPLOY,
    REPORT,
    SignOff,
    Wanted,
    check_name,
    make_sign_off,
    read_wanted,
    wanted_for,
)
from stagegate.signing.parts import plan_digest, plan_parts
from stagegate.signing.store import read_kept, read_words, standing, write_word
from stagegate.signing.words import plan_in_words, run_in_words, word_in_words

Params = Mapping[str, Any]


class ActionModule(ActionBase):
    """See DOCUMENTATION."""

    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Do one action."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        params = {key: value for key, value in self._task.args.items() if value not in (None, "")}
        acts = {"judge": judge_plan, "ask": ask, "keep": keep}
        try:
            told = acts[str(params["action"])](params, bool(self._task.check_mode))
        except StagegateError as error:
            return {**result, "failed": True, **error.as_result()}
        return {"changed": False, **result, **told}


def asked_for(params: Params) -> list[Wanted]:
    """The words that the system asks for, whichever of its hosts says so."""
    hosts = params.get("hosts") or {}
    listed = [w for told in hosts.values() for w in told["sign_offs"]]
    return read_wanted(listed or params.get("wanted") or [])


def who(given: str) -> dict[str, str]:
    """By whose account, on which machine and how a word is given."""
    mine = controller.owner(os.getppid())
    return {"operator": mine["operator"], "controller": mine["controller"], "given": given}


def judge_plan(params: Params, _check_mode: bool) -> dict[str, Any]:
    """The plan's digest and the words for it; refuses, or only warns, when one is lacking.

    A plan that changes nothing needs no word.
    """
    hosts, wanted, now = params["hosts"], asked_for(params), SystemClock().wall()
    parts = plan_parts(params["system"], hosts)
    given = by_variable(params, wanted, parts, now)
    named = read_words(Path(params["file"])) if params.get("file") else []
    kept, damaged = read_kept(Path(params["root"]), params["system"]) if wanted else ([], [])
    judged = judge(wanted, [*given, *named, *kept], parts, now)
    signed = {
        "plan_digest": plan_digest(parts),
        "sign_offs": [word.brief() for word in judged.given],
    }
    if not judged.missing or all(told["plan"]["noop"] for told in hosts.values()):
        return {"signed": signed}
    refused = refusal(judged.missing, damaged, params["inventory"], str(params.get("version")))
    if params.get("strict", True):
        raise refused
    return {"signed": signed, "warnings": [f"it would be refused: {refused.what}"]}


def by_variable(
    params: Params, wanted: list[Wanted], parts: dict[str, Any], now: str
) -> list[SignOff]:
    """The words that the command line itself gave."""
    signed = params.get("signed") or {}
    if not isinstance(signed, Mapping):
        raise BadInput(
            "signed must give a name for each role",
            untouched="every host",
            next='write it as JSON: -e \'{"signed": {"QA lead": "First Last"}}\'',
        )
    return [
        make_sign_off(wanted_for(wanted, str(role), DEPLOY), name, parts, who("variable"), now)
        for role, name in signed.items()
    ]


def ask(params: Params, _check_mode: bool) -> dict[str, Any]:
    """What the person is shown: the plan or the run, and what the word says and proves."""
    purpose = REPORT if params.get("run") else DEPLOY
    wanted = wanted_for(asked_for(params), str(params.get("role", "")), purpose)
    nouns = params.get("nouns") or {}
    if purpose == REPORT:
        about = run_in_words(read_run(params))
    else:
        digest = plan_digest(plan_parts(params["system"], params["hosts"]))
        about = plan_in_words(params["system"], digest, params["hosts"], nouns)
    word = word_in_words(wanted, nouns.get("checklist") or [])
    return {"text": f"{about}\n{word}\n"}


def read_run(params: Params) -> dict[str, Any]:
    """The record of the run that a word is on, or Refused."""
    place = Path(params["record"], "record.json")
    try:
        record: dict[str, Any] = read_json(place)
    except (OSError, ValueError) as error:
        raise Refused(
            f"the record of run {visible(params['run'], 80)} cannot be read: {error}",
            now="nothing was signed",
            untouched="every host",
            next="name a folder of artifacts, where the run was started: -e run=<its name>",
        ) from error
    return record


def keep(params: Params, check_mode: bool) -> dict[str, Any]:
    """Keep the word, unless the person did not agree or gave the same one before."""
    purpose = REPORT if params.get("run") else DEPLOY
    wanted = wanted_for(asked_for(params), str(params.get("role", "")), purpose)
    name = agreed_name(params, wanted)
    parts = plan_parts(params["system"], params["hosts"]) if purpose == DEPLOY else {}
    given = str(params.get("given", "terminal"))
    word = make_sign_off(wanted, name, parts, who(given), SystemClock().wall())
    if purpose == REPORT:
        told = {k: v for k, v in word.brief().items() if k not in ("expires", "digest")}
        return {"word": {**told, "for": REPORT}}
    root = Path(params["root"])
    earlier = standing(read_kept(root, params["system"])[0], word)
    if earlier is not None or check_mode:
        return {
            "word": (earlier or word).brief(),
            **closing(params, earlier or word, bool(earlier)),
        }
    place = write_word(root, params["system"], word)
    told = {"word": word.brief(), "path": str(place), **closing(params, word, False)}
    return {**told, "changed": True}


def agreed_name(params: Params, wanted: Wanted) -> str:
    """The name of a person who agreed. Raises BadInput, or Refused for another answer than yes."""
    about = {k: str(params[k]) for k in ("version", "run") if params.get(k)}
    again = sign_command(wanted.role, params["inventory"], **about)
    try:
        name = check_name(params.get("name"))
    except BadInput as error:
        error.next = f"{again} -e \"sign_name='First Last'\""
        raise
    answer = str(params.get("answer", "")).strip().lower()
    if params.get("given") == "terminal" and answer != "yes":
        raise Refused(
            f"{name} did not agree",
            now="nothing was signed",
            untouched="every host",
            next=again,
        )
    return name


def closing(params: Params, word: SignOff, before: bool) -> dict[str, Any]:
    """What the screen shows at the end."""
    verb = "had already signed" if before else "signed"
    deploy = f"ansible-playbook deploy.yml -i {params['inventory']}"
    message = {
        "what": f"{word.name} {verb} as {word.role}, for plan {word.digest[:12]}",
        "now": f"it counts until {word.expires}, for this plan alone",
        "untouched": "every host",
        "next": f"{deploy} -e release_version={visible(params.get('version'), 64)}",
    }
    return {"stagegate_report": {"verdict": "passed", "message": message}}
