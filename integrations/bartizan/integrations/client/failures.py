"""What went wrong, for the operator: logged, counted, and named by the reserved reason that denies a call."""

from __future__ import annotations

import logging

from opentelemetry import metrics

from bartizan.guard import reasons, semconv

from .errors import BadAnswer, Refused, ServiceError, Unreachable

log = logging.getLogger("bartizan.client")

_REASONS: dict[type[ServiceError], str] = {
    Unreachable: reasons.GUARD_UNREACHABLE,
    Refused: reasons.GUARD_REFUSED,
    BadAnswer: reasons.GUARD_ANSWER,
}


class Failures:
    """What of a client's requests went wrong."""

    def __init__(self) -> None:
        meter = metrics.get_meter("bartizan.client")
        self._count = meter.create_counter(semconv.METRIC_FAILURES)

    def reason(self, error: Exception) -> str:
        """The reason, once the failure is logged and counted; a bug is logged with its trace."""
        found = next((name for kind, name in _REASONS.items() if isinstance(error, kind)), None)
        log.error("%s: %s", found or reasons.INTERNAL_ERROR, error, exc_info=error if found is None else None)
        reason = found or reasons.INTERNAL_ERROR
        self._count.add(1, {semconv.REASON: reason})
        return reason
