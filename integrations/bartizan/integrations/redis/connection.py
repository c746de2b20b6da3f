"""How this package talks to a server: short explicit timeouts, no retries, names that no tenant can confuse."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from hashlib import sha256
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

T = TypeVar("T")

FAILURES = (RedisError, OSError, TimeoutError)
"""What a question to the server may end in, besides an answer."""


def connect(url: str, timeout: float, *, waits: float = 0.0) -> Redis:
    """A client that answers or fails within ``timeout`` seconds.

    ``waits`` is for how long a command may block in the server on purpose. Options in the URL win.
    """
    client: Redis = Redis.from_url(
        url,
        socket_timeout=timeout + waits,
        socket_connect_timeout=timeout,
        retry=Retry(NoBackoff(), 0),
        decode_responses=False,
    )
    return client


async def heard(question: Awaitable[T]) -> T:
    """What a question ends in, unless whoever asks was cancelled meanwhile: then ``CancelledError``.

    redis-py sends within ``asyncio.wait_for``, which before Python 3.12 loses a cancellation that comes as it ends. A
    loop would go on for ever, and who waits for its end with it.
    """
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    try:
        return await question
    finally:
        if task.cancelling() > before:
            raise asyncio.CancelledError


def space(prefix: str, tenant: str) -> str:
    """What all keys of a tenant begin with. Raises ``ValueError`` for an empty text."""
    if not tenant or not prefix:
        raise ValueError("expected a tenant and a prefix, found an empty text")
    return f"{prefix}:{sha256(tenant.encode()).hexdigest()[:32]}"
