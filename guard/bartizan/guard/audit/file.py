"""The log on disk: appended by one process, durable before it answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bartizan.guard.canonical import JSON, digest_of
from bartizan.guard.clock import now_us
from bartizan.guard.errors import AuditError, AuditTampered, MalformedJSON
from bartizan.guard.worker import Closed, Worker

from .chain import Receipt
from .pruning import PRUNED, Segment, choose, examine, remove, tombstone
from .segments import HEAD, read_lines, segment_indices, segment_path
from .signing import CHECKPOINT, Signer, Verifier
from .verify import Walk
from .writer import Durability, Writer

RESERVED = frozenset({"segment", "recovered", CHECKPOINT, PRUNED})
"""Kinds of records that only the log itself writes."""


@dataclass(frozen=True, slots=True)
class _Own:
    """A record of the log's own, that is signed and synced at once."""

    record: Mapping[str, JSON]


class FileAuditLog:
    """An ``AuditLog`` in a directory of segments (see :mod:`.segments`).

    ``append`` returns when the record is synced to disk; records that arrive while a sync is running share the
    next one. ``durability`` says otherwise (see :data:`~.writer.Durability`): ``"group"`` waits ``window`` seconds for
    more records to share a sync, ``"os"`` leaves the last second or two to the operating system. When a write fails (a
    full disk, a file of the log deleted, no signature to be had), every record that waited for it fails with
    ``AuditError``, and so does every later one until the log has been opened again: nobody knows what reached
    the disk.

    Opening takes the lock (``AuditLocked`` if another process has it), checks the end of the log against its
    head (``AuditTampered``), and cuts off what a crash left half-written; that it did so, it records. It reads and
    writes files in the caller's thread: open the log before the event loop has work, and after a process forks. What
    the file system refuses raises ``OSError``. ``key`` authenticates every entry (see :mod:`.chain`);
    ``segment_bytes`` is where a segment ends.

    ``signer`` signs checkpoints (see :mod:`.signing`): when the log begins, every ``checkpoint_every`` records, when a
    segment ends, when the log is opened, closed, or has had nothing to write for two seconds. A log is signed from its
    beginning or not at all. ``trusted`` are public keys it was signed with earlier.
    """

    def __init__(
        self,
        directory: str | Path,
        *,
        segment_bytes: int = 16 << 20,
        key: bytes | None = None,
        durability: Durability = "fsync",
        window: float = 0.004,
        signer: Signer | None = None,
        trusted: Sequence[Verifier] = (),
        checkpoint_every: int = 256,
    ) -> None:
        if durability not in ("fsync", "group", "os"):
            raise ValueError(f"expected the durability 'fsync', 'group' or 'os', found {durability!r}")
        self.directory = Path(directory)
        self._segment_bytes = segment_bytes
        self._key = key
        self._signer = signer
        self._keys = {one.key_id: one for one in (*trusted, *([signer] if signer is not None else []))}
        self._process = os.getpid()
        self._broken: str | None = None
        self._pruning = asyncio.Lock()
        self.directory.mkdir(parents=True, exist_ok=True)
        self._writer = Writer(
            self.directory, durability=durability, key=key, signer=signer, checkpoint_every=checkpoint_every
        )
        try:
            self._open()
        except BaseException:
            self._writer.close()
            raise
        self._worker: Worker[Mapping[str, JSON] | _Own, Receipt] = Worker(
            f"audit log in {self.directory.name}",
            self._handle,
            self._close,
            window=window if durability == "group" else 0.0,
            idle=self._idle,
        )

    @property
    def head(self) -> Receipt:
        """The last acknowledged entry: note it elsewhere, as an ``expected_head`` for ``verify``."""
        return self._writer.acknowledged

    @property
    def waiting(self) -> int:
        """How many records wait to be written."""
        return self._worker.waiting

    @property
    def broken(self) -> str | None:
        """Why it takes no more records until it is opened again; None while it takes them."""
        return self._broken

    async def append(self, record: Mapping[str, JSON]) -> Receipt:
        if record.get("kind") in RESERVED:
            raise AuditError(f"records of kind {record['kind']!r} are the log's own")
        return await self._submit(record)

    async def prune(
        self, *, keep: int | None = None, before: int | None = None, why: str = ""
    ) -> list[Segment]:
        """Remove the oldest segments: all but the newest ``keep``, and only what ended ``before`` a time (microseconds
        since the epoch). What was removed is answered, and recorded in the log first (see :mod:`.pruning`).

        Records are appended meanwhile. Raises ``AuditTampered`` if what is to go does not verify, ``AuditError``.
        """
        async with self._pruning:
            chosen = await asyncio.to_thread(choose, self.directory, keep=keep, before=before)
            segments = await asyncio.to_thread(examine, self.directory, chosen, self._key)
            if segments:
                await self._submit(_Own(tombstone(segments, why, now_us())))
                await asyncio.to_thread(remove, self.directory, chosen)
            return segments

    async def aclose(self) -> None:
        await self._worker.aclose()

    async def _submit(self, job: Mapping[str, JSON] | _Own) -> Receipt:
        if os.getpid() != self._process:  # going on from one entry, both would fork the chain too
            raise AuditError(
                f"{self.directory}: opened by process {self._process}, used by its fork {os.getpid()}; "
                "give every process a log of its own, opened after the fork"
            )
        try:
            return await self._worker.submit(job)
        except Closed as error:
            raise AuditError(f"{self.directory}: {error}") from error

    # --- in the worker's thread

    def _handle(self, jobs: list[Mapping[str, JSON] | _Own]) -> list[Receipt | Exception]:
        """Write a batch with one sync."""
        if self._broken is not None:
            return [self._refusal() for _ in jobs]
        writer, own = self._writer, False
        answers: list[Receipt | Exception] = []
        try:
            for job in jobs:
                if writer.full_at >= self._segment_bytes:
                    writer.next_segment()
                try:
                    answers.append(writer.add(job.record if isinstance(job, _Own) else job))
                except MalformedJSON as error:
                    answers.append(AuditError(f"the record cannot be written: {error}"))
                own = own or isinstance(job, _Own)
            if own:
                writer.checkpoint()
            writer.flush(synced=own)
        except Exception as error:  # noqa: BLE001 (whatever it is: the chain here is ahead of the one on disk)
            self._broken = str(error) or type(error).__name__
            return [self._refusal() for _ in jobs]
        return answers

    def _idle(self) -> None:
        """Sign and sync what there is."""
        if self._broken is None:
            try:
                self._writer.checkpoint()
                self._writer.flush(synced=True)
            except Exception as error:  # noqa: BLE001 (as above)
                self._broken = str(error) or type(error).__name__

    def _close(self) -> None:
        self._idle()
        self._writer.close()

    def _refusal(self) -> AuditError:
        return AuditError(
            f"{self.directory}: a write failed ({self._broken}); the log takes no more records until it is opened again"
        )

    # --- opening

    def _open(self) -> None:
        head, indices = self.directory / HEAD, segment_indices(self.directory)
        begun = head.exists() and head.stat().st_size > 0
        if not begun and self._nothing_acknowledged(indices):
            for index in indices:
                segment_path(self.directory, index).unlink()
            self._writer.begin_log()
        elif not begun:
            raise AuditTampered(f"{self.directory}: there are entries, but no head")
        elif not indices:
            raise AuditTampered(f"{self.directory}: there is a head, but no segment")
        else:
            self._recover(Walk(self.directory, self._key, self._keys), indices)

    def _nothing_acknowledged(self, indices: list[int]) -> bool:
        """True for no log at all, and for what a crash leaves of one that was just being created."""
        if indices not in ([], [1]):
            return False
        most = 1 if self._signer is None else 2  # its header, and the first checkpoint
        return all(len(list(read_lines(segment_path(self.directory, index)))) <= most for index in indices)

    def _recover(self, walk: Walk, indices: list[int]) -> None:
        """Check the end of the log, from the head's segment on, and continue it."""
        if walk.head is None:
            raise AuditTampered(f"{self.directory}: {walk.problems[0]}")
        if walk.head.keyed and self._key is None:
            raise AuditError(f"{self.directory}: the log is written with a key; open it with that key")
        anchor, index = walk.head.receipt, indices[-1]
        # A segment ends with a checkpoint: with the one before, there is one to go on from.
        wanted = walk.head.segment - (1 if self._signer is not None else 0)
        walk.first, walk.last = max(wanted, indices[0]), None
        found = None
        for entry in walk.entries():
            if entry.seq == anchor.seq:
                found = entry.hash
        walk.check_anchor("head", anchor, found)
        if walk.signs and self._signer is None:
            raise AuditError(f"{self.directory}: the log is signed; open it with a key to sign with")
        if self._signer is not None and not walk.signs:
            raise AuditTampered(
                f"{self.directory}: the log was begun without signatures, or they were taken out of it; "
                "begin a signed log in another directory"
            )
        walk.check_signed()
        checked = walk.verification()
        if not checked.repairable:
            problems = "\n".join(str(problem) for problem in checked.problems)
            raise AuditTampered(
                f"{self.directory}: the log does not verify, so it is not continued:\n{problems}"
            )
        path = segment_path(self.directory, index)
        size = path.stat().st_size - len(walk.torn)
        emptied = None
        if size == 0:  # torn while it began: not even its header is there
            path.unlink()
            emptied = index
            index = index - 1
            size = segment_path(self.directory, index).stat().st_size
        self._writer.resume(index, size, checked.last, anchor)
        self._writer.unsigned = walk.unsigned
        if not checked.ok:
            self._writer.add(
                {
                    "kind": "recovered",
                    "time": now_us(),
                    "torn_bytes": len(walk.torn),
                    "torn_digest": digest_of(walk.torn),
                    "adopted": checked.last.seq - anchor.seq,
                    "removed_segment": emptied,
                }
            )
        self._writer.checkpoint()
        self._writer.flush(synced=True)
