"""What guards on any number of machines share in Redis or Valkey: sessions, recent decisions, questions, the policy."""

from __future__ import annotations

try:
    import redis.asyncio  # noqa: F401
except ImportError as error:
    raise ImportError('install the extra: pip install "bartizan[redis]"') from error

from .feed import RedisFeed
from .inbox import RedisInbox
from .revisions import PolicyRevision, Revision
from .store import RedisStore

__all__ = ["PolicyRevision", "RedisFeed", "RedisInbox", "RedisStore", "Revision"]
