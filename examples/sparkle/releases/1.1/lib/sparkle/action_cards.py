"""The card at the end of a collaboration: what to do next, always, and always well formed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Line = Annotated[str, Field(min_length=1, max_length=200)]
TITLE = 80


class Step(BaseModel):
    """One thing to do."""

    model_config = ConfigDict(extra="forbid")

    text: Line
    minutes: int = Field(ge=1, le=240)


class ActionCard(BaseModel):
    """What to do next."""

    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=TITLE)
    kind: Literal["plan", "explore", "fix"]
    priority: int = Field(ge=1, le=5)
    steps: list[Step] = Field(min_length=1, max_length=8)


def fallback(goal: str) -> ActionCard:
    """Return the card for a draft that is none: plain, but it can be acted on."""
    steps = [
        Step(text="Write down what is known", minutes=10),
        Step(text="Ask again, more precisely", minutes=5),
    ]
    return ActionCard(
        title=goal.strip()[:TITLE] or "Next steps", kind="plan", priority=3, steps=steps
    )


def enforce(draft: Any, goal: str) -> dict[str, Any]:
    """Return the draft as a card, or the fallback and what was wrong with the draft."""
    try:
        card, source, problems = ActionCard.model_validate(draft), "draft", []
    except ValidationError as error:
        card, source = fallback(goal), "fallback"
        problems = [".".join(map(str, found["loc"])) or "card" for found in error.errors()]
    return {"card": card.model_dump(), "source": source, "problems": problems}
