"""The application of one worker: the door, then the routes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from . import authzen, calls, changing, health, hooks, opa, openapi, page, streams
from .config import ServiceConfig
from .door import Door
from .problems import Problem
from .service import Service


def create_app(config: ServiceConfig, *, worker: int = 0, service: Service | None = None) -> ASGIApp:
    """The ASGI application of a service; it closes its service when its lifespan ends.

    Any ASGI server can run it; ``bartizan serve`` adds limits that belong to connections (:mod:`.serve`).
    """
    running = Service.open(config, worker) if service is None else service

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await running.catch_up()
        background = asyncio.create_task(running.background())
        try:
            yield
        finally:
            background.cancel()
            await asyncio.wait({background})
            await running.aclose()

    app = Starlette(
        routes=route_list(running),
        lifespan=lifespan,
        exception_handlers={Problem: _refused, HTTPException: _refused_by_router},
    )
    public = {*health.public(config), *page.PUBLIC, *authzen.PUBLIC, *openapi.PUBLIC}
    return running.observer.counted(Door(running, app, public))


def route_list(service: Service) -> list[BaseRoute]:
    """Everything but the hot path, which the door answers itself."""
    parts = (health, calls, changing, page, authzen, opa, streams, hooks, openapi)
    return [route for part in parts for route in part.routes(service)]


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _refused_by_router(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return Problem(error.status_code, error.detail, error.headers).response()
