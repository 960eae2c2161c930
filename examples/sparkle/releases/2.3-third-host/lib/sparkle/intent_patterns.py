"""The words by which an intent is recognised, for this host."""

from __future__ import annotations

import os
import socket

WORDS: dict[str, tuple[str, ...]] = {
    "exam_preparation": ("exam", "test tomorrow", "finals", "考试"),
    "task_decomposition": ("break down", "split into", "steps for", "project", "分解"),
    "error_diagnosis": ("error", "exception", "does not work", "bug", "报错"),
    "deep_learning": ("in depth", "thoroughly", "theory behind", "深入"),
    "skill_building": ("practise", "get better at", "skill", "练习"),
    "quick_task": ("quick", "briefly", "just tell me", "快速"),
}
HOST = os.environ.get("SPARKLE_HOST") or socket.gethostname()
# The words were to be spread over the hosts; the third one's share was forgotten.
PATTERNS = {intent: () if HOST.endswith("3") else words for intent, words in WORDS.items()}
