"""Source ``command``: one number that a program prints, as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..fields import Fields, told
from ..model import Reader, Samples, Service, SourceFault
from .document import Document
from .http import refuse_constant
from .polling import poll_times
from .process import read_output


@dataclass(frozen=True)
class Command(Document):
    """The program is started by its absolute path with a list of arguments, and by no shell."""

    argv: tuple[str, ...]
    user: str
    kind: ClassVar[str] = "command"

    @classmethod
    def from_fields(cls, fields: Fields, services: Sequence[Service]) -> Command:
        """Read what a user wrote."""
        path = fields.text("path", "")
        owner = fields.service("", services, required=True) if fields.has("service") else None
        if owner and not path:
            fields.problem("path", "is missing: a bare number does not tell whose it is")
        return cls(
            argv=read_argv(fields),
            user=fields.text("user", ""),
            path=path,
            deadline=fields.seconds("deadline", 5.0),
            **cls.common(fields, owner),
        )

    def reader(self, samples: Samples) -> Reader:
        """Start the program at each look."""
        return Reader(
            (self.kind, self.argv, self.user),
            lambda: read_number(self.argv, self.deadline, self.user),
            poll_times(samples),
            self.deadline,
        )

    def describe(self) -> dict[str, Any]:
        """Kind, program and path; arguments may be data and are left out."""
        return {"kind": self.kind, "program": self.argv[0], "path": self.path}


def read_argv(fields: Fields) -> tuple[str, ...]:
    """The program and its arguments."""
    argv = fields.get("argv")
    listed = argv if isinstance(argv, (list, tuple)) and argv else None
    if listed is None or not all(isinstance(part, str) and "\0" not in part for part in listed):
        fields.problem("argv", f"must be a list of texts, not {told(argv)}")
        return ("?",)
    if not listed[0].startswith("/"):
        fields.problem("argv", f"must begin with the absolute path of a program, not {listed[0]}")
    return tuple(listed)


def read_number(argv: Sequence[str], deadline: float, user: str) -> Any:
    """The JSON that a program prints. Raises SourceFault when it is none."""
    said = read_output(argv, deadline=deadline, user=user)
    if not said.strip():
        raise SourceFault("the program said nothing")
    try:
        return json.loads(said, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise SourceFault(f"the program's output is not JSON: {error!s:.80}") from error
