"""``bartizan monitors serve --ray``: the host's replicas on Ray Serve, until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from bartizan.policies.diagnostics import visible

from ..console import give_up, out
from .options import needs

if TYPE_CHECKING:
    from bartizan.monitors.host import Limits
    from bartizan.monitors.host.tenants import Tokens
    from bartizan.monitors.types import Engine


def serve_on_ray(
    make: Callable[[], Engine],
    address: str | None,
    host: str,
    port: int,
    limits: Limits,
    tokens: Tokens | None,
    replicas: str,
    gpus: float,
) -> None:
    """Paths are looked up where a replica runs: on a cluster, every machine needs the same ones."""
    needs("ray", extra="ray")
    from bartizan.monitors.listening import told_to_stop

    from ...ray import CannotConnect, connected  # on use: Ray takes a second to import
    from ...ray.monitors import monitor_host
    from ...ray.scale import Scale
    from ...ray.serving import deployed

    least, _, most = replicas.partition("-")
    try:
        scale = Scale(int(least), int(most or least), gpus=gpus)
    except ValueError as error:
        give_up(f"--replicas takes a number, or the fewest and the most as 1-4, found {replicas!r} ({error})")
    application = monitor_host(make, limits=limits, tokens=tokens, scale=scale)

    async def until_told() -> None:
        stop = told_to_stop()
        await stop.wait()

    try:
        with (
            connected(address),
            deployed(
                {"/": application},
                host=host,
                port=port,
                authenticated=tokens is not None,
                everywhere=address is not None,
            ) as where,
        ):
            out.print(visible(f"serving on {where}"), markup=False)
            asyncio.run(until_told())
    except CannotConnect as error:
        give_up(str(error))
