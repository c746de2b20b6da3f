"""What is told to the server in the background: telling never waits, never fails, and what it cannot keep it counts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from .connection import FAILURES, heard

T = TypeVar("T")


class Outbox(Generic[T]):
    """A bounded queue with a task that empties it while there is something in it.

    Where the server fails, the same things are sent again after a pause: so it may be told one twice. When the queue is
    full the oldest goes.

    Args:
        send: tells the server some things, in their order. Raises one of ``FAILURES`` if it could not.
        most: how many things wait at most.
        batch: how many are sent at once.
        pause: seconds between an attempt that failed and the next.
    """

    def __init__(
        self,
        send: Callable[[Sequence[T]], Awaitable[None]],
        *,
        most: int,
        batch: int = 128,
        pause: float = 0.5,
    ) -> None:
        if most < 1 or batch < 1 or not pause > 0:
            raise ValueError(
                f"expected a queue, a batch and a pause above 0, found {most}, {batch} and {pause}"
            )
        self._send = send
        self._most = most
        self._batch = batch
        self._pause = pause
        self._waiting: deque[T] = deque()
        self._task: asyncio.Task[None] | None = None
        self._closed = False
        self.dropped = 0

    def put(self, thing: T) -> None:
        """To be called in the event loop that sends."""
        if self._closed:
            self.dropped += 1
            return
        if len(self._waiting) >= self._most:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(thing)
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._empty(), name="redis outbox")

    async def flush(self, within: float) -> bool:
        """Wait until all is told, at most so many seconds; whether it is."""
        if self._task is not None and not self._task.done():
            await asyncio.wait({self._task}, timeout=within)
        return self._task is None or self._task.done()

    async def aclose(self, within: float) -> None:
        self._closed = True
        await self.flush(within)
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})
        self.dropped += len(self._waiting)
        self._waiting.clear()

    async def _empty(self) -> None:
        while self._waiting:
            things = [self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))]
            try:
                await heard(self._send(things))
            except FAILURES:
                self._again(things)
                await asyncio.sleep(self._pause)
            except asyncio.CancelledError:
                self._again(things)
                raise
            except Exception:  # noqa: BLE001 (these can never be told: a bug must not stop the others)
                self.dropped += len(things)

    def _again(self, things: Sequence[T]) -> None:
        """Back to the front, as far as there is room: those that came meanwhile are newer."""
        room = max(0, self._most - len(self._waiting))
        self.dropped += len(things) - min(room, len(things))
        self._waiting.extendleft(reversed(things[len(things) - room :] if room < len(things) else things))
