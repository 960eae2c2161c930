#!/usr/bin/python
"""Measure a host and judge its release."""

from __future__ import annotations

DOCUMENTATION = r"""
module: metric_gate
short_description: Measure a host and judge its release
description:
  - All gates of one call share one window and are read at once, so that a call lasts about as
    long as its longest gate.
  - Only green and amber pass. What cannot be measured is unknown, and unknown never passes.
  - The results are in the host's ledger, also when the module fails.
options:
  action:
    description:
      - C(selftest) proves that every gate can fail and that its source answers; writes nothing.
      - C(baseline) records what the running release is like, and where its logs end.
      - C(gate) judges the new release against its limits and this run's baseline.
      - C(window) does the same for each of O(windows) that ends within five minutes, and writes the
        others down.
      - C(ask) measures the live release now, writes nothing and fails for nothing.
      - C(look) goes on with those - it measures what is due, and judges what is over.
    type: str
    required: true
    choices: [selftest, baseline, gate, window, look, ask]
  run: {description: The run context., type: dict, required: true}
  gates:
    description: The gates of the system, as in roles/gate/README.md.
    type: list
    elements: dict
    required: true
  services:
    description: The services of the system; their health tells release and process.
    type: list
    elements: dict
    default: []
  synthetic: {description: Requests made in the window for a quiet service., type: dict}
  release: {description: The release that must answer; its C(version) is read., type: dict}
  phase: {description: The phase in whose name the ledger is written., type: str}
  windows: {description: Observation windows., type: list, elements: dict, default: []}
  window_scale: {description: Factor on the windows' times., type: float, default: 1.0}
  notes: {description: "Known issues, limitations and expected benefits.", type: dict, default: {}}
"""

EXAMPLES = r"""
- name: Judge the release that has just been started
  metric_gate:
    action: gate
    run: "{{ stagegate_run }}"
    release: {version: "1.1"}
    services: "{{ services }}"
    gates:
      - name: queries_p99
        source:
          kind: prometheus_text
          url: http://127.0.0.1:8000/metrics
          metric: abathur_request_seconds
          scale: 1000
        statistic: p99
        unit: ms
        limit: 100
"""

RETURN = r"""
evidence: {description: Verdict and results as in the ledger., type: dict, returned: success}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.gates.act import act
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    return {
        "action": {
            "type": "str",
            "required": True,
            "choices": ["selftest", "baseline", "gate", "window", "look", "ask"],
        },
        "run": RUN_OPTIONS,
        "gates": {"type": "list", "elements": "dict", "required": True},
        "services": {"type": "list", "elements": "dict", "default": []},
        "synthetic": {"type": "dict"},
        "release": {"type": "dict"},
        "phase": {"type": "str"},
        "windows": {"type": "list", "elements": "dict", "default": []},
        "window_scale": {"type": "float", "default": 1.0},
        "notes": {"type": "dict", "default": {}},
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    run_module(module, act)


if __name__ == "__main__":
    main()
