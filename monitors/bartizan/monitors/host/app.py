"""The routes of a monitor host.

    POST /v1/measurements   one or many queries, see :mod:`.wire`
    GET  /v1/probes         the tenant's probes: name, fingerprint, armed or why not
    GET  /metrics           Prometheus
    GET  /healthz           503 if only a restart helps
    GET  /readyz            503 if it should not be asked now

What is wrong with a request is said with its place; no text of a request is repeated in an answer or a log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bartizan.monitors.incoming import Unacceptable, check_name, read_body, while_connected
from bartizan.monitors.types import Measurement, Query

from . import metrics, reasons
from .batcher import Batcher
from .catalogue import Catalogue
from .limits import WireLimits
from .tenants import OPERATOR, Tokens
from .wire import Answered, Malformed, read_queries, write_answers

logger = logging.getLogger(__name__)


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
    app = Starlette(
        routes=[
            Route("/v1/measurements", host.answering(host.measurements), methods=["POST"]),
            Route("/v1/probes", host.answering(host.probes)),
            Route("/metrics", host.answering(host.metrics)),
            Route("/healthz", host.healthz),
            Route("/readyz", host.readyz),
        ]
    )
    return app if only_hosts is None else _only(app, frozenset(only_hosts))


class _Host:
    def __init__(
        self, batcher: Batcher, catalogue: Catalogue, tokens: Tokens | None, limits: WireLimits
    ) -> None:
        self._batcher = batcher
        self._catalogue = catalogue
        self._tokens = tokens
        self._limits = limits
        self._under_way = 0

    def answering(
        self, answer: Callable[[Request, str | None], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of a request that must say whose it is; refusals and bugs become answers."""

        async def endpoint(request: Request) -> Response:
            try:
                return await answer(request, self._tenant(request))
            except Unacceptable as refused:
                return _refusal(refused)
            except Malformed as malformed:
                return _refusal(Unacceptable(400, malformed.place, malformed.problem))
            except Exception as error:  # noqa: BLE001 (its message may hold somebody's text: neither shown nor logged)
                logger.error("a request failed: %s", type(error).__name__)
                return _refusal(Unacceptable(500, "host", "failed; see its log"))

        return endpoint

    async def measurements(self, request: Request, tenant: str | None) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if (
            kind != "application/json"
        ):  # and so no web page can ask without a preflight, which is not answered
            raise Unacceptable(415, "Content-Type", "expected application/json")
        if self._under_way >= self._limits.max_requests:
            raise Unacceptable(503, "host", reasons.OVERLOADED)
        self._under_way += 1
        try:
            body = await read_body(request, self._limits.max_body_bytes, self._limits.max_body_wait)
            asked = read_queries(body, self._limits)
            queries = [self._owned(query, tenant, index) for index, query in enumerate(asked.queries)]
            answers = await while_connected(
                request, asyncio.gather(*(self._answer(query, asked.within) for query in queries))
            )
            return Response(write_answers(answers), media_type="application/json")
        finally:
            self._under_way -= 1

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
        page = metrics.exposition(self._batcher.stats(), self._batcher.health(), self._under_way)
        return Response(page, media_type=metrics.CONTENT_TYPE)

    async def healthz(self, request: Request) -> Response:
        health = self._batcher.health()
        return PlainTextResponse("ok" if health.live else health.word, 200 if health.live else 503)

    async def readyz(self, request: Request) -> Response:
        health = self._batcher.health()
        return PlainTextResponse(health.word, 200 if health.ready else 503)

    def _tenant(self, request: Request) -> str | None:
        """Whose the request is; ``None`` for one that may speak for anybody."""
        if self._tokens is None:
            return None
        tenant = self._tokens.tenant(request.headers.get("authorization"))
        if tenant is None:
            raise Unacceptable(401, "Authorization", "expected a bearer token that this host knows")
        return None if tenant == OPERATOR else tenant

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


def _refusal(refused: Unacceptable) -> Response:
    headers = {"Retry-After": "1"} if refused.status == 503 else {}
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body: dict[str, Any] = {"error": {"place": refused.place, "problem": refused.problem}}
    return JSONResponse(body, refused.status, headers)


def _only(app: ASGIApp, names: frozenset[str]) -> ASGIApp:
    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                check_name(Headers(scope=scope).get("host", ""), names)
            except Unacceptable as error:
                await _refusal(error)(scope, receive, send)
                return
        await app(scope, receive, send)

    return checked
