"""The words by which an intent is recognised."""

from __future__ import annotations

PATTERNS: dict[str, tuple[str, ...]] = {
    "exam_preparation": ("exam", "test tomorrow", "finals", "考试"),
    "task_decomposition": ("break down", "split into", "steps for", "project", "分解"),
    "error_diagnosis": ("error", "exception", "does not work", "bug", "报错"),
    "deep_learning": ("in depth", "thoroughly", "theory behind", "深入"),
    "skill_building": ("practise", "get better at", "skill", "练习"),
    "quick_task": ("quick", "briefly", "just tell me", "快速"),
}
