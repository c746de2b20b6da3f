"""Is it alive, is it ready."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bartizan.guard import BartizanError, Guard

from .service import Service

_PROBE = "bartizan readiness"


PUBLIC = frozenset({"/healthz", "/readyz"})
"""What needs no token."""


def routes(service: Service) -> list[BaseRoute]:
    async def healthz(request: Request) -> Response:
        """The process answers: restart it if it does not."""
        return service.answer({"status": "ok"})

    async def readyz(request: Request) -> Response:
        """503 while it drains, or while a tenant's sessions cannot be asked: send requests elsewhere."""
        tenants = await asyncio.gather(*(_state(tenant.guard) for tenant in service.tenants.values()))
        ready = not service.draining and all(state == "ok" for state in tenants)
        body = {"ready": ready, "draining": service.draining, "tenants": len(tenants)}
        return service.answer(body, 200 if ready else 503)

    return [Route("/healthz", healthz), Route("/readyz", readyz)]


async def _state(guard: Guard) -> str:
    try:
        await guard.session(_PROBE)
    except BartizanError:
        return "unavailable"
    return "ok"
