"""Work that was cancelled and is not waited for: a monitor, a proposer may ignore its cancellation for ever."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable
from typing import Any

MAX_ABANDONED = 8
"""Who has so much outstanding work that ignored its cancellation is not asked again until some of it ends."""


class Abandoned:
    """Counts it, by whose it is."""

    def __init__(self) -> None:
        self._outstanding: Counter[Hashable] = Counter()

    def stuck(self, whose: Hashable) -> bool:
        return self._outstanding[whose] >= MAX_ABANDONED

    def leave(self, whose: Hashable, task: asyncio.Task[Any]) -> None:
        """Cancel a task and go on; its answer, or what it raises, is nobody's."""

        def ended(task: asyncio.Task[Any]) -> None:
            self._outstanding.subtract([whose])
            if not task.cancelled():
                task.exception()  # retrieved: asyncio need not report it

        self._outstanding[whose] += 1
        task.add_done_callback(ended)
        task.cancel()
