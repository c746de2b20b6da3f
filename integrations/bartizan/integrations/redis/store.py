"""The session store in Redis: compare-and-set by a script, short timeouts, no retries, no fallback.

A guard asks its store before every call. So an answer is had soon or not at all: a client's usual ten attempts would
take seconds, and memory of this process in place of the server's would spend a budget once per process. What cannot be
asked is ``StoreUnavailable``, and the call is denied.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeVar

from redis.asyncio.cluster import RedisCluster

from bartizan.guard import Event, MalformedJSON, Session, StoreUnavailable, VersionConflict
from bartizan.guard.codec import decode_event, decode_session, encode_event, encode_session

from .breaker import Breaker
from .connection import connect, space
from .scripts import COMMIT, LOAD

T = TypeVar("T")

MONTH = 30 * 24 * 3600.0
_CACHED = 1024


@dataclass(frozen=True, slots=True)
class _Known:
    """A session as one commit left it, and the stamp of that commit."""

    session: Session
    stamp: str


class RedisStore:
    """A ``SessionStore`` in Redis (6.2 or later) or Valkey, one server or (``client=``) a cluster.

    Args:
        url: ``redis://host:6379/0``, ``rediss://`` with TLS, or ``unix:///run/redis.sock``. Options of redis-py may
            follow, as ``?socket_timeout=1``; they win.
        tenant: whose sessions these are. Stores of different tenants share a server and nothing else.
        prefix: what all keys begin with.
        ttl: seconds after its last event for which a session is kept; None for ever. It must be longer than the longest
            window of the policies, or budgets are forgotten.
        timeout: seconds for one answer, connecting included.
        failures, pause: after so many failures in a row the server is asked once in ``pause`` seconds only.
        durable: refuse a server that may lose what it acknowledged: one that evicts keys, or that writes no
            append-only file. ``False`` where losing a session's last seconds, or all of it, is acceptable.
        client: another client of redis-py, a cluster's for one, instead of ``url``; its timeouts are its own.

    Raises ``ValueError`` for arguments that cannot be. A server is first asked by the first session.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379/0",
        *,
        tenant: str = "default",
        prefix: str = "bartizan",
        ttl: float | None = MONTH,
        timeout: float = 0.25,
        failures: int = 5,
        pause: float = 1.0,
        durable: bool = True,
        client: Any = None,
    ) -> None:
        if not timeout > 0 or (ttl is not None and not ttl > 0):
            raise ValueError(f"expected times above 0 s, found timeout={timeout} and ttl={ttl}")
        self._client = client if client is not None else connect(url, timeout)
        self._space = space(prefix, tenant)
        self._ttl = 0 if ttl is None else max(1, int(ttl * 1e3))
        self._breaker = Breaker(failures, pause)
        self._durable = durable
        self._examined = False
        self._closed = False
        self._commit = self._client.register_script(COMMIT)
        self._load = self._client.register_script(LOAD)
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def load(self, session_id: str) -> Session | None:
        known = self._known.get(session_id)
        stamp = known.stamp if known is not None else ""
        found = await self._asked(lambda: self._load(keys=self._keys(session_id), args=[stamp]))
        if known is not None and len(found) == 1:
            return known.session
        try:
            latest = _read(session_id, found)
        except (MalformedJSON, ValueError, IndexError, TypeError, UnicodeDecodeError) as error:
            raise StoreUnavailable(
                f"session {session_id!r} in Redis is not what was written: {error}"
            ) from error
        self._remember(session_id, latest)
        return latest.session if latest is not None else None

    async def commit(self, session: Session, expected: int, appended: tuple[Event, ...]) -> None:
        total, stamp = session.dropped + len(session.events), secrets.token_hex(16)
        body = encode_session(session)
        args: list[Any] = [expected, session.version, body, session.dropped, session.id, self._ttl, stamp]
        for number, event in enumerate(appended, total - len(appended)):
            if number >= session.dropped:
                args += [number, encode_event(event)]
        stored = await self._asked(lambda: self._commit(keys=self._keys(session.id), args=args))
        if stored:
            self._known.pop(session.id, None)
            raise VersionConflict(session.id, expected, int(stored))
        self._remember(session.id, _Known(session, stamp))

    async def aclose(self) -> None:
        self._closed = True
        self._known.clear()
        await self._client.aclose()

    async def _asked(self, question: Callable[[], Awaitable[T]]) -> T:
        """The server's answer. Raises ``StoreUnavailable``; then a commit may or may not have been made."""
        if self._closed:
            raise StoreUnavailable("the store is closed")

        async def examined() -> T:
            if not self._examined:
                await self._examine()
            return await question()

        return await self._breaker.asked(examined)

    async def _examine(self) -> None:
        """Refuse a server that forgets: one whose budgets can vanish while it runs, or with it."""
        for memory, persistence in await self._nodes() if self._durable else ():
            policy = str(memory.get("maxmemory_policy", "noeviction"))
            if memory.get("maxmemory") and policy != "noeviction":
                raise StoreUnavailable(
                    f"this Redis evicts sessions when it is full ({policy}), and their budgets with them: set "
                    "maxmemory-policy noeviction, or durable=False"
                )
            if not persistence.get("aof_enabled"):
                raise StoreUnavailable(
                    "this Redis loses sessions, and their budgets, when it stops: set appendonly yes, or durable=False"
                )
        self._examined = True

    async def _nodes(self) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """What each server that holds sessions says of its memory and of its persistence."""
        if not isinstance(self._client, RedisCluster):
            return [(await self._client.info("memory"), await self._client.info("persistence"))]
        where = RedisCluster.PRIMARIES
        memory = await self._client.info("memory", target_nodes=where)
        persistence = await self._client.info("persistence", target_nodes=where)
        if "used_memory" in memory:  # a cluster of one answers as itself
            return [(memory, persistence)]
        return [(memory[node], persistence[node]) for node in memory]

    def _keys(self, session_id: str) -> tuple[str, str]:
        """Names that no id can confuse, on one node of a cluster."""
        tag = sha256(session_id.encode()).hexdigest()
        return f"{self._space}:{{{tag}}}:session", f"{self._space}:{{{tag}}}:events"

    def _remember(self, session_id: str, latest: _Known | None) -> None:
        """What was read or written last, to be spared its transfer; the server still says whether it is the latest."""
        self._known.pop(session_id, None)
        if latest is not None:
            self._known[session_id] = latest
            if len(self._known) > _CACHED:
                self._known.popitem(last=False)


def _read(session_id: str, found: Sequence[Any]) -> _Known | None:
    if not found:
        return None
    version, body, dropped, stored_id, stamp, *rest = found
    if stored_id.decode() != session_id:
        raise MalformedJSON("it is another session's")
    events = {int(rest[at]): rest[at + 1] for at in range(0, len(rest), 2)}
    first = int(dropped)
    if sorted(events) != list(range(first, first + len(events))):
        raise MalformedJSON("its events are not numbered without gaps")
    trace = tuple(decode_event(events[number]) for number in sorted(events))
    return _Known(decode_session(session_id, int(version), body, trace), stamp.decode())
