"""How this package talks to a server: short explicit timeouts, no retries, names that no tenant can confuse."""

from __future__ import annotations

from hashlib import sha256

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

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


def space(prefix: str, tenant: str) -> str:
    """What all keys of a tenant begin with. Raises ``ValueError`` for an empty text."""
    if not tenant or not prefix:
        raise ValueError("expected a tenant and a prefix, found an empty text")
    return f"{prefix}:{sha256(tenant.encode()).hexdigest()[:32]}"
