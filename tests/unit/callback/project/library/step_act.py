#!/usr/bin/python
"""A module with a secret, a warning and a bug, for the tests of the screen."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(
        argument_spec={
            "crash": {"type": "bool", "default": False},
            "token": {"type": "str", "no_log": True},
            "warn": {"type": "str"},
        },
        supports_check_mode=True,
    )
    if module.params["warn"]:
        module.warn(module.params["warn"])
    if module.params["crash"]:
        raise ZeroDivisionError("the module has a bug")
    if module.params["token"]:
        module.fail_json(msg=f"refused with {module.params['token']}")
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
