"""Sending by OTLP, as OpenTelemetry's own environment variables say.

``OTEL_EXPORTER_OTLP_ENDPOINT`` (or the one for traces or metrics alone) switches it on, ``OTEL_TRACES_EXPORTER=none``
and ``OTEL_METRICS_EXPORTER=none`` off again, ``OTEL_SDK_DISABLED=true`` altogether; ``OTEL_EXPORTER_OTLP_PROTOCOL`` is
``http/protobuf`` or ``grpc``. All other variables are the exporters' own. The exporters are packages of their own
(``opentelemetry-exporter-otlp-proto-http``); where one is asked for and missing, that is logged, and nothing is sent:
telemetry does not keep a guard from starting.
"""

from __future__ import annotations

import importlib
import logging
import os
import socket
from typing import Any, Literal

from opentelemetry.sdk.resources import Resource

Signal = Literal["traces", "metrics"]
_PARTS = {
    "http/protobuf": "opentelemetry.exporter.otlp.proto.http",
    "grpc": "opentelemetry.exporter.otlp.proto.grpc",
}
_CLASSES = {
    "traces": ("trace_exporter", "OTLPSpanExporter"),
    "metrics": ("metric_exporter", "OTLPMetricExporter"),
}
log = logging.getLogger("bartizan.telemetry")


def exporter(signal: Signal) -> Any:
    """The exporter that the environment asks for, or None."""
    upper = signal.upper()
    named = _variable("ENDPOINT", upper)
    chosen = os.environ.get(f"OTEL_{upper}_EXPORTER", "otlp").strip().lower()
    if not named or chosen == "none" or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    protocol = _variable("PROTOCOL", upper) or "http/protobuf"
    if chosen != "otlp" or protocol not in _PARTS:
        log.error(
            "%s are not sent: expected otlp by http/protobuf or grpc, found %s by %s",
            signal,
            chosen,
            protocol,
        )
        return None
    part, name = _CLASSES[signal]
    try:
        return getattr(importlib.import_module(f"{_PARTS[protocol]}.{part}"), name)()
    except ImportError as error:
        package = _PARTS[protocol].replace(
            "opentelemetry.exporter.otlp.proto.", "opentelemetry-exporter-otlp-proto-"
        )
        log.error("%s are not sent to %s: install %s (%s)", signal, named, package, error)
    except Exception:
        log.exception("%s are not sent to %s", signal, named)
    return None


def resource(worker: int) -> Resource:
    """Who sends: the environment's names, else ``bartizan``, with this worker's own instance."""
    attributes = {"service.instance.id": f"{socket.gethostname()}-{worker}"}
    if "OTEL_SERVICE_NAME" not in os.environ and "service.name=" not in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    ):
        attributes["service.name"] = "bartizan"
    return Resource.create(attributes)


def _variable(name: str, signal: str) -> str:
    return os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_{name}") or os.environ.get(
        f"OTEL_EXPORTER_OTLP_{name}", ""
    )
