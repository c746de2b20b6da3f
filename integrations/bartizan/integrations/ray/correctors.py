"""A corrector's host as a Ray Serve deployment: each replica has the correctors and routes of the one-process host."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from ray import serve

from bartizan.monitors.corrector_host.app import CorrectorLimits, Correctors, create_app
from bartizan.monitors.host.tenants import Tokens
from bartizan.monitors.listening import names_of

from .scale import Scale


class CorrectorHost:
    """One replica. ``make`` makes its correctors, where it runs."""

    def __init__(
        self,
        make: Callable[[], Correctors],
        tokens: Tokens | None,
        limits: CorrectorLimits,
        only_hosts: Collection[str] | None,
    ) -> None:
        self._correctors = make()
        self._settings: dict[str, Any] = {"tokens": tokens, "limits": limits, "only_hosts": only_hosts}

    def __serve_build_asgi_app__(self) -> Any:
        return create_app(self._correctors, **self._settings)


def corrector_host(
    make: Callable[[], Correctors],
    *,
    tokens: Tokens | None = None,
    limits: CorrectorLimits = CorrectorLimits(),  # noqa: B008 (frozen)
    scale: Scale = Scale(),  # noqa: B008 (frozen)
    name: str = "CorrectorHost",
) -> serve.Application:
    """The application, for :func:`~.serving.deployed`, ``ray.serve.run`` or a Serve config file.

    ``make`` is called in each replica: a function of an installed module, or anything that pickles.
    """
    only_hosts = names_of("127.0.0.1", None, authenticated=tokens is not None)
    deployment = serve.deployment(name=name, **scale.options())(serve.ingress()(CorrectorHost))
    return deployment.bind(make, tokens, limits, only_hosts)
