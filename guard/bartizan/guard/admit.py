"""What happens besides calls: prompts, texts, results. Hop 7 of a call, and all of ``observe``.

An event is measured, inspected if it is a result (labelled, redacted), counted in the session and recorded;
what the agent may see of a result, it sees only after that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeVar

from opentelemetry import context

from . import idempotency, reasons, records
from .authorise import Ask, Enforcement
from .canonical import scalar_text
from .clock import Stopwatch
from .decision import Inspection, Program
from .parts import Parts, detached, reason_of
from .session import remember
from .telemetry import EventRecord
from .types import Event, Raised, Session, Signal, ToolResult

Describe = Callable[[Event, Inspection | None, Session], records.Record]
T = TypeVar("T")


class Admission:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def admit(
        self, program: Program, event: Event, session_id: str, describe: Describe
    ) -> Inspection | None:
        """Measure, inspect, advance, record. ``event.time`` is set here; ``describe`` makes the audit record.

        Raises ``StoreError`` and ``AuditError``, and whatever a broken program raises.
        """
        parts, parent = self._parts, context.get_current()
        signals: Mapping[str, Signal] = {}
        watch = Stopwatch() if program.signals(event.kind, event.tool) else None
        if watch is not None:
            session = await parts.ledger.load(session_id, program)
            watch.lap("load")
            signals = await parts.measure(program, replace(event, time=parts.now(session)), session)
            watch.lap("signals")

        async def attempt(session: Session) -> Inspection | None:
            happened = replace(event, time=parts.now(session), signals=signals)
            inspection = None
            if event.kind == "result":
                inspection = program.inspect(happened, session)
                happened = replace(
                    happened,
                    text=inspection.text,
                    value=detached(inspection.value),
                    labels=inspection.labels,
                )
            after = remember(session, happened, program.advance(happened, session), parts.retention)
            await parts.ledger.write([describe(happened, inspection, session)], after, (happened,))
            return inspection

        inspection = await parts.ledger.transact(session_id, program, attempt)
        if watch is not None:
            watch.lap("record")
            parts.telemetry.measured(
                EventRecord(
                    event, inspection, session_id, program.name, program.hash, program.certificate,
                    watch.started, watch.stages, signals, parent,
                )
            )  # fmt: skip
        return inspection

    async def result(self, ask: Ask, granted: Enforcement, result: ToolResult) -> ToolResult:
        """What the agent may see of a result: the inspected one, or a fixed text if it could not be recorded.

        The tool ran, so the recording goes on even if the caller is cancelled.
        """
        try:
            if not isinstance(result, ToolResult):
                raise TypeError(f"expected execute to return a ToolResult, found {type(result).__name__}")
            text, value = scalar_text(result.text), detached(result.value)
            event = Event("result", 0, text, granted.call, value, is_error=result.is_error, once=ask.once)
            describe = partial(records.happened, "result", cause=granted.record, capture=self._parts.capture)
            admit = partial(self.admit, ask.program, event, ask.session, describe)
            shown = await asyncio.shield(self._in_time(admit))
            assert shown is not None  # a result is always inspected
            return ToolResult(shown.text, shown.value, result.is_error)
        except Exception as error:  # noqa: BLE001 (not recorded: withheld, whatever the reason)
            self._parts.telemetry.failure(reason_of(error), error)
            return ToolResult(reasons.WITHHELD, None, True)

    async def raised(self, ask: Ask, granted: Enforcement, raised: Raised, *, wait: bool = True) -> None:
        """Record that the tool raised, was cancelled, or paused; what it raised goes on to the caller anyway."""

        async def attempt(session: Session) -> None:
            now, after = self._parts.now(session), replace(session, version=session.version + 1)
            appended: tuple[Event, ...] = ()
            if raised.suspended:
                after = replace(after, once=idempotency.suspended(session, ask.once, ask.program.hash))
            else:
                event = Event("result", now, "", granted.call, is_error=True)
                state = ask.program.advance(event, session)
                after, appended = remember(session, event, state, self._parts.retention), (event,)
            entry = records.error(
                raised, granted.call, ask.session, now, cause=granted.record, capture=self._parts.capture
            )
            await self._parts.ledger.write([entry], after, appended)

        recording = self._in_time(partial(self._parts.ledger.transact, ask.session, ask.program, attempt))
        if wait:
            await asyncio.wait({recording})

    def _in_time(self, work: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        """Start what must be recorded, within the deadline, even if nobody waits for it any more."""

        async def bounded() -> T:
            async with asyncio.timeout(self._parts.deadline):
                return await work()

        return self._parts.ledger.behind(bounded())
