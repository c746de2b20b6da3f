"""A monitor host as a Ray Serve deployment: each replica has the engine, the batcher and the routes of the host that is
one process, so clients see the same and batches are made by the same batcher.

Ray Serve's proxy stands before the replicas and spreads requests over them. ``/metrics`` and the health pages are those
of the replica that happens to answer; the health of each is looked at by Ray, which replaces one whose engine is stuck.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from ray import serve

from bartizan.monitors.host.app import create_app
from bartizan.monitors.host.batcher import Batcher
from bartizan.monitors.host.limits import Limits, WireLimits
from bartizan.monitors.host.tenants import Tokens
from bartizan.monitors.listening import names_of
from bartizan.monitors.types import Engine

from .scale import Scale


class MonitorHost:
    """One replica. ``make`` makes its engine, where it runs."""

    def __init__(
        self,
        make: Callable[[], Engine],
        limits: Limits,
        tokens: Tokens | None,
        wire: WireLimits,
        only_hosts: Collection[str] | None,
    ) -> None:
        self._engine = make()
        self._batcher = Batcher(self._engine, limits)
        self._settings: dict[str, Any] = {"tokens": tokens, "wire": wire, "only_hosts": only_hosts}

    def __serve_build_asgi_app__(self) -> Any:
        return create_app(self._batcher, self._engine, **self._settings)

    def check_health(self) -> None:
        """Asked by Ray; a replica that only a restart helps is replaced."""
        health = self._batcher.health()
        if not health.live:
            raise RuntimeError(health.word)

    def __del__(self) -> None:  # called by Ray after the last answer, too
        if (batcher := getattr(self, "_batcher", None)) is not None:
            batcher.close()


def monitor_host(
    make: Callable[[], Engine],
    *,
    limits: Limits = Limits(),  # noqa: B008 (frozen)
    tokens: Tokens | None = None,
    wire: WireLimits = WireLimits(),  # noqa: B008 (frozen)
    scale: Scale = Scale(),  # noqa: B008 (frozen)
    name: str = "MonitorHost",
) -> serve.Application:
    """The application, for :func:`~.serving.deployed`, ``ray.serve.run`` or a Serve config file.

    ``make`` is called in each replica: a function of an installed module, or anything that pickles. Without ``tokens``
    it answers only to names of this machine: see :func:`bartizan.monitors.host.app.create_app`.
    """
    only_hosts = names_of("127.0.0.1", None, authenticated=tokens is not None)
    deployment = serve.deployment(name=name, **scale.options())(serve.ingress()(MonitorHost))
    return deployment.bind(make, limits, tokens, wire, only_hosts)
