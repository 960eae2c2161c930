"""The look of the report: one column, light and dark, on a phone and on paper."""

from __future__ import annotations

from pathlib import Path

CSS = Path(__file__).with_name("report.css").read_text(encoding="utf-8")
