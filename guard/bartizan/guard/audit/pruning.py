"""Retention: the oldest segments are removed, and the log says so, in the chain.

Before anything is removed, what is to be removed is checked, and a record of kind ``pruned`` is appended that says
which segments, up to which entry, with each one's last hash and the SHA-256 of its file. It is in the chain, under
the log's key and a checkpoint, like any record. So ``verify`` still proves the rest of the log, and that what is
missing was taken away by its writer; a segment that was kept elsewhere can be compared with what is on record.

Whole segments only, oldest first, never the one being written. A crash in between leaves segments that are on record
as pruned and still there; the next pruning takes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bartizan.guard.canonical import JSON
from bartizan.guard.errors import AuditTampered, MalformedJSON

from .chain import Receipt, unseal
from .segments import read_header, read_lines, segment_indices, segment_path

PRUNED = "pruned"


@dataclass(frozen=True, slots=True)
class Segment:
    """A whole segment: its entries' numbers, the hash of the last, and the SHA-256 of its file."""

    segment: int
    first: int
    last: Receipt
    digest: str


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a log says was removed: everything up to entry ``upto``, the last one of segment ``segment``."""

    segment: int
    upto: Receipt
    time: int
    seq: int
    why: str = ""

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Pruned | None:
        """What a record of this kind says; ``None`` if it is not as the log writes it."""
        try:
            last = record["segments"][-1]
            upto = Receipt(last["last"], last["hash"])
            found = cls(last["segment"], upto, record["time"], record["seq"], record["why"])
        except (KeyError, IndexError, TypeError):
            return None
        types = (type(found.segment), type(upto.seq), type(upto.hash), type(found.time), type(found.why))
        return found if types == (int, int, str, int, str) else None


def choose(directory: Path, *, keep: int | None, before: int | None) -> list[int]:
    """The oldest segments that may go: all but the newest ``keep``, or all that ended before a time, or both.

    A segment ended when the next one began. Raises ``ValueError`` for a choice that says nothing, ``AuditTampered``
    for a segment that does not say when it began.
    """
    if keep is None and before is None:
        raise ValueError("expected how many segments to keep, or before what time they may go")
    if keep is not None and keep < 1:
        raise ValueError(f"expected to keep at least the segment that is written, not {keep}")
    indices = segment_indices(directory)
    chosen = indices[: -(keep or 1)]
    if before is None:
        return chosen
    old = []
    for index in chosen:
        path = segment_path(directory, index + 1)
        try:
            began = read_header(path).get("time")
        except (MalformedJSON, FileNotFoundError) as error:
            raise AuditTampered(f"{path}: {error}; nothing was removed") from error
        if not isinstance(began, int) or began > before:
            break
        old.append(index)
    return old


def examine(directory: Path, indices: Sequence[int], key: bytes | None) -> list[Segment]:
    """Check the segments that are to go, and that the next one follows them.

    Raises ``AuditTampered``: what does not verify is evidence, and is not removed.
    """
    found: list[Segment] = []
    last: Receipt | None = None
    for index in indices:
        path, digest, first = segment_path(directory, index), hashlib.sha256(), 0
        for line in read_lines(path):
            digest.update(line.data + (b"\n" if line.complete else b""))
            last = _next(path, line.number, line.data, last, key)
            first = first or last.seq
        if last is None or not first:
            raise AuditTampered(f"{path}: empty")
        found.append(Segment(index, first, last, digest.hexdigest()))
    if indices:
        path = segment_path(directory, indices[-1] + 1)
        for line in read_lines(path):
            _next(path, line.number, line.data, last, key)
            break
    return found


def _next(path: Path, number: int, line: bytes, last: Receipt | None, key: bytes | None) -> Receipt:
    try:
        entry = unseal(line, key)
    except MalformedJSON as error:
        raise AuditTampered(f"{path}:{number}: {error}; nothing was removed") from error
    if last is not None and (entry.seq, entry.record["prev"]) != (last.seq + 1, last.hash):
        raise AuditTampered(f"{path}:{number}: does not follow the entry before; nothing was removed")
    return Receipt(entry.seq, entry.hash)


def tombstone(segments: Sequence[Segment], why: str, now: int) -> dict[str, JSON]:
    """The record of what is about to be removed."""
    return {
        "kind": PRUNED,
        "segments": [
            {
                "segment": one.segment,
                "first": one.first,
                "last": one.last.seq,
                "hash": one.last.hash,
                "digest": one.digest,
            }
            for one in segments
        ],
        "time": now,
        "why": why,
    }


def remove(directory: Path, indices: Sequence[int]) -> None:
    """Remove segments, the oldest first: what is left always ends where the chain goes on."""
    for index in sorted(indices):
        segment_path(directory, index).unlink(missing_ok=True)
