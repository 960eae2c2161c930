"""The process that answers requests."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from contextlib import closing
from pathlib import Path
from types import FrameType

import uvicorn

from sparkle import web
from sparkle.health_grpc import GrpcServer
from sparkle.service import Service
from sparkle.settings import Address, Settings, StartupError, read_release, read_settings
from sparkle.telemetry import observe, start_log

LOG = logging.getLogger("sparkle")
STOP_WITHIN = 4
EX_CONFIG = 78  # of sysexits.h


def bind(address: Address) -> socket.socket:
    """Take the address now, so that one that is taken is a plain line at the start."""
    try:
        listener = socket.create_server((address.host, address.port), backlog=256)
    except OSError as error:
        raise StartupError(f"cannot listen on {address}: {error.strerror}") from error
    # Connections inherit it; else an answer of two packets waits for the caller's acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def server(service: Service) -> uvicorn.Server:
    """Return the HTTP server, which ends at SIGTERM or SIGINT when all that was begun is done."""
    config = uvicorn.Config(
        web.build(service),
        http="h11",
        loop="asyncio",
        ws="websockets-sansio",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=STOP_WITHIN,
    )
    made = uvicorn.Server(config)

    def stop(_number: int, _frame: FrameType | None) -> None:
        made.should_exit = True

    # uvicorn raises the signal again when it is done, which by default would end the process with
    # it. And a signal that comes early is not lost.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    return made


def serve(settings: Settings, version: str) -> None:
    """Serve until told to stop; whether the schema is newer than this code is nobody's question."""
    service = Service(settings, version)
    with closing(service), bind(settings.listen) as listener:
        start_log(settings.log, service.identity)
        observe(service)
        http = server(service)
        grpc = GrpcServer(service, settings.grpc_listen)
        host, port = listener.getsockname()[:2]
        places = f"http://{host}:{port} and grpc://{settings.grpc_listen.host}:{grpc.port}"
        print(f"sparkle-api {version} listens on {places}", flush=True)
        LOG.info("started", extra={"fields": {"port": port, "grpc_port": grpc.port}})
        http.run(sockets=[listener])
        grpc.stop()
    LOG.info("stopped")


def main(root: Path) -> int:
    """Run the process; returns its exit status."""
    try:
        serve(read_settings(os.environ), read_release(root).version)
    except StartupError as error:
        print(f"sparkle-api: {error}", file=sys.stderr)
        return EX_CONFIG
    return 0
