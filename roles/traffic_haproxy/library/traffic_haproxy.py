#!/usr/bin/python
"""The door of a system behind HAProxy: drained, shut, opened, weighed, and read back."""

from __future__ import annotations

DOCUMENTATION = r"""
module: traffic_haproxy
short_description: Open and close one server of an HAProxy backend
description:
  - Works the runtime socket on the host where HAProxy runs; everything that is set is read back.
  - Every action but C(probe) is a step in a ledger, C(announce) in that of the server's own host,
    the others in that of HAProxy's host.
options:
  action:
    description:
      - C(probe) tells the facts of the door, and refuses what a deployment must not meet.
      - C(close) drains the server, lets its requests end and puts it in maintenance.
      - C(open) lets the proxy check the server while it gets nobody, then makes it ready.
      - C(shut) puts the server in maintenance at once, for a host that was lost.
      - C(steady) sets again what a reload of HAProxy forgot.
      - C(weight) sets the server's share of the traffic.
      - C(announce) records on the server's own host that its door opens now; it opens nothing.
    type: str
    required: true
    choices: [probe, close, open, shut, steady, weight, announce]
  run: {description: The run context of the ledger's host., type: dict, required: true}
  phase: {description: The phase that the step belongs to., type: str, default: admit}
  traffic:
    description:
      - The door. O(traffic.host) is where HAProxy runs, O(traffic.backend) and O(traffic.server)
        are its names, O(traffic.socket) is its runtime socket.
      - O(traffic.drain_within) is how many seconds the requests under way get to end,
        O(traffic.ready_within) how many the proxy's health check gets to pass.
    type: dict
    required: true
  server: {description: Another server than O(traffic.server)., type: str}
  last:
    description: Whether the last healthy server of the backend may be closed.
    type: str
    default: refuse
    choices: [refuse, allow]
  weight: {description: For C(weight) the percentage of the configured weight., type: int}
"""

EXAMPLES = r"""
- name: Take a server out of the rotation
  traffic_haproxy:
    action: close
    run: "{{ hostvars['lb1'].stagegate_run }}"
    phase: quiesce
    traffic: {host: lb1, backend: sparkle, server: app1}
  delegate_to: lb1
  throttle: 1
"""

RETURN = r"""
evidence: {description: What the report shows., type: dict, returned: for all but announce}
state: {description: What later steps compare with., type: dict, returned: when a step was written}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.stagegate.glue import RUN_OPTIONS, run_module
from ansible.module_utils.stagegate.haproxy.driver import NAMES, run_task
from ansible.module_utils.stagegate.haproxy.model import LAST, Task


def argument_spec() -> dict[str, Any]:
    """The module's parameters."""
    return {
        "action": {"type": "str", "required": True, "choices": list(NAMES)},
        "run": RUN_OPTIONS,
        "phase": {"type": "str", "default": "admit"},
        "traffic": {"type": "dict", "required": True},
        "server": {"type": "str"},
        "last": {"type": "str", "default": "refuse", "choices": list(LAST)},
        "weight": {"type": "int"},
    }


def act(params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Do one action; in check mode say what it would do."""
    return run_task(Task.from_params(params), check_mode)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    run_module(module, act)


if __name__ == "__main__":
    main()
