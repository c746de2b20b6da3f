"""A running loop's clock that a test puts forward: what waits for a time is due, though nobody has waited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch


@contextmanager
def put_forward() -> Iterator[Callable[[float], None]]:
    """What puts it forward by so many seconds."""
    loop, ahead = asyncio.get_running_loop(), 0.0
    now = loop.time

    def forward(seconds: float) -> None:
        nonlocal ahead
        ahead += seconds

    with patch.object(loop, "time", lambda: now() + ahead):
        yield forward
