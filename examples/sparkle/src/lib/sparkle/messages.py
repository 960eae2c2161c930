"""Messages: a write is answered after its commit."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import delete, func, select

from sparkle.message import Message, columns_of, text_of
from sparkle.service import Service
from sparkle.tables import User
from sparkle.users import UserId

After = Annotated[int, Query(ge=0, le=2**63 - 1)]
Limit = Annotated[int, Query(ge=1, le=1000)]
COUNTS_KEPT = 5  # seconds


class NewMessage(BaseModel):
    """A message to be; PostgreSQL cannot keep a NUL in a text."""

    key: str = Field(min_length=1, max_length=100, pattern=r"^[\w.:-]+$")
    text: str = Field(min_length=1, max_length=10_000, pattern=r"^[^\x00]*$")
    user_id: UserId | None = None


def shown(message: Message) -> dict[str, Any]:
    """Return a message as it is told."""
    return {
        "id": message.id,
        "key": message.key,
        "user_id": message.user_id,
        "text": text_of(message),
        "created_at": message.created_at.isoformat(),
    }


def router(service: Service) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["messages"])
    database, cache = service.database, service.cache

    @routes.post("/messages", status_code=201)
    def write_message(given: NewMessage) -> dict[str, Any]:
        with database.session() as session:
            values = columns_of(given.text)
            message = Message(key=given.key, user_id=given.user_id, **values)
            session.add(message)
            session.flush()
            return {"id": message.id, "key": message.key}

    @routes.get("/messages/{key}")
    def read_message(key: str) -> dict[str, Any]:
        with database.session() as session:
            message = session.scalar(select(Message).where(Message.key == key))
            if message is None:
                raise HTTPException(404, f"there is no message {key}")
            return shown(message)

    @routes.delete("/messages/{key}", status_code=204, response_class=Response)
    def delete_message(key: str) -> None:
        gone = delete(Message).where(Message.key == key).returning(Message.id)
        with database.session() as session:
            if session.scalar(gone) is None:
                raise HTTPException(404, f"there is no message {key}")

    @routes.get("/messages")
    def list_messages(after: After = 0, limit: Limit = 100) -> dict[str, Any]:
        query = select(Message).where(Message.id > after).order_by(Message.id).limit(limit)
        with database.session() as session:
            return {"messages": [shown(message) for message in session.scalars(query)]}

    @routes.get("/counts")
    def counts() -> dict[str, Any]:
        def count() -> dict[str, int]:
            with database.session() as session:
                tables = {"users": User, "messages": Message}
                return {
                    name: session.scalar(select(func.count()).select_from(table)) or 0
                    for name, table in tables.items()
                }

        return cache.kept("sparkle:counts", "all", COUNTS_KEPT, count)

    return routes
