"""A host that did not let the controller in: what Ansible's own words for it mean to a person.

Such a failure comes from no module, since none was started; so it brings no four parts with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NOT_STARTED = "the step was not begun: nothing of it was changed on this host"
SUDO = re.compile(r"sudo refuses to start|(missing|incorrect) sudo password", re.IGNORECASE)
KEY = re.compile(r"host key verification failed|host identification has changed", re.IGNORECASE)
ADVICE = {
    SUDO: (
        "sudo on the host does not let this account start a module",
        "give it back its rule (examples/hosts/sudoers), then run the same command again",
    ),
    KEY: (
        "the host shows another key than the one that is known: it may not be the host",
        "ask who runs the host; list its new key in known_hosts only when it is proved",
    ),
}


def shut_out(result: Mapping[str, Any]) -> dict[str, str]:
    """The four parts of a failure at the host's door; empty for any other failure."""
    heard = " ".join(str(result.get(key) or "") for key in ("msg", "stderr", "module_stderr"))
    for pattern, (what, advice) in ADVICE.items():
        if pattern.search(heard):
            return {"what": what, "said": heard.strip(), "now": NOT_STARTED, "next": advice}
    return {}
