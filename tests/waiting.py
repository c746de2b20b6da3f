"""Waiting, in tests, for what happens in the background and tells nobody: asked again until it is so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

PATIENCE = 120.0
"""Seconds: only a test that fails waits that long."""


async def until(holds: Callable[[], Any]) -> None:
    """Until a condition holds; it may be one that is awaited."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = holds()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.01)


def block_until(holds: Callable[[], Any]) -> None:
    """The same for a test that is not asynchronous."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)
