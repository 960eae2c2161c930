"""What the service tells those who watch it: health, metrics, the schema it sees, a WebSocket."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from sparkle.database import POOL_SIZE
from sparkle.service import Service

SLOW = 1000.0  # milliseconds from which the database makes the service degraded
# An index whose building failed is there, slows writes down, and answers nothing: told apart.
INDEXES = """
SELECT relname AS name, indisvalid AND indisready AS valid,
    pg_get_indexdef(indexrelid) AS definition
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = 'public'::regnamespace ORDER BY relname
"""
COLUMNS = """
SELECT relname AS name, pg_get_userbyid(relowner) AS owner, attname AS column,
    format_type(atttypid, atttypmod) AS type
FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
ORDER BY relname, attnum
"""
BOOKKEEPING = "alembic_version"


def router(service: Service) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["watch"])

    @routes.get("/health")
    def health() -> Response:
        answer = look(service)
        return JSONResponse(answer, 200 if answer["database"]["connected"] else 503)

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @routes.get("/schema")
    def schema() -> dict[str, Any]:
        return read_schema(service)

    @routes.websocket("/ws")
    async def talk(socket: WebSocket) -> None:
        await socket.accept()
        who = service.identity
        await socket.send_json(
            {"type": "hello", "version": who.version, "instance_id": who.instance}
        )
        try:
            async for message in socket.iter_text():
                await socket.send_json({"type": "pong" if message == "ping" else "unknown"})
        except WebSocketDisconnect:
            return

    return routes


def look(service: Service) -> dict[str, Any]:
    """Ask the database and the cache; the service is unhealthy without the one, not the other."""
    status, latency, failure = "healthy", None, None
    try:
        latency = service.database.ping()
        status = "degraded" if latency > SLOW else "healthy"
    except SQLAlchemyError as error:
        status, failure = "unhealthy", str(getattr(error, "orig", None) or error)
    return {
        "status": status,
        "version": service.identity.version,
        "instance_id": service.identity.instance,
        "uptime_seconds": service.identity.uptime(),
        "database": {
            "connected": latency is not None,
            "latency_ms": latency,
            "pool_size": POOL_SIZE,
            "pool_checked_out": service.database.checked_out,
            "error": failure,
        },
        "cache": {"connected": service.cache.connected()},
    }


def read_schema(service: Service) -> dict[str, Any]:
    """Read what the database itself says: the revision, the tables, the indexes by validity."""
    tables: dict[str, dict[str, Any]] = {}
    revision = None
    with service.database.session() as session:
        for row in session.execute(text(COLUMNS)).mappings():
            table = tables.setdefault(row["name"], {"owner": row["owner"], "columns": {}})
            table["columns"][row["column"]] = row["type"]
        indexes = session.execute(text(INDEXES)).mappings().all()
        if tables.pop(BOOKKEEPING, None):
            found = session.execute(text(f"SELECT version_num FROM {BOOKKEEPING}"))  # noqa: S608 - a constant
            revision = found.scalar()
    return {
        "revision": revision,
        "tables": tables,
        "indexes": {row["name"]: row["definition"] for row in indexes if row["valid"]},
        "invalid_indexes": [row["name"] for row in indexes if not row["valid"]],
    }
