"""Which sessions have questions that wait for a person. The approvals themselves are in their sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from bartizan.guard import Approval
from bartizan.guard.clock import now_us

from .feed import Record


class Inbox(Protocol):
    """One per tenant. Taking note never waits and never fails."""

    def opened(self, session: str, approval: Approval) -> None: ...

    def closed(self, session: str, approval_id: str) -> None: ...

    async def sessions(self) -> list[str]:
        """Sessions with open questions, the most urgent first. Raises ``StoreUnavailable``."""
        ...

    async def aclose(self) -> None: ...


class LocalInbox:
    """The inbox of a service with one worker, in memory; ``records`` of its audit log bring it back.

    ``most``: how many open approvals it holds; those that were asked for first go.
    """

    def __init__(
        self, records: Iterable[Record] = (), clock: Callable[[], int] = now_us, most: int = 10_000
    ) -> None:
        self._open: dict[tuple[str, str], int] = {}
        self._clock = clock
        self._most = most
        for record in records:
            key = (str(record.get("session")), str(record.get("approval")))
            expires = record.get("expires")
            if record.get("kind") == "approval" and isinstance(expires, int):
                self._open[key] = expires
            elif record.get("kind") == "resolution":
                self._open.pop(key, None)

    def opened(self, session: str, approval: Approval) -> None:
        self._open[(session, approval.id)] = approval.expires
        if len(self._open) > self._most:
            del self._open[next(iter(self._open))]

    def closed(self, session: str, approval_id: str) -> None:
        self._open.pop((session, approval_id), None)

    async def sessions(self) -> list[str]:
        now = self._clock()
        self._open = {key: expires for key, expires in self._open.items() if expires > now}
        urgent = sorted(self._open, key=lambda key: self._open[key])
        return list(dict.fromkeys(session for session, _ in urgent))

    async def aclose(self) -> None: ...
