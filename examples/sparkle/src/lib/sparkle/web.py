"""HTTP around the service: its routes, and what becomes of a request that the database refuses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

import psycopg
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse, Response
from psycopg import errors
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.types import ASGIApp

from sparkle import conversation, messages, users, watch
from sparkle.extras import ROUTERS
from sparkle.layers import LAYERS
from sparkle.message import UnreadableMessage
from sparkle.service import Service
from sparkle.telemetry import Telemetry

LOG = logging.getLogger("sparkle")
# The first that fits a refusal of the database; what is in none of them is a fault of this code.
STATUS: tuple[tuple[type[psycopg.Error], int], ...] = (
    (errors.UniqueViolation, 409),
    (errors.IntegrityError, 422),
    (errors.DataError, 422),
    (errors.OperationalError, 503),
)
Handler = Callable[[Request, Exception], Response]


def build(service: Service) -> ASGIApp:
    """Return the web application, measured, with this release's layers around it."""
    app = FastAPI(title="sparkle", version=service.identity.version, docs_url=None, redoc_url=None)
    for router in routers(service):
        app.include_router(router)
    app.add_exception_handler(DBAPIError, refused_by_database)
    app.add_exception_handler(PoolTimeout, no_connection)
    app.add_exception_handler(UnreadableMessage, failed)
    app.add_exception_handler(Exception, failed)
    layered: ASGIApp = app
    for layer in LAYERS:
        layered = layer(layered)
    return Telemetry(layered, service.identity)


def routers(service: Service) -> Iterable[APIRouter]:
    """Return all routes of this release."""
    own = (watch.router, users.router, messages.router, conversation.router)
    return [make(service) for make in (*own, *ROUTERS)]


def refused_by_database(_request: Request, error: Exception) -> Response:
    """Answer what the database said."""
    cause = getattr(error, "orig", error)
    status = next((status for kind, status in STATUS if isinstance(cause, kind)), 500)
    if status >= 500:
        LOG.error("database", exc_info=error)
    return JSONResponse({"detail": str(cause).partition("\n")[0]}, status)


def no_connection(_request: Request, _error: Exception) -> Response:
    """Answer when every connection is in use."""
    return JSONResponse({"detail": "every connection to the database is in use"}, 503)


def failed(_request: Request, error: Exception) -> Response:
    """Answer for a fault of this code; where it lies stands in the log."""
    LOG.error("unexpected", exc_info=error)
    return JSONResponse({"detail": f"{type(error).__name__}: {error}"}, 500)
