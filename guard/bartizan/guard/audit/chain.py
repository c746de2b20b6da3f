"""The chain: how one record is bound to all before it.

One entry is one line of canonical JSON::

    {"hash": H, "mac": M, "record": {..., "prev": hash of the entry before, "seq": its number}}

``H`` is the SHA-256 of the canonical record, so every hash covers the whole history. Anyone can check a
chain, but anyone who can write the file can also rewrite it from some entry to the end. With a key, ``M`` is
HMAC-SHA256(key, H), and only a holder of the key can write an entry at all (without one, ``mac`` is absent).
What no chain can show is that its end was cut off: for that see the head, in :mod:`.segments`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bartizan.guard.canonical import JSON, WRAPPED_DEPTH, canonical_json, parse_json
from bartizan.guard.errors import MalformedJSON

GENESIS = "0" * 64
"""What the first entry of a log names as its predecessor."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The place of a durable record: its number, and the hash that covers it and all before it."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One record of a log with its place."""

    seq: int
    hash: str
    record: Mapping[str, Any]
    mac: str | None = None


class AuditLog(Protocol):
    """Where decisions are written before they take effect."""

    async def append(self, record: Mapping[str, JSON]) -> Receipt:
        """Write a record; return once it is durable. Raises ``AuditError``. Must honour cancellation.

        Records are written in the order in which ``append`` was first awaited; a record whose ``append`` was
        cancelled may still be written.
        """
        ...

    async def aclose(self) -> None: ...


def seal(record: Mapping[str, JSON], seq: int, prev: str, key: bytes | None = None) -> tuple[bytes, Receipt]:
    """The line (without its newline) that binds a record to its predecessor. Raises ``MalformedJSON``."""
    body = canonical_json({**record, "prev": prev, "seq": seq}, max_depth=WRAPPED_DEPTH)
    digest = hashlib.sha256(body).hexdigest()
    mac = b""
    if key is not None:
        mac = b'"mac":"%b",' % authenticate(key, digest).encode()
    return b'{"hash":"%b",%b"record":%b}' % (digest.encode(), mac, body), Receipt(seq, digest)


def unseal(line: bytes, key: bytes | None = None) -> Entry:
    """The entry of a line, if the line is what :func:`seal` writes. Raises ``MalformedJSON`` saying what is wrong.

    Only the line itself is checked here; whether it follows its predecessor is the caller's question.
    """
    value = parse_json(line, max_depth=WRAPPED_DEPTH)
    if not isinstance(value, dict) or set(value) - {"mac"} != {"hash", "record"}:
        raise MalformedJSON("expected an object with hash and record")
    record = value["record"]
    if not isinstance(record, dict) or not isinstance(record.get("prev"), str):
        raise MalformedJSON("expected a record that names its predecessor")
    seq = record.get("seq")
    if type(seq) is not int:
        raise MalformedJSON("expected a record with a whole number seq")
    if canonical_json(value, max_depth=WRAPPED_DEPTH) != line:
        raise MalformedJSON("expected canonical JSON")
    digest = hashlib.sha256(canonical_json(record, max_depth=WRAPPED_DEPTH)).hexdigest()
    if value["hash"] != digest:
        raise MalformedJSON(f"the record hashes to {digest}, not to the hash it carries")
    mac = value.get("mac")
    if key is not None and not (isinstance(mac, str) and same(mac, authenticate(key, digest))):
        raise MalformedJSON("the entry was not written with this key")
    return Entry(seq, digest, record, mac)


def same(given: str, expected: str) -> bool:
    """Whether a text is the one expected; how long it takes does not tell how much of it is."""
    return hmac.compare_digest(given.encode(), expected.encode())


def authenticate(key: bytes, text: str) -> str:
    """HMAC-SHA256 in hexadecimal."""
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
