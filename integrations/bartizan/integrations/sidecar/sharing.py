"""What anybody may ask for, at any rate, and what takes some work to answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Whoever asks while an answer is made waits for the next one, and all who wait share it.

    So an answer was always begun after it was asked for, and only one is made at a time.
    """

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._turn = asyncio.Lock()
        self._latest: tuple[float, T] | None = None

    async def answer(self) -> T:
        """Raises what making it raises."""
        asked = time.monotonic()
        async with self._turn:
            if self._latest is None or self._latest[0] < asked:
                began = time.monotonic()
                self._latest = began, await self._make()
            return self._latest[1]
