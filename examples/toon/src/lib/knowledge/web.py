"""HTTP around the operations: parsing, refusals, health, metrics, and the server."""

from __future__ import annotations

import json
import logging
import signal
import socket
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

from knowledge.operations import Call, Operation, Refused
from knowledge.settings import Settings, StartupError
from knowledge.telemetry import LOG, Identity, Telemetry

Endpoint = Callable[[Request], Awaitable[Response]]
STOP_WITHIN = 4


def build(operations: Iterable[Operation], health: Callable[[], dict[str, Any]]) -> Starlette:
    """Return the web application that offers `operations`, health and metrics."""
    routes = [Route(one.path, _endpoint(one), methods=[one.method]) for one in operations]

    async def tell_health(_request: Request) -> Response:
        told = await run_in_threadpool(health)
        return JSONResponse(told, 200 if told["status"] == "healthy" else 503)

    routes.append(Route("/health", _named("/health", tell_health)))
    routes.append(Route("/metrics", _named("/metrics", _metrics)))
    handlers: dict[Any, Any] = {Refused: _refused, OSError: _failed, Exception: _failed}
    return Starlette(routes=routes, exception_handlers=handlers)


def _endpoint(operation: Operation) -> Endpoint:
    async def answer(request: Request) -> Response:
        body = await request.body()
        try:
            given = json.loads(body) if body else {}
        except ValueError as error:
            raise Refused(400, "malformed", f"the body is not JSON: {error}") from error
        if not isinstance(given, dict):
            raise Refused(400, "malformed", "the body must be a JSON object")
        call = Call(path=request.path_params, query=request.query_params, body=given)
        status, told = await run_in_threadpool(operation.act, call)
        return JSONResponse(told, status)

    return _named(operation.path, answer)


def _named(route: str, endpoint: Endpoint) -> Endpoint:
    async def named(request: Request) -> Response:
        request.scope["toon_route"] = route
        return await endpoint(request)

    return named


async def _metrics(_request: Request) -> Response:
    return Response(await run_in_threadpool(generate_latest), media_type=CONTENT_TYPE_LATEST)


def _refused(_request: Request, error: Refused) -> Response:
    return JSONResponse({"error": error.code, "detail": str(error)}, error.status)


def _failed(_request: Request, error: Exception) -> Response:
    LOG.error("unexpected", exc_info=error)
    detail = f"{type(error).__name__}: {error}"
    return JSONResponse({"error": "internal", "detail": detail}, 500)


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


def serve(app: ASGIApp, listener: socket.socket, identity: Identity) -> None:
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
    print(f"toon-api {identity.version} listens on http://{host}:{port}", flush=True)
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
