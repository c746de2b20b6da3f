"""An audit log that lives as long as its process."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from bartizan.guard.canonical import JSON
from bartizan.guard.errors import AuditError, MalformedJSON

from .chain import GENESIS, Entry, Receipt, seal, unseal


class MemoryAuditLog:
    """The chain in memory, for tests and trials: the latest ``limit`` entries are kept, nothing is durable."""

    def __init__(self, limit: int = 10_000) -> None:
        self._lines: deque[bytes] = deque(maxlen=limit)
        self._head = Receipt(0, GENESIS)

    async def append(self, record: Mapping[str, JSON]) -> Receipt:
        try:
            line, self._head = seal(record, self._head.seq + 1, self._head.hash)
        except MalformedJSON as error:
            raise AuditError(f"the record cannot be written: {error}") from error
        self._lines.append(line)
        return self._head

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries kept, oldest first."""
        return tuple(unseal(line) for line in self._lines)

    async def aclose(self) -> None:
        """Nothing to close: the entries stay readable."""
