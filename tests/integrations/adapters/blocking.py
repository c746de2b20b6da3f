"""Frameworks' blocking ways to run an agent, in tests that are asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any


async def blocking(run: Callable[[], Any]) -> Any:
    """What ``run`` gives in a thread with an event loop of its own, which the framework would leave open."""

    def in_thread() -> Any:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            return run()
        finally:
            loop.close()
            asyncio.set_event_loop(None)

    return await asyncio.to_thread(in_thread)
