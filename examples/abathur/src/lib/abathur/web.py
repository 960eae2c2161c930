"""HTTP around the operations: parsing, transactions, refusals, health, metrics, and the server."""

from __future__ import annotations

import json
import logging
import signal
import socket
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Iterable
from types import FrameType
from typing import Any

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from abathur.database import POOL_MAX, POOL_MIN, POOL_TIMEOUT, Database, has_vectors
from abathur.operation import Call, Json, Operation, ServiceError
from abathur.settings import Settings, StartupError
from abathur.telemetry import LOG, Identity, Telemetry

Endpoint = Callable[[Request], Awaitable[Response]]
STOP_WITHIN = 4
HEALTH_WAITS = 1.0
# SQLite tells constraints apart only in the message.
CONSTRAINTS = {
    "UNIQUE": (409, "duplicate"),
    "CHECK": (422, "check"),
    "FOREIGN KEY": (422, "foreign_key"),
    "NOT NULL": (422, "missing"),
}


def build(database: Database, identity: Identity, operations: Iterable[Operation]) -> Starlette:
    """Return the web application that offers `operations`, health and metrics."""
    routes = [
        Route(entry.path, _endpoint(database, entry), methods=[entry.method])
        for entry in operations
    ]
    routes.append(Route("/health", _named("/health", _health(database, identity))))
    routes.append(Route("/metrics", _named("/metrics", _metrics)))
    handlers: dict[Any, Any] = {
        ServiceError: _refused,
        sqlite3.IntegrityError: _constraint,
        sqlite3.OperationalError: _database_failed,
        Exception: _failed,
    }
    return Starlette(routes=routes, exception_handlers=handlers)


def _endpoint(database: Database, operation: Operation) -> Endpoint:
    transaction = database.writing if operation.writes else database.reading

    def perform(call: Call) -> Json:
        # The block is left, and with it the write committed, before there is anything to answer.
        with transaction() as connection:
            return operation.act(connection, call)

    async def answer(request: Request) -> Response:
        body = await request.body()
        try:
            given = json.loads(body) if body else {}
        except ValueError as error:
            return _error(400, "malformed", f"the body is not JSON: {error}")
        if not isinstance(given, dict):
            return _error(400, "malformed", "the body must be a JSON object")
        call = Call(path=request.path_params, query=request.query_params, body=given)
        return JSONResponse(await run_in_threadpool(perform, call), operation.status)

    return _named(operation.path, answer)


def _named(route: str, endpoint: Endpoint) -> Endpoint:
    async def named(request: Request) -> Response:
        request.scope["abathur_route"] = route
        return await endpoint(request)

    return named


def _health(database: Database, identity: Identity) -> Endpoint:
    def look() -> dict[str, Any]:
        with database.pool.borrow(HEALTH_WAITS) as connection:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            vectors = "sqlite-vec" if has_vectors(connection) else "scan"
        seen = database.pool.pragmas()
        return {
            # A setting belongs to one connection: what is shown was read from those in the pool,
            # and holds for all of them only when they agree.
            "pragmas": seen[0] if seen else {},
            "pragmas_agree": all(pragmas == seen[0] for pragmas in seen),
            "connections_read": len(seen),
            "vectors": vectors,
        }

    async def health(_request: Request) -> Response:
        about = {
            "version": identity.version,
            "instance_id": identity.instance,
            "uptime_seconds": identity.uptime(),
            "pool": {
                "min": POOL_MIN,
                "max": POOL_MAX,
                "timeout": POOL_TIMEOUT,
                "in_use": database.pool.in_use,
            },
        }
        try:
            return JSONResponse({"status": "healthy", **about, **await run_in_threadpool(look)})
        except (ServiceError, sqlite3.Error) as error:
            return JSONResponse({"status": "unhealthy", **about, "detail": str(error)}, 503)

    return health


async def _metrics(_request: Request) -> Response:
    return Response(await run_in_threadpool(generate_latest), media_type=CONTENT_TYPE_LATEST)


def _error(status: int, code: str, detail: str) -> JSONResponse:
    return JSONResponse({"error": code, "detail": detail}, status)


def _refused(_request: Request, error: ServiceError) -> Response:
    return _error(error.status, error.code, str(error))


def _constraint(_request: Request, error: sqlite3.IntegrityError) -> Response:
    for word, (status, code) in CONSTRAINTS.items():
        if str(error).startswith(word):
            return _error(status, code, str(error))
    return _error(422, "integrity", str(error))


def _database_failed(_request: Request, error: sqlite3.OperationalError) -> Response:
    LOG.error("database", exc_info=error)
    busy = "locked" in str(error) or "busy" in str(error)
    return _error(503 if busy else 500, "database", str(error))


def _failed(_request: Request, error: Exception) -> Response:
    LOG.error("unexpected", exc_info=error)
    return _error(500, "internal", f"{type(error).__name__}: {error}")


def bind(settings: Settings) -> socket.socket:
    """Take the address now, so that one that is taken is a plain line at the start."""
    try:
        listener = socket.create_server((settings.host, settings.port), backlog=256)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        raise StartupError(f"cannot listen on {where}: {error.strerror}") from error
    # Connections inherit it; asyncio sets it only on sockets made with an explicit protocol. Else
    # every answer, being two packets, waits 40 ms for the caller's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def serve(name: str, app: ASGIApp, listener: socket.socket, identity: Identity) -> None:
    """Answer until SIGTERM or SIGINT; then finish what was begun, within `STOP_WITHIN` seconds."""
    config = uvicorn.Config(
        Telemetry(app, identity),
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=STOP_WITHIN,
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    host, port = listener.getsockname()[:2]
    print(f"{name} {identity.version} listens on http://{host}:{port}", flush=True)
    LOG.info("started", extra={"fields": {"port": port}})
    server = uvicorn.Server(config)

    def stop(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    # uvicorn has handlers of its own while it runs, and raises the signal again when it is done:
    # by default that would end the process with the signal. And an early signal is not lost.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    server.run(sockets=[listener])
    LOG.info("stopped")


def refuse(name: str, error: StartupError) -> int:
    """Say in one line why the process does not start; returns its exit status."""
    print(f"{name}: {error}", file=sys.stderr)
    return 78  # EX_CONFIG of sysexits.h
