"""Remembers for a moment that a host is down, so that asking it again costs nothing.

After some failures in a row nothing is tried for a pause; then a single attempt is let through, and its outcome
opens the way for all, or begins a pause twice as long.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that was let through; ``trial`` if it is the one after a pause."""

    trial: bool = False


class Breaker:
    """``failures`` in a row open it for ``pause`` seconds, doubled for each trial that fails, up to ``longest``."""

    def __init__(
        self,
        failures: int = 3,
        pause: float = 0.5,
        longest: float = 8.0,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if failures < 1 or not 0 < pause <= longest:
            raise ValueError(
                f"expected failures from 1 and 0 < pause <= longest, found {failures}, {pause}, {longest}"
            )
        self._most = failures
        self._shortest, self._longest = pause, longest
        self._clock = clock
        self._failures = 0
        self._pause = pause
        self._until = 0.0
        self._trying = False

    @property
    def open(self) -> bool:
        return self._failures >= self._most

    def attempt(self) -> Attempt | None:
        """Leave to try, or ``None``. Each attempt must be ended by one of the three below."""
        if not self.open:
            return Attempt()
        if self._trying or self._clock() < self._until:
            return None
        self._trying = True
        return Attempt(trial=True)

    def succeeded(self, attempt: Attempt) -> None:
        """The host has answered."""
        self._failures, self._pause, self._trying = 0, self._shortest, False

    def failed(self, attempt: Attempt) -> None:
        """The host has not answered, or not sensibly."""
        if attempt.trial and self._trying:
            self._trying = False
            self._pause = min(2 * self._pause, self._longest)
            self._until = self._clock() + self._pause
        elif not self.open:
            self._failures += 1
            self._until = self._clock() + self._pause

    def given_up(self, attempt: Attempt) -> None:
        """Nothing was learned."""
        if attempt.trial:
            self._trying = False
