"""The exceptions of the core, each one verdict.

::

    StagegateError            a step ended badly; carries the four parts of its message
    ├── Refused        (10)   refused before anything changed
    ├── LockHeld       (11)   another run holds the system, or this run has been fenced
    ├── BadInput       (12)   an input, an artifact or a ledger is not what it must be
    ├── StepFailed     (20)   a step failed; going back restores the former state
    ├── GateRed        (21)   a measurement broke its limit
    ├── GateUnknown    (22)   a measurement proves nothing, and so does not pass
    ├── Fenced         (30)   services are held by the start guard until a person decides
    └── Interrupted    (40)   the run stopped half-way and can be resumed
"""

from __future__ import annotations

from typing import Any


class StagegateError(Exception):
    """A failure in four parts: what failed, what is true now, what was not touched, what next."""

    code = 20

    def __init__(
        self, what: str, *, now: str = "", untouched: str = "", next: str = "", code: int = 0
    ) -> None:
        super().__init__(what)
        self.what = what
        self.now = now
        self.untouched = untouched
        self.next = next
        self.code = code or type(self).code

    def parts(self) -> dict[str, Any]:
        """The four parts and the exit code of the verdict, as plain data."""
        return {
            "what": self.what,
            "now": self.now,
            "untouched": self.untouched,
            "next": self.next,
            "code": self.code,
        }

    def as_result(self) -> dict[str, Any]:
        """The keyword arguments of a failed module result: one sentence, and the parts as data."""
        return {"msg": self.what, "stagegate": self.parts()}


class Refused(StagegateError):
    """Refused before anything changed."""

    code = 10


class LockHeld(StagegateError):
    """Another run holds the system, or this run has been fenced by a later one."""

    code = 11


class BadInput(StagegateError):
    """An input, an artifact or a ledger is not what it must be."""

    code = 12


class StepFailed(StagegateError):
    """A step failed; going back restores the former state."""

    code = 20


class GateRed(StagegateError):
    """A measurement broke its limit."""

    code = 21


class GateUnknown(StagegateError):
    """A measurement proves nothing, and so does not pass."""

    code = 22


class Fenced(StagegateError):
    """Services are held by the start guard until a person decides."""

    code = 30


class Interrupted(StagegateError):
    """The run stopped half-way and can be resumed."""

    code = 40
