"""Metrics and traces of a process that guards (extra ``otel``): for Prometheus, and by OTLP where that is configured.

::

    metrics = Metrics(worker=0, directory="/run/bartizan/metrics")   # shared by the workers of one service
    telemetry = Telemetry(meter=metrics.meter("bartizan.guard"), attributes={"bartizan.tenant": "acme"})
    metrics.render()                                                 # what all workers have counted
    metrics.shutdown()

Nothing global is set: who wants OpenTelemetry's global providers sets them and needs none of this.
"""

from __future__ import annotations

try:
    import opentelemetry.sdk.metrics  # noqa: F401
except ImportError as error:
    raise ImportError('install the extra: pip install "bartizan[otel]"') from error

from .metrics import CONTENT_TYPE, Metrics
from .requests import Counted
from .tracing import tracer_provider

__all__ = ["CONTENT_TYPE", "Counted", "Metrics", "tracer_provider"]
