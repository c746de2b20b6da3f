"""The routes of a monitor host.

    POST /v1/measurements   one or many queries, see :mod:`.wire`
    GET  /v1/probes         the tenant's probes: name, fingerprint, armed or why not
    GET  /metrics           Prometheus
    GET  /healthz           503 if only a restart helps
    GET  /readyz            503 if it should not be asked now

What :mod:`.endpoints` says of requests holds for all but the last two.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bartizan.monitors.incoming import Unacceptable
from bartizan.monitors.types import Measurement, Query

from . import metrics, reasons
from .batcher import Batcher
from .catalogue import Catalogue
from .endpoints import Endpoints, named
from .limits import WireLimits
from .tenants import Tokens
from .wire import Answered, read_queries, write_answers


def create_app(
    batcher: Batcher,
    engine: object,
    *,
    tokens: Tokens | None = None,
    wire: WireLimits = WireLimits(),  # noqa: B008 (frozen)
    only_hosts: Collection[str] | None = None,
) -> ASGIApp:
    """The application. ``engine`` is asked for its probes, if it can name them.

    Without ``tokens`` whoever connects is trusted and names a tenant as it likes. Then a TCP host should set
    ``only_hosts``: a request whose Host header names another comes from a web page that had its name rebound.
    """
    host = _Host(batcher, Catalogue(engine), tokens, wire)
    answering = host.endpoints.answering
    app = Starlette(
        routes=[
            Route("/v1/measurements", answering(host.measurements), methods=["POST"]),
            Route("/v1/probes", answering(host.probes)),
            Route("/metrics", answering(host.metrics)),
            Route("/healthz", host.healthz),
            Route("/readyz", host.readyz),
        ]
    )
    return named(app, only_hosts)


class _Host:
    def __init__(
        self, batcher: Batcher, catalogue: Catalogue, tokens: Tokens | None, limits: WireLimits
    ) -> None:
        self._batcher = batcher
        self._catalogue = catalogue
        self._limits = limits
        self.endpoints = Endpoints(tokens, limits)

    async def measurements(self, request: Request, tenant: str | None) -> Response:
        async def answer(body: bytes) -> bytes:
            asked = read_queries(body, self._limits)
            queries = [self._owned(query, tenant, index) for index, query in enumerate(asked.queries)]
            return write_answers(
                await asyncio.gather(*(self._answer(query, asked.within) for query in queries))
            )

        return await self.endpoints.read(request, answer)

    async def probes(self, request: Request, tenant: str | None) -> Response:
        infos = self._catalogue.of(tenant)
        return JSONResponse(
            {
                "probes": [
                    {
                        "name": info.name,
                        "tenant": info.tenant,
                        "fingerprint": info.fingerprint,
                        "armed": info.armed,
                        "why": info.why,
                    }
                    for info in infos
                ]
            }
        )

    async def metrics(self, request: Request, tenant: str | None) -> Response:
        page = metrics.exposition(self._batcher.stats(), self._batcher.health(), self.endpoints.under_way)
        return Response(page, media_type=metrics.CONTENT_TYPE)

    async def healthz(self, request: Request) -> Response:
        health = self._batcher.health()
        return PlainTextResponse("ok" if health.live else health.word, 200 if health.live else 503)

    async def readyz(self, request: Request) -> Response:
        health = self._batcher.health()
        return PlainTextResponse(health.word, 200 if health.ready else 503)

    def _owned(self, query: Query, tenant: str | None, index: int) -> Query:
        if tenant is None or query.tenant == tenant:
            return query
        if query.tenant:
            raise Unacceptable(403, f"$.queries[{index}].tenant", "expected the token's own tenant, or none")
        return Query(query.probe, query.passages, tenant, query.tool)

    async def _answer(self, query: Query, within: float | None) -> Answered:
        info = self._catalogue.find(query.tenant, query.probe)
        if info is None and self._catalogue.known:
            return Answered(Measurement.missing(reasons.UNKNOWN_PROBE))
        measurement = await self._batcher.measure(query, within=within)
        return Answered(measurement, info.fingerprint if info is not None else "")
