"""Checkpoints: signed statements, within the log, of how it was up to there.

A key of :mod:`.chain` lets whoever checks a log also forge one. A signature does not: the log holds records of
kind ``checkpoint``, each signed by a key that only the writer has, and anyone with the public key can check them::

    {"kind": "checkpoint", "covers": {"seq": 41, "hash": ...}, "every": 256,
     "key_id": ..., "signature": ..., "time": ...}

``covers`` is the entry before, whose hash covers all before it. ``every`` is signed too: the promise that no more
records than that follow without a checkpoint, so that a log from which later ones were taken shows it.
What the kernel signs with is somebody else's choice; Ed25519 is in ``bartizan.integrations.signing``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bartizan.guard.canonical import JSON, canonical_json

from .chain import Receipt

CHECKPOINT = "checkpoint"
_DOMAIN = b"bartizan audit checkpoint 1\n"


class Verifier(Protocol):
    """A public key."""

    @property
    def key_id(self) -> str:
        """Names the key; different keys have different names."""
        ...

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's of exactly this message. Never raises."""
        ...


class Signer(Verifier, Protocol):
    """A private key, or somebody who has one. Called in the log's own thread, a few times a minute or a second."""

    def sign(self, message: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What one signature says: the log up to ``covers`` is as it was at ``time`` (microseconds since the epoch)."""

    covers: Receipt
    time: int
    every: int
    key_id: str

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        return _DOMAIN + canonical_json(
            {
                "every": self.every,
                "hash": self.covers.hash,
                "key_id": self.key_id,
                "seq": self.covers.seq,
                "time": self.time,
            }
        )

    def record(self, signer: Signer) -> dict[str, JSON]:
        """The record to be appended right behind ``covers``."""
        return {
            "kind": CHECKPOINT,
            "covers": {"seq": self.covers.seq, "hash": self.covers.hash},
            "every": self.every,
            "key_id": self.key_id,
            "signature": signer.sign(self.message).hex(),
            "time": self.time,
        }


def read_checkpoint(record: Mapping[str, Any], keys: Mapping[str, Verifier]) -> Checkpoint | str:
    """The checkpoint that a record holds, or what is wrong with it. ``keys`` are by their ids."""
    covers, every, time = record.get("covers"), record.get("every"), record.get("time")
    key_id, signature = record.get("key_id"), record.get("signature")
    if (
        not isinstance(covers, Mapping)
        or covers != {"seq": record["seq"] - 1, "hash": record["prev"]}
        or type(every) is not int
        or type(time) is not int
        or not isinstance(key_id, str)
        or not isinstance(signature, str)
    ):
        return "a checkpoint covers the entry before it, and says when, how often and by which key"
    if key_id not in keys:
        return f"the checkpoint is signed with key {key_id}, which was not given"
    made = Checkpoint(Receipt(covers["seq"], covers["hash"]), time, every, key_id)
    try:
        found = bytes.fromhex(signature)
    except ValueError:
        found = b""
    if not keys[key_id].verify(made.message, found):
        return f"the signature is not of key {key_id}"
    return made
