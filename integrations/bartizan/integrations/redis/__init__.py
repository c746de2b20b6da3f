"""Sessions in Redis or Valkey, shared by any number of guards on any number of machines."""

from __future__ import annotations

try:
    import redis.asyncio  # noqa: F401
except ImportError as error:
    raise ImportError('install the extra: pip install "bartizan[redis]"') from error

from .store import RedisStore

__all__ = ["RedisStore"]
