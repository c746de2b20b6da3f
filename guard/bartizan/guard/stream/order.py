"""What leaves, in order: a call never overtakes text that came before it.

Text that is still held may belong before a call that is decided; the call waits until it is. On the wire a call whose
arguments leave piece by piece is not interrupted: whatever else is ready meanwhile comes after it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from .events import StreamEvent, TextDelta, ToolEnd, ToolStart

_TEXT = -1


@dataclass(slots=True)
class _Batch:
    events: list[StreamEvent]
    index: int
    marks: set[int]


class Order:
    """Takes what is decided, gives what may leave now."""

    def __init__(self) -> None:
        self._waiting: deque[_Batch] = deque()
        self._open: int | None = None  # the call that is half on the wire

    def text(self, delta: TextDelta) -> list[StreamEvent]:
        if self._open is None:
            return [delta]
        self._waiting.append(_Batch([delta], _TEXT, set()))
        return []

    def call(self, index: int, events: Iterable[StreamEvent], marks: Collection[int]) -> list[StreamEvent]:
        """Events of one call, which come after the places in the texts that ``marks`` name."""
        self._waiting.append(_Batch(list(events), index, set(marks)))
        return self._release()

    def passed(self, mark: int) -> list[StreamEvent]:
        """All text before a place has left."""
        for batch in self._waiting:
            batch.marks.discard(mark)
        return self._release()

    def _release(self) -> list[StreamEvent]:
        found: list[StreamEvent] = []
        while (batch := self._next()) is not None:
            self._waiting.remove(batch)
            found += batch.events
            for event in batch.events:
                if isinstance(event, ToolStart):
                    self._open = event.index
                elif isinstance(event, ToolEnd):
                    self._open = None
        return found

    def _next(self) -> _Batch | None:
        if self._open is not None:
            return next((batch for batch in self._waiting if batch.index == self._open), None)
        head = self._waiting[0] if self._waiting else None
        return head if head is not None and not head.marks else None
