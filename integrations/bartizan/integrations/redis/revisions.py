"""Which policy all workers of a tenant should decide with: a key, and a broadcast when it changes.

Pub/sub loses what nobody hears, so the key is also looked at every few seconds. A revision is a proposal: who follows
it parses, checks and verifies the text before any call is decided by it.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import PubSubError

from bartizan.guard import MalformedJSON, StoreUnavailable
from bartizan.guard.canonical import canonical_json, parse_json
from bartizan.guard.clock import now_us

from .connection import FAILURES, connect, heard, space

_DOMAIN = b"bartizan policy revision\0"


@dataclass(frozen=True, slots=True)
class Revision:
    """A policy somebody wants in force: the hash it must have once compiled, and its text.

    ``announced`` is when (microseconds since the epoch); each announcement's is above the one before.
    """

    hash: str
    text: str
    announced: int = field(default=0, compare=False)


class PolicyRevision:
    """Announces a tenant's policy and follows announcements.

    Args:
        url, tenant, prefix, timeout, client: as for :class:`~.feed.RedisFeed`. With ``client`` the key is polled only.
        key: at least 32 random bytes that announcers and followers share. Whoever can write to the server could else
            announce a policy; with a key, a revision that was not signed with it is not followed.
        every: seconds between two looks at the key.
        most: bytes of a policy's text; more is refused.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379/0",
        *,
        tenant: str = "default",
        prefix: str = "bartizan",
        key: bytes | None = None,
        every: float = 3.0,
        timeout: float = 0.25,
        most: int = 1 << 20,
        client: Any = None,
    ) -> None:
        if key is not None and len(key) < 32:
            raise ValueError("expected a key of at least 32 bytes: secrets.token_bytes(32)")
        if not every > 0:
            raise ValueError(f"expected a time between two looks above 0 s, found {every}")
        self._name = f"{space(prefix, tenant)}:policy"
        self._client = client if client is not None else connect(url, timeout)
        self._listener = None if client is not None else connect(url, timeout, waits=every)
        self._signer = key
        self._every = every
        self._most = most
        self.refused = 0
        """How many looks found something that is no revision, or not signed with our key."""

    async def announce(self, hash: str, text: str) -> None:
        """Ask all workers to decide with this policy. Raises ``StoreUnavailable``; ``ValueError`` if it is too long."""
        if len(text.encode()) > self._most:
            raise ValueError(f"expected a policy of at most {self._most} bytes, found {len(text.encode())}")
        before = await self.current()
        when = max(now_us(), before.announced + 1 if before is not None else 0)
        mac = self._mac(hash, text, when)
        body = canonical_json({"announced": when, "hash": hash, "mac": mac, "text": text})
        try:
            await heard(self._client.set(self._name, body))
            await heard(self._client.publish(self._name, hash))
        except FAILURES as error:
            raise StoreUnavailable(f"Redis did not take the revision: {error}") from error

    async def current(self) -> Revision | None:
        """The revision announced last; None if there is none, or it is not one. Raises ``StoreUnavailable``."""
        try:
            body: Any = await heard(self._client.get(self._name))
        except FAILURES as error:
            raise StoreUnavailable(f"Redis did not answer: {error}") from error
        if body is None:
            return None
        revision = self._read(body)
        if revision is None:
            self.refused += 1
        return revision

    async def follow(self) -> AsyncIterator[Revision]:
        """The revision in force, then each later one. Never ends, and never raises for a server that fails.

        One that was announced before the latest that was followed is refused: whoever can write to the server cannot
        bring back an older policy, though it was signed. (Who follows anew takes what is there.)
        """
        latest: Revision | None = None
        woken = asyncio.Event()
        listening = asyncio.create_task(self._listen(woken), name="redis policy revisions")
        try:
            while True:
                woken.clear()
                with suppress(StoreUnavailable):
                    found = await self.current()
                    if found is not None and latest is not None and found.announced < latest.announced:
                        self.refused += 1
                    elif found is not None and found != latest:
                        latest = found
                        yield found
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._every):
                        await woken.wait()
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    async def aclose(self) -> None:
        await self._client.aclose()
        if self._listener is not None:
            await self._listener.aclose()

    async def _listen(self, woken: asyncio.Event) -> None:
        """Wake the follower early. What goes wrong here costs at most one period of the poll."""
        while self._listener is not None:
            with suppress(*FAILURES, PubSubError):
                await heard(self._wake(self._listener, woken))
            await asyncio.sleep(self._every)

    async def _wake(self, listener: Redis, woken: asyncio.Event) -> None:
        async with listener.pubsub(ignore_subscribe_messages=True) as channel:
            await heard(channel.subscribe(self._name))
            while True:
                if await heard(channel.get_message(timeout=self._every)) is not None:
                    woken.set()

    def _read(self, body: bytes) -> Revision | None:
        try:
            if len(body) > 2 * self._most:
                return None
            said = parse_json(body)
            revision, mac = Revision(said["hash"], said["text"], said["announced"]), said["mac"]
            genuine = all(isinstance(part, str) for part in (revision.hash, revision.text, mac))
            genuine = genuine and type(revision.announced) is int
            expected = self._mac(revision.hash, revision.text, revision.announced)
            genuine = genuine and hmac.compare_digest(mac, expected)
        except (MalformedJSON, KeyError, TypeError):
            return None
        return revision if genuine else None

    def _mac(self, hash: str, text: str, announced: int) -> str:
        """Binds the text to its hash and its time and, with a key, to this tenant and to who may announce."""
        body = canonical_json([self._name, hash, text, announced])
        return hmac.digest(self._signer or bytes(32), _DOMAIN + body, "sha256").hex()
