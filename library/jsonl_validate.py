#!/usr/bin/python
"""Prove that every line of a JSONL file is a record, or tell which are none, and where."""

from __future__ import annotations

DOCUMENTATION = r"""
module: jsonl_validate
short_description: Prove that every line of a JSONL file is a record
description:
  - Strict JSON, one object a line, judged with true line numbers and byte offsets, in memory that
    does not grow with the file. Every verdict is in docs/reference/jsonl-verdicts.md.
  - Fails on any bad line, and names the first. A file that is replaced, truncated or rewritten
    while it is read has no verdict, and fails as well; appending to it is fine.
  - The file itself is only read.
options:
  path:
    description: The file, by its absolute path; the last part of it may be no link.
    type: str
    required: true
  start: {description: The byte to begin at; a line must begin there., type: int, default: 0}
  until: {description: The byte to end before; by default the size at the opening., type: int}
  quarantine:
    description:
      - A side file for the bytes of every bad line, with their places, as lines of JSON.
      - One that is there already is never written over.
    type: str
  policy:
    description:
      - C(refuse) (the default) or C(accept) for each of C(blank), C(bom), C(crlf), C(cr),
        C(duplicate_key), C(not_an_object), C(unknown_kind) and C(torn_tail).
    type: dict
  final_newline:
    description: With C(optional), a last line without its newline counts if it is a record.
    type: str
    choices: [required, optional]
    default: required
  longest_line: {description: Bytes of a line at most; 1 MiB by default., type: int}
  deepest: {description: Levels of nesting at most; 100 by default., type: int}
  most_findings: {description: How many findings are told; 20 by default., type: int}
  context: {description: Bytes shown around the place of a finding; 80 by default., type: int}
  parser:
    description: The verdicts of both are the same; C(auto) takes the faster one that is there.
    type: str
    choices: [auto, orjson, json]
    default: auto
  processes: {description: How many judge; by default two for a large file., type: int}
  kind_field: {description: The field that names a record's kind., type: str}
  kinds:
    description: The kinds of record, in the order in which they are tried.
    type: list
    elements: dict
    options:
      name: {description: The name of the kind., type: str, required: true}
      when:
        description:
          - C(has) and C(lacks), lists of field names, say which records are of this kind.
          - Without it, those whose O(kind_field) holds the name.
        type: dict
      schema:
        description: A JSON Schema; needs python3-jsonschema on the host.
        type: dict
"""

EXAMPLES = r"""
- name: Validate the facts
  jsonl_validate:
    path: /srv/kb/current/entries.jsonl
    quarantine: /var/lib/stagegate/kb/evidence/entries-bad.jsonl
    kinds:
      - name: v3
        when: {has: [insight, keywords]}
        schema: {required: [id, title, date]}
      - name: v2
        when: {has: [summary, confidence_score]}
      - name: v1
        when: {has: [summary], lacks: [confidence_score]}
"""

RETURN = r"""
evidence:
  description: Records, lines, findings, counts by kind, digests and offsets.
  type: dict
  returned: also when a line is bad
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.glue import run_module
from ansible.module_utils.stagegate.jsonl.act import act


def argument_spec() -> dict[str, Any]:
    """The module's parameters. A path is a text: nothing in it is expanded."""
    parser = {"type": "str", "choices": ["auto", "orjson", "json"], "default": "auto"}
    kinds = {
        "name": {"type": "str", "required": True},
        "when": {"type": "dict"},
        "schema": {"type": "dict"},
    }
    return {
        "path": {"type": "str", "required": True},
        "start": {"type": "int", "default": 0},
        "until": {"type": "int"},
        "quarantine": {"type": "str"},
        "policy": {"type": "dict"},
        "final_newline": {
            "type": "str",
            "choices": ["required", "optional"],
            "default": "required",
        },
        "longest_line": {"type": "int"},
        "deepest": {"type": "int"},
        "most_findings": {"type": "int"},
        "context": {"type": "int"},
        "parser": parser,
        "processes": {"type": "int"},
        "kind_field": {"type": "str"},
        "kinds": {"type": "list", "elements": "dict", "options": kinds},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    run_module(module, act)


if __name__ == "__main__":
    main()
