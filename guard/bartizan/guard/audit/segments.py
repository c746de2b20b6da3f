"""The files of a log: numbered segments, and the head that says how far they go.

::

    audit/
        000001.jsonl    entries, one line each; the first is a ``segment`` record that names its own number
        000002.jsonl    and, being part of the chain, the last hash of the segment before
                        (the oldest may be gone: see :mod:`.pruning`)
        HEAD            the number and hash of the last entry that was acknowledged
        LOCK            held by the process that writes

A chain cannot show that its end is missing; the head can. It is written after each sync of the log, so the log
never ends before it, unless somebody cut it. Whoever can write the directory can replace the head too: with
a key they cannot forge one, but they can put an *older* head back beside an older log. Against that only a head
kept elsewhere helps (``expected_head``).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bartizan.guard.canonical import canonical_json, parse_json
from bartizan.guard.errors import MalformedJSON

from .chain import Receipt, authenticate, same, unseal

HEAD = "HEAD"
LOCK = "LOCK"
_SUFFIX = ".jsonl"
_HEAD_BYTES = 512

sync = getattr(os, "fdatasync", os.fsync)


def segment_path(directory: Path, index: int) -> Path:
    return directory / f"{index:06d}{_SUFFIX}"


def segment_indices(directory: Path) -> list[int]:
    """The numbers of the segments there, ascending."""
    stems = [path.name.removesuffix(_SUFFIX) for path in directory.glob(f"*{_SUFFIX}")]
    return sorted(int(stem) for stem in stems if stem.isascii() and stem.isdigit() and len(stem) >= 6)


def segment_header(index: int, now: int, signed_by: str | None = None) -> dict[str, object]:
    """The record a segment begins with; ``signed_by`` is the key of its checkpoints, if it has any."""
    header: dict[str, object] = {"kind": "segment", "segment": index, "time": now}
    return header if signed_by is None else {**header, "signed_by": signed_by}


def read_header(path: Path) -> dict[str, object]:
    """The record a segment begins with. Raises ``MalformedJSON`` if it does not begin with one."""
    for line in read_lines(path):
        record = dict(unseal(line.data).record)
        if record.get("kind") == "segment":
            return record
        break
    raise MalformedJSON(f"{path.name}: expected a segment's header")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a segment, without its newline; ``complete`` is false where the newline is missing."""

    number: int
    data: bytes
    complete: bool


def read_lines(path: Path, start: int = 0) -> Iterator[Line]:
    """The lines of a segment from an offset on, where one begins; the first is number 1."""
    with path.open("rb") as file:
        file.seek(start)
        for number, data in enumerate(file, 1):
            complete = data.endswith(b"\n")
            yield Line(number, data[:-1] if complete else data, complete)


@dataclass(frozen=True, slots=True)
class Head:
    """The last acknowledged entry, and the segment it stands in; ``keyed`` if it carries a MAC."""

    receipt: Receipt
    segment: int
    keyed: bool = False

    def render(self, key: bytes | None) -> bytes:
        """The content of the head file: always of one length, so that it can be overwritten in place."""
        body: dict[str, object] = {
            "hash": self.receipt.hash,
            "segment": self.segment,
            "seq": self.receipt.seq,
        }
        if key is not None:
            body["mac"] = self._mac(key)
        return canonical_json(body).ljust(_HEAD_BYTES - 1) + b"\n"

    def _mac(self, key: bytes) -> str:
        return authenticate(key, f"head {self.segment} {self.receipt.seq} {self.receipt.hash}")

    @classmethod
    def parse(cls, data: bytes, key: bytes | None) -> Head:
        """Raises ``MalformedJSON`` for anything but what :meth:`render` writes (with this key, if one is given)."""
        body = parse_json(data)
        if not isinstance(body, dict) or set(body) - {"mac"} != {"hash", "segment", "seq"}:
            raise MalformedJSON("expected hash, segment and seq")
        if (type(body["seq"]), type(body["segment"]), type(body["hash"])) != (int, int, str):
            raise MalformedJSON("expected whole numbers and a hash")
        mac = body.get("mac")
        head = cls(Receipt(body["seq"], body["hash"]), body["segment"], mac is not None)
        if key is not None and not (isinstance(mac, str) and same(mac, head._mac(key))):
            raise MalformedJSON("the head was not written with this key")
        expected = canonical_json(body).ljust(_HEAD_BYTES - 1) + b"\n"
        if data != expected:
            raise MalformedJSON("expected the head exactly as it is written")
        return head
