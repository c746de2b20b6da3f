"""``/metrics``, and where spans go: what operators see of a service. Nothing here decides, and nothing here stops it.

Without the extra ``otel`` there are no metrics; ``/metrics`` says so.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from starlette.responses import Response
from starlette.types import ASGIApp

from bartizan.guard import BartizanError, Telemetry, semconv
from bartizan.guard.clock import now_us

from .problems import Problem
from .sharing import Shared
from .tenants import Tenant

DIRECTORY = "BARTIZAN_SIDECAR_METRICS"
"""The environment variable by which the workers of a service learn the folder of their snapshots."""

SCOPE = "bartizan.sidecar"
ROUTES = (
    "/v1/calls", "/v1/batch", "/v1/events", "/v1/approvals", "/v1/decisions", "/v1/sessions", "/v1/policy",
    "/v1/explain", "/v1/streams", "/hooks", "/v1/data", "/access/v1", "/healthz", "/readyz", "/metrics",
    "/openapi.json",
)  # fmt: skip
"""Paths that requests are counted by."""

LOOK = 5.0
"""Seconds between two looks at the open approvals."""

MOST = 200
"""Sessions with open approvals that are looked at; beyond them the number is a lower bound."""

log = logging.getLogger("bartizan.sidecar")


class Observer:
    """The meters and tracers of one worker."""

    def __init__(self, worker: int = 0) -> None:
        self._levels: dict[str, list[Observation]] = {}
        self._metrics = self._traces = None
        try:
            from bartizan.integrations.telemetry import Metrics, tracer_provider
        except ImportError as error:
            log.warning("there are no metrics and no traces: %s", error)
            return
        self._metrics = Metrics(worker=worker, directory=os.environ.get(DIRECTORY))
        self._text = Shared(partial(asyncio.to_thread, self._metrics.render))
        self._traces = tracer_provider(worker=worker)

    @property
    def meter(self) -> Meter | None:
        """For what the service itself measures; None leaves it to OpenTelemetry's global provider."""
        return self._metrics.meter(SCOPE) if self._metrics is not None else None

    def telemetry(self, tenant: str) -> Telemetry:
        """What the guard of a tenant tells its spans and metrics to."""
        return Telemetry(
            self._traces.get_tracer(semconv.SCOPE) if self._traces is not None else None,
            self._metrics.meter(semconv.SCOPE) if self._metrics is not None else None,
            attributes={semconv.TENANT: tenant},
        )

    def counted(self, app: ASGIApp) -> ASGIApp:
        """The application, its requests counted."""
        if self._metrics is None:
            return app
        from bartizan.integrations.telemetry import Counted

        return Counted(app, ROUTES, self._metrics.meter(SCOPE))

    def look_at(self, tenants: Mapping[str, Tenant]) -> None:
        """Have the tenants' levels measured whenever somebody looks."""
        if (meter := self.meter) is None:
            return

        def gauge(name: str, unit: str, text: str, read: Callable[[], Iterable[Observation]]) -> None:
            def observe(options: CallbackOptions) -> Iterable[Observation]:
                with suppress(Exception):
                    return list(read())
                return []

            meter.create_observable_gauge(name, [observe], unit, text)

        def each(value: Callable[[Tenant], int]) -> Callable[[], Iterable[Observation]]:
            return lambda: [
                Observation(value(tenant), {semconv.TENANT: name}) for name, tenant in tenants.items()
            ]

        gauge(
            "bartizan.audit.queue", "{record}", "Records that wait to be written",
            each(lambda tenant: getattr(tenant.log, "waiting", 0)),
        )  # fmt: skip
        gauge(
            "bartizan.telemetry.queue", "{record}", "Decisions and events whose spans wait to be built",
            each(lambda tenant: tenant.telemetry.waiting if tenant.telemetry is not None else 0),
        )  # fmt: skip
        gauge(
            "bartizan.policy.info", "{policy}", "The policies in force",
            lambda: [
                Observation(1, {semconv.TENANT: name, semconv.POLICY_NAME: found.name, semconv.POLICY_HASH: found.hash})
                for name, tenant in tenants.items()
                for found in (tenant.program,)
            ],
        )  # fmt: skip
        gauge(
            "bartizan.approvals.open", "{approval}", "Approvals that wait for a person",
            lambda: self._levels.get("open", []),
        )  # fmt: skip
        gauge(
            "bartizan.approvals.oldest", "s", "How long the oldest of them has waited",
            lambda: self._levels.get("oldest", []),
        )  # fmt: skip

    async def watch(self, tenants: Mapping[str, Tenant]) -> None:
        """Count the open approvals every few seconds, until cancelled."""
        while self._metrics is not None:
            opened, oldest = [], []
            for name, tenant in tenants.items():
                with suppress(BartizanError):  # the store is away: nothing is known, and nothing is said
                    number, age = await _waiting(tenant)
                    opened.append(Observation(number, {semconv.TENANT: name}))
                    oldest.append(Observation(age, {semconv.TENANT: name}))
            self._levels = {"open": opened, "oldest": oldest}
            await asyncio.sleep(LOOK)

    async def response(self) -> Response:
        """Raises :class:`Problem` 503 without the extra."""
        if self._metrics is None:
            raise Problem(503, 'there are no metrics: pip install "bartizan[otel]"')
        from bartizan.integrations.telemetry import CONTENT_TYPE

        return Response(await self._text.answer(), headers={"content-type": CONTENT_TYPE})

    async def aclose(self) -> None:
        """Send and write what there is."""
        for part in (self._traces, self._metrics):
            if part is not None:
                await asyncio.to_thread(part.shutdown)


async def _waiting(tenant: Tenant) -> tuple[int, float]:
    """How many approvals of a tenant are open, and how old the oldest is (seconds)."""
    created: list[int] = []
    for session in (await tenant.inbox.sessions())[:MOST]:
        created += [one.created for one in await tenant.guard.approvals(session) if one.state == "pending"]
    return len(created), (now_us() - min(created)) / 1e6 if created else 0.0
