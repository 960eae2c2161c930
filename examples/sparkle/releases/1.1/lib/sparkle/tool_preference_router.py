"""Chooses tools by what is known of how they did for a user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from sparkle.service import Service
from sparkle.tool_history import UserToolHistory as History
from sparkle.tool_history_service import RECENT_DAYS, preference_score, since

RETRY_RATE = 0.5  # of the last days
RETRY_DAYS = 7
RETRY_AFTER = 3 * 3600  # seconds since the last failure
LEAST_FACTOR, MOST_FACTOR = 0.8, 1.2
# Of a tool that was never used nothing is known: as likely as not.
UNKNOWN_RATE = 0.5


@dataclass(frozen=True)
class Evidence:
    """How one tool did for one user: of late, in the last days, and at this hour of the day."""

    uses: int = 0
    successes: int = 0
    recent_uses: int = 0
    recent_successes: int = 0
    hour_uses: int = 0
    hour_successes: int = 0
    seconds_since_failure: float | None = None

    @property
    def rate(self) -> float:
        """The share of successes, 0 to 1."""
        return self.successes / self.uses if self.uses else UNKNOWN_RATE


def counted(name: str, *conditions: Any) -> Any:
    """Return the count of executions that fulfil all conditions."""
    return func.count().filter(*conditions).label(name)


class ToolPreferenceRouter:
    """Learns from the history; asks it once for each decision."""

    def __init__(self, service: Service) -> None:
        self._database = service.database

    def gather_evidence(self, user_id: int, tools: Sequence[str]) -> dict[str, Evidence]:
        """Read how each of the tools did for a user."""
        hour = func.extract("hour", History.created_at) == func.extract("hour", func.now())
        failed_at = func.max(History.created_at).filter(~History.success)
        query = (
            select(
                History.tool_name,
                counted("uses"),
                counted("successes", History.success),
                counted("recent_uses", since(RETRY_DAYS)),
                counted("recent_successes", since(RETRY_DAYS), History.success),
                counted("hour_uses", hour),
                counted("hour_successes", hour, History.success),
                func.extract("epoch", func.now() - failed_at).label("seconds_since_failure"),
            )
            .where(History.user_id == user_id, History.tool_name.in_(tools), since(RECENT_DAYS))
            .group_by(History.tool_name)
        )
        with self._database.session() as session:
            rows = [dict(row) for row in session.execute(query).mappings()]
        found = {row.pop("tool_name"): Evidence(**row) for row in rows}
        return {tool: found.get(tool, Evidence()) for tool in tools}

    def score_tool(self, evidence: Evidence) -> float:
        """Return the tool's preference, 0 to 1."""
        return preference_score(evidence.rate, evidence.uses)

    def hour_factor(self, evidence: Evidence) -> float:
        """Return how much better or worse the tool does at this hour of the day, 0.8 to 1.2."""
        if not evidence.hour_uses or not evidence.successes:
            return 1.0
        factor = evidence.hour_successes / evidence.hour_uses / evidence.rate
        return round(min(max(factor, LEAST_FACTOR), MOST_FACTOR), 4)

    def success_probability(self, evidence: Evidence) -> float:
        """Return how likely the next execution succeeds: by Bayes from even odds, at this hour."""
        expected = (evidence.successes + 1) / (evidence.uses + 2)
        return round(min(expected * self.hour_factor(evidence), 1.0), 4)

    def should_retry(self, evidence: Evidence) -> bool:
        """Say whether a tool may be tried again: it mostly works, or its failure is long ago."""
        ago = evidence.seconds_since_failure
        if ago is None or ago >= RETRY_AFTER:
            return True
        return evidence.recent_successes > RETRY_RATE * evidence.recent_uses

    def rank_tools(self, evidence: dict[str, Evidence]) -> list[str]:
        """Return the tools by preference; those that had better rest a while come last."""

        def key(tool: str) -> tuple[bool, float, float]:
            known = evidence[tool]
            return (
                not self.should_retry(known),
                -self.score_tool(known),
                -self.success_probability(known),
            )

        return sorted(evidence, key=key)

    def choose_tool(self, user_id: int, tools: Sequence[str]) -> str:
        """Return the best of the tools, which are given by how well they suit."""
        return self.rank_tools(self.gather_evidence(user_id, tools))[0]

    def explain_choice(self, user_id: int, tools: Sequence[str]) -> list[dict[str, Any]]:
        """Return the tools by preference, each with the figures that put it there."""
        evidence = self.gather_evidence(user_id, tools)
        return [
            {
                "tool_name": tool,
                "uses": evidence[tool].uses,
                "preference_score": self.score_tool(evidence[tool]),
                "success_probability": self.success_probability(evidence[tool]),
                "hour_factor": self.hour_factor(evidence[tool]),
                "should_retry": self.should_retry(evidence[tool]),
            }
            for tool in self.rank_tools(evidence)
        ]
