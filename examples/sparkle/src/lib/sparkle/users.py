"""Users: created, read, and gone with all that is theirs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel, Field
from sqlalchemy import delete

from sparkle.cache import group_of
from sparkle.message import Message
from sparkle.service import Service
from sparkle.tables import User

LARGEST_ID = 2**31 - 1
UserId = Annotated[int, Field(ge=1, le=LARGEST_ID)]


class NewUser(BaseModel):
    """A user to be."""

    name: str = Field(min_length=1, max_length=100)


def router(service: Service) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["users"])
    database = service.database

    @routes.post("/users", status_code=201)
    def create_user(given: NewUser) -> dict[str, Any]:
        with database.session() as session:
            user = User(name=given.name)
            session.add(user)
            session.flush()
            return {"id": user.id, "name": user.name}

    @routes.get("/users/{user_id}")
    def read_user(user_id: UserId) -> dict[str, Any]:
        with database.session() as session:
            user = session.get(User, user_id)
            if user is None:
                raise HTTPException(404, f"there is no user {user_id}")
            return {"id": user.id, "name": user.name}

    @routes.delete("/users/{user_id}", status_code=204, response_class=Response)
    def delete_user(user_id: UserId) -> None:
        with database.session() as session:
            # Locked first: who writes in the name of the user now waits, and is refused.
            user = session.get(User, user_id, with_for_update=True)
            if user is None:
                raise HTTPException(404, f"there is no user {user_id}")
            session.execute(delete(Message).where(Message.user_id == user_id))
            # What the tables of later releases hold of the user goes too, by their foreign keys.
            session.delete(user)
        service.cache.forget(group_of(user_id))

    return routes
