"""The local connection, with a host that can be lost, and an answer that can be cut off.

A host is gone as soon as its file `lost` exists, or the path exists that it was told to go with.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = r"""
name: story
short_description: The local connection, with a host that can be lost
description: For tests of the playbooks.
options:
  story_home:
    description: The folder that plays the host.
    vars: [{name: story_home}]
  story_lost_with:
    description: The host is gone as soon as this path exists, and stays so.
    default: ""
    vars: [{name: story_lost_with}]
  become_success_timeout:
    description: As the local connection has it; nobody becomes anybody here.
    type: int
    default: 10
  become_strip_preamble:
    description: As the local connection has it.
    type: bool
    default: true
extends_documentation_fragment: [connection_pipelining]
"""


class Connection(Local):
    """See DOCUMENTATION."""

    transport = "story"

    def exec_command(self, *args: Any, **kwargs: Any) -> Any:
        """Run a command, unless the host is lost."""
        lost = Path(self.get_option("story_home")) / "lost"
        if self.get_option("story_lost_with") and Path(self.get_option("story_lost_with")).exists():
            lost.touch()
        if lost.exists():
            raise AnsibleConnectionFailure("the host is lost, as the test asks")
        return super().exec_command(*args, **kwargs)
