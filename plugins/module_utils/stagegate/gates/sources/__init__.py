"""The kinds of source. A new kind is one file here and one line in KINDS."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..fields import Fields
from ..model import Service, Source
from .command import Command
from .http_json import HttpJson
from .log import Log
from .probe import Probe
from .prometheus import PrometheusText
from .prometheus_server import Prometheus
from .recorded import Recorded
from .sql import Sql
from .version import Version

KINDS: dict[str, Callable[[Fields, Sequence[Service]], Source]] = {
    HttpJson.kind: HttpJson.from_fields,
    PrometheusText.kind: PrometheusText.from_fields,
    Prometheus.kind: Prometheus.from_fields,
    Sql.kind: Sql.from_fields,
    Log.kind: Log.from_fields,
    Probe.kind: Probe.from_fields,
    Version.kind: Version.from_fields,
    Command.kind: Command.from_fields,
    Recorded.kind: Recorded.from_fields,
}
