"""Is it alive, is it ready, and how does it do."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bartizan.guard import BartizanError
from bartizan.guard.audit import FileAuditLog

from .config import ServiceConfig
from .service import Service
from .sharing import Shared
from .tenants import Tenant

_PROBE = "bartizan readiness"


def public(config: ServiceConfig) -> frozenset[str]:
    """The paths of this module that need no token."""
    return frozenset({"/healthz", "/readyz", *(["/metrics"] if config.metrics == "open" else [])})


def routes(service: Service) -> list[BaseRoute]:
    """The pages for whoever looks after the service."""

    async def look() -> list[str]:
        return await asyncio.gather(*(_state(tenant) for tenant in service.tenants.values()))

    states = Shared(look)

    async def healthz(request: Request) -> Response:
        """The process answers: restart it if it does not."""
        return service.answer({"status": "ok"})

    async def readyz(request: Request) -> Response:
        """503 while it drains, or while a tenant's sessions cannot be asked or its log takes nothing: send requests
        elsewhere."""
        tenants = await states.answer()
        ready = not service.draining and all(state == "ok" for state in tenants)
        body = {"ready": ready, "draining": service.draining, "tenants": len(tenants)}
        return service.answer(body, 200 if ready else 503)

    async def metrics(request: Request) -> Response:
        """Prometheus's text format, about all workers."""
        if service.config.metrics == "token":
            service.asked(request, "read")
        return await service.observer.response()

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]


async def _state(tenant: Tenant) -> str:
    if isinstance(tenant.log, FileAuditLog) and tenant.log.broken is not None:
        return "unavailable"  # until the service starts again
    try:
        await tenant.guard.session(_PROBE)
    except BartizanError:
        return "unavailable"
    return "ok"
