"""A corrector's host in this event loop, on a socket of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bartizan.monitors.host.tenants import Tokens
from bartizan.monitors.listening import bind, names_of, serving

from .app import CorrectorLimits, Correctors, create_app

PORT = 8792
GRACE = 5


@asynccontextmanager
async def hosting(
    correctors: Correctors,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    uds: str | None = None,
    tokens: Tokens | None = None,
    limits: CorrectorLimits = CorrectorLimits(),  # noqa: B008 (frozen)
) -> AsyncIterator[str]:
    """The address at which correctors answer, for as long as the context lasts. Raises ``CannotServe``.

    Without ``tokens`` only on a Unix domain socket or a loopback address.
    """
    authenticated = tokens is not None
    with bind(host, port, uds, authenticated=authenticated) as bound:
        names = names_of(host, uds, authenticated=authenticated)
        app = create_app(correctors, tokens=tokens, limits=limits, only_hosts=names)
        async with serving(app, bound, GRACE, lifespan="off"):
            yield bound.address
