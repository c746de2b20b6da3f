"""Sessions: the store's contract, the bounded history, and the store that lives in memory.

A store keeps one :class:`Session` per id and moves it from version to version by compare-and-set: of
any number of concurrent changes based on one version exactly one is committed, wherever they come
from. That is all that keeps two calls from spending the same budget twice.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from .canonical import canonical_json
from .errors import VersionConflict
from .types import Event, Session


class SessionStore(Protocol):
    """Where sessions live. One conformance suite (``bartizan.guard.testing``) runs against every store.

    A store must honour cancellation, and must answer or raise: it never guesses. It keeps ``state``,
    ``approvals`` and ``once`` as JSON, and events exactly.
    """

    async def load(self, session_id: str) -> Session | None:
        """The latest version of a session, ``None`` where there is none. Raises ``StoreUnavailable``."""
        ...

    async def commit(self, session: Session, expected: int, appended: tuple[Event, ...]) -> None:
        """Store ``session`` if version ``expected`` is still the stored one (0: no such session yet).

        ``session.version`` is ``expected + 1`` and ``appended`` are the last of the events ever added to it:
        a store may write only those, and delete those numbered below ``session.dropped``. An appended event
        may itself have been dropped. Raises ``VersionConflict``; ``StoreUnavailable``, after which the change
        may or may not have been made.
        """
        ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Retention:
    """How much history a session keeps: at most so many events, weighing at most so many bytes."""

    events: int = 1024
    bytes: int = 1 << 20

    def __post_init__(self) -> None:
        if self.events < 1 or self.bytes < 1:
            raise ValueError(f"a session keeps at least one event and one byte, found {self}")


def weight(event: Event) -> int:
    """What an event counts for against :attr:`Retention.bytes`: its text, call and value, in bytes of JSON."""
    total = len(event.text) if event.text.isascii() else len(event.text.encode())
    if event.call is not None:
        total += len(event.call.canonical)
    if event.value is not None:
        total += len(canonical_json(event.value))
    return total


def remember(session: Session, event: Event, state: Mapping[str, Any], retention: Retention) -> Session:
    """The next version of a session: ``event`` appended, ``state`` its registers, the oldest events dropped.

    An event heavier than the whole allowance is dropped at once, and counted: a question whose answer
    may lie in what was dropped then has no answer, which is not the same as "no".
    """
    events = (*session.events, event)
    size = session.size + weight(event)
    gone = 0
    while len(events) - gone > retention.events or (size > retention.bytes and gone < len(events)):
        size -= weight(events[gone])
        gone += 1
    return replace(
        session,
        version=session.version + 1,
        state=state,
        events=events[gone:],
        dropped=session.dropped + gone,
        size=size,
        updated=event.time,
    )


class InMemoryStore:
    """Sessions in this process's memory: for tests, and for agents that do not outlive their process.

    Sessions are never evicted, since forgetting one would give its budgets back: call :meth:`forget`.
    """

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._swap = threading.Lock()  # guards may share a store from threads of their own

    async def load(self, session_id: str) -> Session | None:
        return self._sessions.get(session_id)

    async def commit(self, session: Session, expected: int, appended: tuple[Event, ...]) -> None:
        with self._swap:
            stored = self._sessions.get(session.id)
            found = stored.version if stored is not None else 0
            if found != expected:
                raise VersionConflict(session.id, expected, found)
            self._sessions[session.id] = session

    def forget(self, session_id: str) -> None:
        """Drop a session that is over."""
        self._sessions.pop(session_id, None)

    async def aclose(self) -> None:
        """Nothing to close: another guard may share this store."""
