"""The gRPC side: the standard health service, which asks the database each time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from sqlalchemy.exc import SQLAlchemyError

from sparkle.service import Service
from sparkle.settings import Address, StartupError

# The whole server, and its one service by name.
NAMES = ("", "sparkle.Api")
STOP_WITHIN = 2


class Health(health.HealthServicer):
    """Serves only while the database answers."""

    def __init__(self, service: Service) -> None:
        super().__init__()
        self._service = service
        for name in NAMES:
            self.set(name, health_pb2.HealthCheckResponse.SERVING)

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - the name is the protocol's
        """Answer one question."""
        answer = super().Check(request, context)
        try:
            self._service.database.ping()
        except SQLAlchemyError:
            return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.NOT_SERVING)
        return answer


class GrpcServer:
    """The server, listening as soon as it is made."""

    def __init__(self, service: Service, address: Address) -> None:
        self._health = Health(service)
        # Without this a second server takes the same port, and both get half of the questions.
        alone = (("grpc.so_reuseport", 0),)
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4), options=alone)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        try:
            self.port = self._server.add_insecure_port(str(address))
        except RuntimeError as error:
            raise StartupError(f"cannot listen on {address} for gRPC") from error
        self._server.start()

    def stop(self) -> None:
        """Tell that the service ends, and finish what was begun."""
        self._health.enter_graceful_shutdown()
        self._server.stop(STOP_WITHIN).wait()
