"""An audit log that lives as long as its process."""

from __future__ import annotations

import threading
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
        self._turn = threading.Lock()  # guards may share a log from threads of their own

    async def append(self, record: Mapping[str, JSON]) -> Receipt:
        with self._turn:
            try:
                line, receipt = seal(record, self._head.seq + 1, self._head.hash)
            except MalformedJSON as error:
                raise AuditError(f"the record cannot be written: {error}") from error
            self._lines.append(line)
            self._head = receipt
            return receipt

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries kept, oldest first."""
        return tuple(unseal(line) for line in self._lines)

    async def aclose(self) -> None:
        """Nothing to close: the entries stay readable."""
