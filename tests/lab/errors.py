"""The one exception of the lab."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot do what was asked; the message says what is true now and what to do next."""
