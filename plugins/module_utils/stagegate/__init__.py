"""The pure core of Stagegate: what a deployment decides, records and proves.

Modules import it on the hosts as ``ansible.module_utils.stagegate``; plugins and tests import the
same folder on the controller as ``stagegate``. It imports no Ansible and nothing outside the
standard library, so that it runs on any host with Python 3.9 or later.
"""

import sys

if sys.version_info < (3, 9):  # noqa: UP036 - a host's Python is what it is
    raise ImportError(
        f"this host's Python is {sys.version.split()[0]}, and 3.9 or later is needed:"
        " name another one by ansible_python_interpreter"
    )
