"""The log on disk: appended by one process, durable before it answers."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bartizan.guard.canonical import JSON, digest_of
from bartizan.guard.clock import now_us
from bartizan.guard.errors import AuditError, AuditLocked, AuditTampered, MalformedJSON
from bartizan.guard.worker import Closed, Worker

from .chain import GENESIS, Receipt, seal
from .segments import HEAD, LOCK, Head, read_lines, segment_header, segment_indices, segment_path, sync
from .verify import Walk


class FileAuditLog:
    """An ``AuditLog`` in a directory of segments (see :mod:`.segments`).

    ``append`` returns when the record is synced to disk; records that arrive while a sync is running share the
    next one. When a write fails (a full disk, a file of the log deleted), every record that waited for it fails with
    ``AuditError``, and so does every later one until the log has been opened again: nobody knows what reached
    the disk.

    Opening takes the lock (``AuditLocked`` if another process has it), checks the end of the log against its
    head (``AuditTampered``), and cuts off what a crash left half-written; that it did so, it records. It reads and
    writes files in the caller's thread: open the log before the event loop has work, and after a process forks. What
    the file system refuses raises ``OSError``. ``key`` authenticates every entry (see :mod:`.chain`);
    ``segment_bytes`` is where a segment ends.
    """

    def __init__(
        self, directory: str | Path, *, segment_bytes: int = 16 << 20, key: bytes | None = None
    ) -> None:
        self.directory = Path(directory)
        self._segment_bytes = segment_bytes
        self._key = key
        self._process = os.getpid()
        self._broken: str | None = None
        self._last = Receipt(0, GENESIS)
        self._acknowledged = self._last
        self._index = 0
        self._file = -1
        self._head_file = -1
        self._size = 0
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock_file = self._lock()
        try:
            self._open()
        except BaseException:
            self._close_files()
            raise
        self._worker: Worker[Mapping[str, JSON], Receipt] = Worker(
            f"audit log in {self.directory.name}", self._handle, self._close_files
        )

    @property
    def head(self) -> Receipt:
        """The last acknowledged entry: note it elsewhere, as an ``expected_head`` for ``verify``."""
        return self._acknowledged

    async def append(self, record: Mapping[str, JSON]) -> Receipt:
        if os.getpid() != self._process:  # going on from one entry, both would fork the chain too
            raise AuditError(
                f"{self.directory}: opened by process {self._process}, used by its fork {os.getpid()}; "
                "give every process a log of its own, opened after the fork"
            )
        try:
            return await self._worker.submit(record)
        except Closed as error:
            raise AuditError(f"{self.directory}: {error}") from error

    async def aclose(self) -> None:
        await self._worker.aclose()

    def _handle(self, records: list[Mapping[str, JSON]]) -> list[Receipt | Exception]:
        """Write a batch with one sync. In the worker's thread, as all below."""
        if self._broken is not None:
            return [self._refusal() for _ in records]
        answers: list[Receipt | Exception] = []
        try:
            pending = bytearray()
            for record in records:
                if self._size + len(pending) >= self._segment_bytes:
                    self._write(pending)
                    pending.clear()
                    self._begin_segment(self._index + 1)
                try:
                    line, self._last = seal(record, self._last.seq + 1, self._last.hash, self._key)
                except MalformedJSON as error:
                    answers.append(AuditError(f"the record cannot be written: {error}"))
                    continue
                pending += line + b"\n"
                answers.append(self._last)
            self._write(pending)
        except Exception as error:  # noqa: BLE001 (whatever it is: the chain here is ahead of the one on disk)
            self._broken = str(error) or type(error).__name__
            return [self._refusal() for _ in records]
        return answers

    def _write(self, data: bytes | bytearray) -> None:
        """Append to the segment, sync it, then move the head."""
        if not data:
            return
        self._check_linked()
        view = memoryview(bytes(data))
        while view:
            written = os.write(self._file, view)
            self._size += written
            view = view[written:]
        sync(self._file)
        self._check_linked()
        os.pwrite(self._head_file, Head(self._last, self._index).render(self._key), 0)
        self._acknowledged = self._last

    def _check_linked(self) -> None:
        """A deleted file still takes writes, which nobody will read; a deleted lock keeps nobody out."""
        for name, file in (("segment", self._file), (HEAD, self._head_file), (LOCK, self._lock_file)):
            if os.fstat(file).st_nlink == 0:
                raise FileNotFoundError(f"its {name} file was deleted while the log was open")

    def _begin_segment(self, index: int) -> None:
        path = segment_path(self.directory, index)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        if self._file >= 0:
            os.close(self._file)
        self._file, self._index, self._size = file, index, 0
        self._sync_directory()
        header = segment_header(index, now_us())
        line, self._last = seal(header, self._last.seq + 1, self._last.hash, self._key)
        self._write(line + b"\n")

    def _open(self) -> None:
        head, indices = self.directory / HEAD, segment_indices(self.directory)
        begun = head.exists() and head.stat().st_size > 0
        if not begun and self._nothing_acknowledged(indices):
            for index in indices:
                segment_path(self.directory, index).unlink()
            self._head_file = os.open(head, os.O_RDWR | os.O_CREAT, 0o600)
            self._begin_segment(1)
        elif not begun:
            raise AuditTampered(f"{self.directory}: there are entries, but no head")
        elif not indices:
            raise AuditTampered(f"{self.directory}: there is a head, but no segment")
        else:
            self._head_file = os.open(head, os.O_RDWR)
            self._recover(Walk(self.directory, self._key), indices[-1])

    def _nothing_acknowledged(self, indices: list[int]) -> bool:
        """True for no log at all, and for what a crash leaves of one that was just being created."""
        if indices not in ([], [1]):
            return False
        return all(len(list(read_lines(segment_path(self.directory, index)))) <= 1 for index in indices)

    def _recover(self, walk: Walk, index: int) -> None:
        """Check the end of the log, from the head's segment on, and continue it."""
        if walk.head is None:
            raise AuditTampered(f"{self.directory}: {walk.problems[0]}")
        if walk.head.keyed and self._key is None:
            raise AuditError(f"{self.directory}: the log is written with a key; open it with that key")
        anchor = walk.head.receipt
        walk.first, walk.last = walk.head.segment, None
        found = None
        for entry in walk.entries():
            if entry.seq == anchor.seq:
                found = entry.hash
        walk.check_anchor("head", anchor, found)
        checked = walk.verification()
        if not checked.repairable:
            problems = "\n".join(str(problem) for problem in checked.problems)
            raise AuditTampered(
                f"{self.directory}: the log does not verify, so it is not continued:\n{problems}"
            )
        self._last, self._acknowledged = checked.last, anchor
        self._index = index
        path = segment_path(self.directory, index)
        self._size = path.stat().st_size - len(walk.torn)
        emptied = None
        if self._size == 0:  # torn while it began: not even its header is there
            path.unlink()
            emptied = index
            self._index = index = index - 1
            path = segment_path(self.directory, index)
            self._size = path.stat().st_size
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.ftruncate(self._file, self._size)
        if not checked.ok:
            recovered = {
                "kind": "recovered",
                "time": now_us(),
                "torn_bytes": len(walk.torn),
                "torn_digest": digest_of(walk.torn),
                "adopted": checked.last.seq - anchor.seq,
                "removed_segment": emptied,
            }
            line, self._last = seal(recovered, self._last.seq + 1, self._last.hash, self._key)
            self._write(line + b"\n")

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

    def _close_files(self) -> None:
        if self._head_file >= 0:
            with suppress(OSError):  # the log itself is synced with every write
                os.fsync(self._head_file)
        for file in (self._file, self._head_file, self._lock_file):
            if file >= 0:
                os.close(file)
        self._file = self._head_file = self._lock_file = -1

    def _refusal(self) -> AuditError:
        return AuditError(
            f"{self.directory}: a write failed ({self._broken}); the log takes no more records until it is opened again"
        )
