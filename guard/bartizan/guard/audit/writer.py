"""The end of a log on disk: lines appended to its last segment, synced, and the head moved behind them.

Everything here blocks, and belongs to one thread.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Literal

from bartizan.guard.canonical import JSON
from bartizan.guard.clock import now_us
from bartizan.guard.errors import AuditLocked

from .chain import GENESIS, Receipt, seal
from .segments import HEAD, LOCK, Head, segment_header, segment_path, sync
from .signing import Checkpoint, Signer

Durability = Literal["fsync", "group", "os"]
"""
``fsync``   an entry is on the disk before it is acknowledged; entries that arrive during a sync share the next one
``group``   the same, and each sync waits for more entries to share it: fewer syncs, a few milliseconds later
``os``      an entry is handed to the operating system and acknowledged; it is synced within seconds
"""

SYNC_SECONDS = 1.0
"""How old an unsynced entry may be, under ``os``, before the next one has it synced."""


class Writer:
    """Appends entries behind ``last``, in segment ``index``. Raises ``OSError``; after that, nobody knows."""

    def __init__(
        self,
        directory: Path,
        *,
        durability: Durability,
        key: bytes | None,
        signer: Signer | None,
        checkpoint_every: int,
    ) -> None:
        self.directory = directory
        self.last = Receipt(0, GENESIS)
        self.acknowledged = self.last
        self.index = 0
        self.size = 0
        self.unsigned = 0
        self._pending = bytearray()
        self._durability = durability
        self._key = key
        self._signer = signer
        self._every = checkpoint_every
        self._synced_at = time.monotonic()
        self._unsynced = False
        self._file = -1
        self._head_file = -1
        self._lock_file = self._lock()

    # --- entries

    def add(self, record: Mapping[str, JSON]) -> Receipt:
        """Seal a record, to be written by the next :meth:`flush`. Raises ``MalformedJSON``, having changed nothing."""
        line, self.last = seal(record, self.last.seq + 1, self.last.hash, self._key)
        self._pending += line + b"\n"
        self.unsigned += 1
        receipt = self.last
        if self.unsigned >= self._every:
            self.checkpoint()
        return receipt

    def checkpoint(self) -> None:
        """Sign what there is, unless it is signed already or there is no key to sign with."""
        if self._signer is None or not self.unsigned:
            return
        made = Checkpoint(self.last, now_us(), self._every, self._signer.key_id)
        line, self.last = seal(made.record(self._signer), self.last.seq + 1, self.last.hash, self._key)
        self._pending += line + b"\n"
        self.unsigned = 0

    @property
    def full_at(self) -> int:
        """How many bytes the segment will have when all is written."""
        return self.size + len(self._pending)

    def flush(self, *, synced: bool = False) -> None:
        """Write what was added, as durably as the log promises, or ``synced`` in any case."""
        if self._pending:
            self._check_linked()
            view = memoryview(bytes(self._pending))
            self._pending.clear()
            while view:
                written = os.write(self._file, view)
                self.size += written
                view = view[written:]
            self._unsynced = True
        late = time.monotonic() - self._synced_at >= SYNC_SECONDS
        if self._unsynced and (synced or late or self._durability != "os"):
            sync(self._file)
            self._check_linked()
            # Only what is on the disk is named by the head: else a power cut would look like a cut log.
            os.pwrite(self._head_file, Head(self.last, self.index).render(self._key), 0)
            self._synced_at, self._unsynced = time.monotonic(), False
        self.acknowledged = self.last

    # --- segments

    def begin_log(self) -> None:
        self._head_file = os.open(self.directory / HEAD, os.O_RDWR | os.O_CREAT, 0o600)
        self.begin_segment(1)

    def next_segment(self) -> None:
        """End this segment, signed if the log is, and begin the next one."""
        self.checkpoint()
        self.flush(synced=True)
        self.begin_segment(self.index + 1)

    def begin_segment(self, index: int) -> None:
        path = segment_path(self.directory, index)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        if self._file >= 0:
            os.close(self._file)
        self._file, self.index, self.size = file, index, 0
        self._sync_directory()
        signed_by = self._signer.key_id if self._signer is not None else None
        self.add(segment_header(index, now_us(), signed_by))
        if index == 1:
            self.checkpoint()  # a signed log is signed from its beginning
        self.flush(synced=True)

    def resume(self, index: int, size: int, last: Receipt, acknowledged: Receipt) -> None:
        """Go on at the end of a log: whatever its last segment has beyond ``size`` is cut off."""
        self._head_file = os.open(self.directory / HEAD, os.O_RDWR)
        self._file = os.open(segment_path(self.directory, index), os.O_WRONLY | os.O_APPEND)
        os.ftruncate(self._file, size)
        self.index, self.size, self.last, self.acknowledged = index, size, last, acknowledged

    # --- files

    def _check_linked(self) -> None:
        """A deleted file still takes writes, which nobody will read; a deleted lock keeps nobody out."""
        for name, file in (("segment", self._file), (HEAD, self._head_file), (LOCK, self._lock_file)):
            if os.fstat(file).st_nlink == 0:
                raise FileNotFoundError(f"its {name} file was deleted while the log was open")

    def _lock(self) -> int:
        path = self.directory / LOCK
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(file, 64, 0).decode("ascii", "replace").strip()
            os.close(file)
            raise AuditLocked(
                f"{path}: process {owner or '(unknown)'} is writing this log; "
                "give every process a directory of its own"
            ) from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"{os.getpid()}\n".encode(), 0)
        return file

    def _sync_directory(self) -> None:
        directory = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def close(self) -> None:
        """Close the files, as they are."""
        if self._head_file >= 0:
            with suppress(OSError):  # the log itself is synced
                os.fsync(self._head_file)
        for file in (self._file, self._head_file, self._lock_file):
            if file >= 0:
                os.close(file)
        self._file = self._head_file = self._lock_file = -1
