"""What the routes of one worker share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterator, Mapping
from contextlib import contextmanager

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from bartizan.guard import BartizanError
from bartizan.guard.canonical import JSON, WRAPPED_DEPTH, canonical_json
from bartizan.policies import PolicyError

from .bodies import json_of
from .config import ConfigError, ServiceConfig
from .identity import Authenticator, Identity, Scope
from .observing import Observer
from .tenants import Tenant, examine, open_tenant

log = logging.getLogger("bartizan.sidecar")


class Service:
    """The tenants of one worker.

    ``draining``: it answers what it has, and is not ready for more. ``inside`` is how many requests it is answering.
    """

    def __init__(
        self,
        config: ServiceConfig,
        tenants: Mapping[str, Tenant],
        worker: int = 0,
        observer: Observer | None = None,
    ) -> None:
        self.config = config
        self.observer = Observer(worker) if observer is None else observer
        self.tenants = dict(tenants)
        self.worker = worker
        self.authenticator: Authenticator = config.authenticator()
        self.draining = False
        self.inside = 0
        self.observer.look_at(self.tenants)

    @classmethod
    def open(cls, config: ServiceConfig, worker: int = 0) -> Service:
        """Raises ``ConfigError``, ``PolicyError``, ``AuditError`` and ``OSError``."""
        verdicts, observer = config.verdicts(), Observer(worker)
        tenants = {}
        for name, settings in config.tenants.items():
            with _told_of(name):
                tenants[name] = open_tenant(
                    name, settings, verdicts, worker, observer.telemetry(name), observer.meter
                )
        return cls(config, tenants, worker, observer)

    @staticmethod
    def check(config: ServiceConfig) -> None:
        """What can be known to be wrong before anything is opened. Raises as :meth:`open`."""
        config.authenticator()
        config.verdicts()
        if config.tls is not None:
            config.tls.examine()
        for name, settings in config.tenants.items():
            with _told_of(name):
                examine(name, settings)

    def tenant(self, name: str) -> Tenant:
        """The tenant of a name."""
        return self.tenants[name]

    def asked(self, connection: HTTPConnection, scope: Scope, *others: Scope) -> tuple[Tenant, Identity]:
        """Whose request it is, if it has one of the scopes. Raises ``Problem`` 403.

        For routes that the door lets nobody unknown reach.
        """
        identity: Identity = connection.scope["state"]["identity"]
        identity.require(scope, *others)
        return self.tenants[identity.tenant], identity

    async def json(self, request: Request) -> JSON:
        """The request's body. Raises ``Problem``."""
        return await json_of(request, self.config.limits.body, self.config.limits.read)

    @staticmethod
    def answer(body: JSON, status: int = 200) -> Response:
        """A JSON answer."""
        return Response(canonical_json(body, max_depth=WRAPPED_DEPTH), status, media_type="application/json")

    async def catch_up(self) -> None:
        """What must be so before the first request is answered."""
        await asyncio.gather(*(tenant.catch_up() for tenant in self.tenants.values()))

    async def background(self) -> None:
        """What goes on beside the requests, until cancelled: changed policies, levels, old records."""
        async with asyncio.TaskGroup() as tasks:
            for tenant in self.tenants.values():
                for work in (tenant.reloader.watch(), tenant.follow_revisions(), tenant.prune()):
                    tasks.create_task(_logged(tenant.name, work))
            tasks.create_task(_logged("all", self.observer.watch(self.tenants)))

    async def aclose(self) -> None:
        """All tenants at once: one whose store hangs takes no time from the logs of the others."""
        closing = [tenant.aclose() for tenant in self.tenants.values()]
        ended = await asyncio.gather(*closing, return_exceptions=True)
        for name, failure in zip(self.tenants, ended, strict=True):
            if failure is not None:
                log.error("tenant %s could not be closed", name, exc_info=failure)
        await self.observer.aclose()


@contextmanager
def _told_of(tenant: str) -> Iterator[None]:
    """What cannot be an address or a file's name is a mistake of the configuration, at the tenant that has it."""
    try:
        yield
    except (BartizanError, PolicyError):
        raise
    except ValueError as error:
        raise ConfigError(f"tenants.{tenant}: {error}") from error


async def _logged(tenant: str, work: Awaitable[None]) -> None:
    """One that fails does not end the others, and does not fail unseen."""
    try:
        await work
    except Exception:
        log.exception("tenant %s: work in the background ended", tenant)
