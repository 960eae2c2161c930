"""Source ``http_json``: one number at a path of a JSON answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..fields import Fields
from ..model import Reader, Samples, Service
from .document import Document
from .http import read_json_object
from .polling import poll_times


@dataclass(frozen=True)
class HttpJson(Document):
    """``service`` answers with its release and process in the same document as the number."""

    url: str
    kind: ClassVar[str] = "http_json"

    @classmethod
    def from_fields(cls, fields: Fields, services: Sequence[Service]) -> HttpJson:
        """Read what a user wrote."""
        url = fields.url("url")
        return cls(
            url=url,
            path=fields.text("path"),
            deadline=fields.seconds("deadline", 2.0),
            **cls.common(fields, fields.service(url, services)),
        )

    def reader(self, samples: Samples) -> Reader:
        """Poll the url."""
        return Reader(
            (self.kind, self.url),
            lambda: read_json_object(self.url, self.deadline),
            poll_times(samples),
            self.deadline,
        )

    def describe(self) -> dict[str, Any]:
        """Kind, url and path."""
        return {"kind": self.kind, "url": self.url, "path": self.path}
