"""The parts a guard is made of, as its stages share them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .canonical import JSON, canonical_json, parse_json
from .correction import Corrector
from .decision import Program
from .errors import AuditError, MalformedJSON, StoreError
from .gather import Gatherer
from .ledger import Ledger
from .reasons import AUDIT_UNAVAILABLE, DEADLINE, INTERNAL_ERROR, STORE_UNAVAILABLE
from .session import Retention
from .telemetry import Telemetry
from .types import Event, Session, Signal
from .verdict import Verdicts


@dataclass(frozen=True, slots=True)
class Parts:
    """What deciding and admitting need besides a program. Durations: ``deadline`` in seconds, ``ttl`` in us."""

    ledger: Ledger
    gatherer: Gatherer
    telemetry: Telemetry
    deadline: float
    ttl: int
    clock: Callable[[], int]
    retention: Retention
    capture: bool
    corrector: Corrector
    verdicts: Verdicts | None = None

    def now(self, session: Session) -> int:
        """Time never runs backwards within a session, whatever the wall clock does."""
        now = self.clock()
        if type(now) is not int:
            raise TypeError(f"expected a clock to answer with microseconds as an int, found {now!r:.40}")
        return max(now, session.clock)

    async def measure(self, program: Program, event: Event, session: Session) -> Mapping[str, Signal]:
        """The signals that the program asks for on this event; monitors get half of the deadline."""
        names = program.signals(event.kind, event.tool)
        return await self.gatherer.gather(names, event, session.events, within=self.deadline / 2)


def detached(value: JSON) -> JSON:
    """The value as JSON of its own, which nobody else can change; ``None`` for what JSON cannot say."""
    try:
        return None if value is None else parse_json(canonical_json(value))
    except MalformedJSON:
        return None


def reason_of(error: Exception) -> str:
    """The reserved reason under which a failure of the guard's own parts is counted, and denies."""
    if isinstance(error, StoreError):
        return STORE_UNAVAILABLE
    if isinstance(error, AuditError):
        return AUDIT_UNAVAILABLE
    return DEADLINE if isinstance(error, TimeoutError) else INTERNAL_ERROR
