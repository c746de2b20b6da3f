"""A tenant: one guard, its policy, who looks on and who answers. Nothing of it is shared with another tenant."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from opentelemetry.metrics import Meter

from bartizan.guard import AuditError, Guard, StoreError, Telemetry, Verdicts, now_us
from bartizan.guard.audit import AuditLog, FileAuditLog, MemoryAuditLog, recent
from bartizan.guard.gather import Monitor
from bartizan.integrations.assembly import monitors_of, proposers_of, store_at
from bartizan.policies import load_policy
from bartizan.policies.program import Program

from . import config
from .admission import admit
from .feed import Feed, LocalFeed, PublishedLog, Record
from .inbox import Inbox, LocalInbox
from .reload import Reloader
from .watched import Watched

log = logging.getLogger("bartizan.sidecar")


class Revision(Protocol):
    @property
    def hash(self) -> str: ...

    @property
    def text(self) -> str: ...


class Revisions(Protocol):
    """Where policies are announced to all workers of a tenant."""

    def follow(self) -> AsyncIterator[Revision]: ...

    async def current(self) -> Revision | None:
        """The latest. Raises ``StoreUnavailable``."""
        ...

    async def announce(self, hash: str, text: str) -> None:
        """Raises ``StoreUnavailable``."""
        ...

    async def aclose(self) -> None: ...


@dataclass(slots=True)
class Tenant:
    """``program`` is what ``guard`` decides new calls with; both are replaced by a reload."""

    name: str
    config: config.Tenant
    guard: Guard
    program: Program
    feed: Feed
    inbox: Inbox
    reloader: Reloader = field(init=False)
    revisions: Revisions | None = None
    log: AuditLog | None = None
    telemetry: Telemetry | None = None
    meter: Meter | None = None

    def __post_init__(self) -> None:
        self.reloader = Reloader(
            self.name,
            self.config,
            lambda: self.program,
            self.replace_program,
            meter=self.meter,
        )

    def replace_program(self, program: Program) -> None:
        """New calls are decided by it; calls on their way by the one before."""
        self.program = program
        self.guard.program = program

    async def catch_up(self) -> None:
        """Take the policy that was announced last: a worker that starts again does not go back to its file's."""
        if self.revisions is None:
            return
        try:
            revision = await self.revisions.current()
        except StoreError as error:
            log.error("tenant %s: whether a policy was announced is not known yet: %s", self.name, error)
        else:
            if revision is not None:
                await self.reloader.take_text(revision.text, revision.hash)

    async def follow_revisions(self) -> None:
        """Take the policies that are announced to all workers, until cancelled."""
        if self.revisions is not None:
            async for revision in self.revisions.follow():
                await self.reloader.take_text(revision.text, revision.hash)

    async def prune(self) -> None:
        """Remove what the audit log holds longer than it should, every hour until cancelled."""
        kept = self.config.audit_retention
        while kept is not None and isinstance(self.log, FileAuditLog):
            try:
                gone = await self.log.prune(
                    before=now_us() - int(kept * 86400e6), why=f"kept for {kept:g} days"
                )
            except (AuditError, OSError) as error:
                log.error("tenant %s: old records are not removed: %s", self.name, error)
            else:
                if gone:
                    log.info("tenant %s: %d old segments of the audit log are gone", self.name, len(gone))
            await asyncio.sleep(3600)

    async def aclose(self) -> None:
        """Close every part, whatever becomes of another: a Redis that is away keeps no log open."""
        async with AsyncExitStack() as closing:
            for part in (self.inbox, self.feed, self.guard, self.revisions):
                if part is not None:
                    closing.push_async_callback(part.aclose)


def open_tenant(
    name: str,
    settings: config.Tenant,
    verdicts: Verdicts | None,
    worker: int = 0,
    telemetry: Telemetry | None = None,
    meter: Meter | None = None,
) -> Tenant:
    """``telemetry`` is the guard's; ``meter`` measures what the service does for the tenant.

    Raises ``PolicyError``, ``AuditError``, ``OSError`` and :class:`~.config.ConfigError`.
    """
    seen = Watched(settings).look()
    program = load_policy(settings.policy)
    admit(program, None, settings)
    for what, where in (("records", settings.audit), ("sessions", settings.store)):
        if where is None:
            log.warning("tenant %s: its %s live in memory, and end with the service", name, what)
    audit, past = _log(settings, worker)
    feed, inbox = _shared(name, settings) if settings.shared is not None else _local(past)
    guard = Guard(
        program,
        store=store_at(settings.reached(settings.store), tenant=name) if settings.store is not None else None,
        audit=PublishedLog(audit, feed),
        telemetry=telemetry,
        monitors=_monitors(program, settings),
        deadline=settings.deadline,
        approval_ttl=settings.approval_ttl,
        capture_content=settings.capture_content,
        proposers=proposers_of(program) if settings.correct else (),
        correct_within=settings.correct_within,
        verdicts=verdicts,
    )
    made = Tenant(
        name,
        settings,
        guard,
        program,
        feed,
        inbox,
        _revisions(name, settings),
        audit,
        telemetry,
        meter,
    )
    made.reloader.seen = seen
    return made


def examine(name: str, settings: config.Tenant) -> None:
    """Refuse what :func:`open_tenant` would refuse, as far as it can be known without opening a store, a log or a
    connection. Raises as it."""
    program = load_policy(settings.policy)
    admit(program, None, settings)
    if settings.audit_key is not None:
        settings.audit_key.read()
    _signing(settings)
    _monitors(program, settings)
    if settings.shared is not None:  # these connect when they are first asked
        _shared(name, settings)
        _revisions(name, settings)


def _log(settings: config.Tenant, worker: int) -> tuple[AuditLog, Sequence[Record]]:
    """The worker's log, and what was written to it before."""
    if settings.audit is None:
        return MemoryAuditLog(), ()
    directory = settings.audit / f"worker-{worker}"
    directory.mkdir(parents=True, exist_ok=True)
    audit = FileAuditLog(
        directory,
        key=settings.audit_key.read() if settings.audit_key is not None else None,
        durability=settings.audit_durability,
        **_signing(settings),
    )
    return audit, _past(directory, settings) if settings.shared is None else ()


def _signing(settings: config.Tenant) -> dict[str, Any]:
    if settings.audit_signing_key is None:
        return {}
    from bartizan.integrations.signing import BadKey, Ed25519Signer, Ed25519Verifier  # an extra of its own

    try:
        trusted = [Ed25519Verifier.load(path) for path in settings.audit_trusted_keys]
        return {"signer": Ed25519Signer.load(settings.audit_signing_key), "trusted": trusted}
    except BadKey as error:
        raise config.ConfigError(f"audit_signing_key: {error}") from error


def _past(directory: Path, settings: config.Tenant) -> Sequence[Record]:
    """What feed and inbox begin with: as far back as an approval may be open."""
    with suppress(OSError):
        since = now_us() - int(settings.approval_ttl * 1e6)
        return [entry.record for entry in recent(directory, since)]
    return ()


def _monitors(program: Program, settings: config.Tenant) -> Mapping[str, Monitor]:
    if settings.monitors is None:
        return {}
    from bartizan.monitors.host.client import RemoteBackend  # an extra of its own

    token = settings.monitors_token.read().decode() if settings.monitors_token is not None else None
    return monitors_of(program, RemoteBackend(settings.monitors, token=token))


def _local(past: Sequence[Record]) -> tuple[Feed, Inbox]:
    feed = LocalFeed()
    for record in past[-500:]:
        feed.publish(record)
    return feed, LocalInbox(past)


def _revisions(name: str, settings: config.Tenant) -> Revisions | None:
    key = settings.reload.revisions
    if key is None:
        return None
    assert settings.shared is not None  # or the configuration would have been refused
    from bartizan.integrations.redis import PolicyRevision  # an extra of its own

    try:
        return PolicyRevision(settings.reached(settings.shared), tenant=name, key=key.read())
    except ValueError as error:
        raise config.ConfigError(f"tenants.{name}.reload.revisions: {error}") from error


def _shared(name: str, settings: config.Tenant) -> tuple[Feed, Inbox]:
    from bartizan.integrations.redis import RedisFeed, RedisInbox  # an extra of its own

    assert settings.shared is not None
    address = settings.reached(settings.shared)
    return RedisFeed(address, tenant=name), RedisInbox(address, tenant=name)
