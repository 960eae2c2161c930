"""What the scenarios share: commands as a person types them, users who write, and the invariants.

A scenario drives the real playbooks against machines of the lab from outside, and looks at the
hosts afterwards without the help of the code under test::

    def test_the_slow_release_goes_back(stage: Stage) -> None:
        host = stage.host
        with host.load() as load:
            outcome = stage.deploy("2.4-slow")
        assert outcome.verdict == "restored"
        stage.assert_invariants("1.1")
        assert not load.lost()
"""

from __future__ import annotations

from tests.scenario.deployment import Outcome, Running
from tests.scenario.host import Host
from tests.scenario.load import Load
from tests.scenario.stage import Stage, smoke_counts

__all__ = ["Host", "Load", "Outcome", "Running", "Stage", "smoke_counts"]
