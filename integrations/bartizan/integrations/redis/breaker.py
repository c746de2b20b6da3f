"""A circuit breaker: a server that does not answer is not asked by every call, so that each denial comes at once."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bartizan.guard import StoreUnavailable

from .connection import FAILURES, heard

T = TypeVar("T")


class Breaker:
    """Opens after ``failures`` in a row; every ``pause`` seconds one attempt may see whether it is over.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, failures: int, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        if failures < 1 or not pause > 0:
            raise ValueError(f"expected failures from 1 and a pause above 0 s, found {failures} and {pause}")
        self._most = failures
        self._pause = pause
        self._clock = clock
        self._failures = 0
        self._again = 0.0

    async def asked(self, question: Callable[[], Awaitable[T]]) -> T:
        """The server's answer. Raises ``StoreUnavailable``; then what was asked for may or may not have been done."""
        if not self._admits():
            raise StoreUnavailable("Redis did not answer the last times; it is asked again in a moment")
        try:
            answer = await heard(question())
        except (*FAILURES, UnicodeEncodeError) as error:
            self._failed()
            raise StoreUnavailable(f"Redis did not answer: {error}") from error
        self._failures = 0
        return answer

    def _admits(self) -> bool:
        """Whether to try. While it is open, True for one attempt in each pause."""
        if self._failures < self._most:
            return True
        now = self._clock()
        if now < self._again:
            return False
        self._again = now + self._pause
        return True

    def _failed(self) -> None:
        self._failures += 1
        if self._failures == self._most:
            self._again = self._clock() + self._pause
