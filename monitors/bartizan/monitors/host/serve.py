"""Binds a socket and runs a host on it, until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bartizan.monitors.listening import bind, names_of, serving, told_to_stop
from bartizan.monitors.types import Engine

from .app import create_app
from .batcher import Batcher
from .limits import Limits, WireLimits
from .tenants import Tokens

PORT = 8790
GRACE = 5.0
"""How many seconds what is being computed has to end when the host stops."""


@dataclass(frozen=True, slots=True)
class Hosted:
    """A running host: ``address`` is what a ``RemoteBackend`` takes."""

    address: str
    batcher: Batcher


def serve(
    engine: Engine,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    uds: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    tokens: Tokens | None = None,
    wire: WireLimits = WireLimits(),  # noqa: B008 (frozen)
    announce: Callable[[Hosted], None] | None = None,
) -> None:
    """Run a host until SIGTERM or SIGINT: then whoever waits is answered, and what is being computed is finished.

    Listens on the Unix domain socket ``uds``, or else on ``host`` and ``port`` (0: any free one); ``announce`` is
    told once it does. Without ``tokens`` only on a socket or a loopback address. Raises :class:`CannotServe`.
    """

    async def run() -> None:
        stop = told_to_stop()
        where = {"host": host, "port": port, "uds": uds}
        async with hosting(engine, **where, limits=limits, tokens=tokens, wire=wire) as hosted:  # type: ignore[arg-type]
            if announce is not None:
                announce(hosted)
            await stop.wait()

    asyncio.run(run())


@asynccontextmanager
async def hosting(
    engine: Engine,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    uds: str | None = None,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    tokens: Tokens | None = None,
    wire: WireLimits = WireLimits(),  # noqa: B008 (frozen)
) -> AsyncIterator[Hosted]:
    """A host within this event loop, for as long as the context lasts; see :func:`serve`."""
    authenticated = tokens is not None
    with bind(host, port, uds, authenticated=authenticated) as bound:
        batcher = Batcher(engine, limits)
        names = names_of(host, uds, authenticated=authenticated)
        app = create_app(batcher, engine, tokens=tokens, wire=wire, only_hosts=names)
        async with serving(app, bound, int(GRACE) + 1, lifespan="off"):
            try:
                yield Hosted(bound.address, batcher)
            finally:
                await batcher.aclose(GRACE)
