"""The ledger: what is written before anything happens. First the log, then the session.

``write`` returns only when the record is durable *and* the session has moved on, in that order; a tool
runs after it or not at all. A record whose commit did not follow is marked by a ``superseded`` record, so
the log tells what was let go from what was only about to be. Nothing here falls back to memory.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar
from weakref import WeakValueDictionary

from . import records
from .audit import AuditLog
from .canonical import JSON, scalar_text
from .decision import Program
from .errors import AuditError, StoreError, StoreUnavailable, VersionConflict
from .session import SessionStore
from .types import Event, Session

Record = Mapping[str, JSON]
T = TypeVar("T")

_WHY: dict[type[BaseException], str] = {
    StoreUnavailable: "store-unavailable",
    AuditError: "audit-unavailable",
}


class Ledger:
    """The audit log and the session store, written in the order that makes a crash harmless."""

    def __init__(self, store: SessionStore, audit: AuditLog) -> None:
        self._store = store
        self._audit = audit
        self._turns: WeakValueDictionary[tuple[asyncio.AbstractEventLoop, str], asyncio.Lock] = (
            WeakValueDictionary()
        )
        self._background: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def transact(
        self, session_id: str, program: Program, attempt: Callable[[Session], Awaitable[T]]
    ) -> T:
        """Load the session and attempt a change; where another got in between, load and attempt it again.

        The caller's deadline ends the attempts. The lock spares one session's calls in this event loop their
        conflicts; it is a courtesy, the safeguard is the store's compare-and-set, which holds across processes.
        """
        turn = (asyncio.get_running_loop(), session_id)
        lock = self._turns.get(turn)
        if lock is None:
            lock = self._turns[turn] = asyncio.Lock()
        async with lock:
            pause = 0.001
            while True:
                try:
                    return await attempt(await self.load(session_id, program))
                except VersionConflict:
                    await asyncio.sleep(random.uniform(0, pause))
                    pause = min(2 * pause, 0.1)

    async def load(self, session_id: str, program: Program) -> Session:
        """The session, a new one where there is none. Raises ``StoreUnavailable``."""
        if self._closed:
            raise StoreUnavailable("the guard is closed")
        if not isinstance(session_id, str) or not session_id or scalar_text(session_id) != session_id:
            raise ValueError(f"expected a session's id as a non-empty UTF-8 text, found {session_id!r:.40}")
        try:
            session = await self._store.load(session_id)
        except StoreError:
            raise
        except Exception as error:
            raise StoreUnavailable(f"the store failed to load: {error!r}") from error
        if session is None:
            return Session(session_id, state=program.initial())
        if session.id != session_id:
            raise StoreUnavailable(f"asked for session {session_id!r}, the store answered {session.id!r}")
        return session

    async def write(
        self,
        entries: Sequence[Record],
        session: Session | None = None,
        appended: tuple[Event, ...] = (),
    ) -> None:
        """Append the records, then commit ``session`` (if any) over the version before it.

        Raises ``AuditError``, ``VersionConflict`` or ``StoreUnavailable``; then nothing may run on the strength
        of these records, and the first of them is marked as superseded.
        """
        try:
            await self._append(entries)
            if session is not None:
                await self._commit(session, appended)
        except VersionConflict:
            await self._append([records.superseded(entries[0], "version-conflict")])
            raise
        except (
            BaseException
        ) as error:  # failed, cancelled or out of time: the record may be durable all the same
            why = _WHY.get(type(error), "interrupted")
            self.behind(self._append([records.superseded(entries[0], why)]))
            raise

    def behind(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start something that goes on even if nobody waits for it any more; its failure is then nobody's."""
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved: asyncio need not report it

    async def aclose(self, within: float) -> None:
        """Finish what is in this event loop's background, then close log and store."""
        self._closed = True
        loop = asyncio.get_running_loop()
        background = {task for task in list(self._background) if task.get_loop() is loop}
        if background:
            _, late = await asyncio.wait(background, timeout=within)
            for task in late:
                task.cancel()
        await self._audit.aclose()
        await self._store.aclose()

    async def _append(self, entries: Sequence[Record]) -> None:
        try:
            if len(entries) == 1:
                await self._audit.append(entries[0])
            else:
                await asyncio.gather(*(self._audit.append(entry) for entry in entries))
        except AuditError:
            raise
        except Exception as error:
            raise AuditError(f"the log failed: {error!r}") from error

    async def _commit(self, session: Session, appended: tuple[Event, ...]) -> None:
        try:
            await self._store.commit(session, session.version - 1, appended)
        except StoreError:
            raise
        except Exception as error:
            raise StoreUnavailable(f"the store failed to commit: {error!r}") from error
