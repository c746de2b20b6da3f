"""Verdicts: what lets an executor elsewhere know that exactly these bytes were let go.

A guard that decides in one process and a tool that runs in another leave a gap: the call may be changed on the way, or
a correction be ignored, and the tool would run what nobody allowed. A verdict is an HMAC (SHA-256, RFC 2104) over the
digest of the canonical call, its id, the policy's hash, the session and its version, and an expiry. The executor holds
the key, makes the call canonical itself and compares; a verdict is good for one execution.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass

from . import fresh
from .canonical import canonical_json, parse_json
from .clock import now_us
from .decision import Request
from .errors import MalformedJSON, VerdictExpired, VerdictForged, VerdictMismatch, VerdictSpent
from .types import Session, ToolCall, ToolResult

MIN_KEY = 32
"""Bytes: as long as what the hash gives."""

VERSION = 1
_DOMAIN = b"bartizan verdict\x00"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verdict says. ``session_version`` is the session's once the call was counted; times in microseconds."""

    call_digest: str
    call_id: str
    tool: str
    policy: str
    session: str
    session_version: int
    expires: int
    nonce: str


class Verdicts:
    """Signs verdicts and checks them. The first of ``keys`` signs, any of them checks: so a key can be replaced.

    Args:
        keys: at least 32 random bytes each; whoever has one can let any call go.
        ttl: seconds for which a verdict is good.
        clock: microseconds since the epoch. Guard and executor must agree about the time to a fraction of ``ttl``.

    Raises ``ValueError`` for a key that is too short.
    """

    def __init__(self, *keys: bytes, ttl: float = 60.0, clock: Callable[[], int] = now_us) -> None:
        if not keys or any(not isinstance(key, bytes) or len(key) < MIN_KEY for key in keys):
            raise ValueError(f"expected keys of at least {MIN_KEY} bytes: secrets.token_bytes({MIN_KEY})")
        if not ttl > 0:
            raise ValueError(f"expected a time to live above 0 s, found {ttl}")
        self._keys: Sequence[bytes] = keys
        self._ttl = int(ttl * 1e6)
        self._clock = clock
        self._spent: dict[str, int] = {}

    def sign(self, request: Request, policy: str, session: Session) -> str:
        """The verdict of a call that was let go, as text (URL-safe). ``session`` is the one with the call counted."""
        call = request.call
        said = Verdict(
            call.digest, call.id, call.tool, policy, session.id, session.version,
            self._clock() + self._ttl, fresh.token(16),
        )  # fmt: skip
        body = canonical_json({"version": VERSION, **asdict(said)})
        return f"{_encode(body)}.{_encode(_mac(self._keys[0], body))}"

    def check(
        self, verdict: str, call: ToolCall, *, session: str | None = None, policy: str | None = None
    ) -> Verdict:
        """What the verdict says, if it lets exactly this call go.

        ``session`` and ``policy`` are those that it must be about, where the executor knows them. Raises
        ``VerdictForged`` for what was not signed with one of the keys, ``VerdictExpired``, and ``VerdictMismatch`` for
        a verdict about something else.
        """
        said = self._opened(verdict)
        if said.expires <= self._clock():
            raise VerdictExpired("the verdict's time is over: propose the call again")
        found = (said.call_digest, said.call_id, said.tool)
        if found != (call.digest, call.id, call.tool):
            raise VerdictMismatch("the verdict is about another call: execute the one that was decided")
        for what, expected, actual in (("session", session, said.session), ("policy", policy, said.policy)):
            if expected is not None and expected != actual:
                raise VerdictMismatch(f"the verdict is about another {what}")
        return said

    def spend(
        self, verdict: str, call: ToolCall, *, session: str | None = None, policy: str | None = None
    ) -> Verdict:
        """As :meth:`check`, and never again for this verdict: ``VerdictSpent``.

        What was spent is remembered in this process; executors that share a key each need their own sessions, or calls
        with an idempotency key.
        """
        said, now = self.check(verdict, call, session=session, policy=policy), self._clock()
        if said.nonce in self._spent:
            raise VerdictSpent("the verdict was used before: propose the call again")
        self._spent = {nonce: until for nonce, until in self._spent.items() if until > now}
        self._spent[said.nonce] = said.expires
        return said

    def executor(
        self, execute: Callable[[ToolCall], Awaitable[ToolResult]]
    ) -> Callable[[ToolCall, str], Awaitable[ToolResult]]:
        """``execute``, for calls that come with their verdict. Raises ``VerdictError`` before it runs anything."""

        async def checked(call: ToolCall, verdict: str) -> ToolResult:
            self.spend(verdict, call)
            return await execute(call)

        return checked

    def _opened(self, verdict: str) -> Verdict:
        if not isinstance(verdict, str):
            raise VerdictForged(f"expected a verdict as text, found {type(verdict).__name__}")
        try:
            body, mac = (_decode(part) for part in verdict.encode("ascii").split(b"."))
        except (ValueError, binascii.Error) as error:
            raise VerdictForged("expected a verdict as the guard writes it") from error
        if not any(hmac.compare_digest(_mac(key, body), mac) for key in self._keys):
            raise VerdictForged("the verdict was not signed with a key that this executor knows")
        try:
            fields = parse_json(body)
            if fields.pop("version") != VERSION:
                raise VerdictForged("the verdict is of another version of Bartizan: update the older side")
            return Verdict(**fields)
        except (MalformedJSON, AttributeError, KeyError, TypeError) as error:  # signed, but not by this code
            raise VerdictForged("expected a verdict as the guard writes it") from error


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, _DOMAIN + body, "sha256")


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _decode(text: bytes) -> bytes:
    data = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    if _encode(data).encode() != text:
        raise ValueError("not the one way to write it")
    return data
