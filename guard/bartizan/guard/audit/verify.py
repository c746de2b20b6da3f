"""Is this log what was written? Every line, the chain across segments, and the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from bartizan.guard.errors import MalformedJSON

from .chain import GENESIS, Entry, Receipt, unseal
from .pruning import PRUNED, Pruned
from .segments import HEAD, Head, Line, read_lines, segment_indices, segment_path
from .signing import CHECKPOINT, Checkpoint, Verifier, read_checkpoint

ProblemKind = Literal[
    "edited", "order", "segment", "truncated", "head", "unanchored", "torn tail", "signature", "unsigned"
]
"""
``edited``      a line is not what was written, or was not written by a holder of the key
``order``       an entry does not follow the one before: deleted, inserted, reordered or duplicated
``segment``     a whole segment is missing, swapped or does not begin as it should
``signature``   a checkpoint is not signed with a key that was given, or covers something else
``unsigned``    there is no checkpoint where there should be one
``truncated``   the log ends before its head
``head``        the head is missing, edited, or names an entry that is not in the log
``unanchored``  entries after the head: the process died before it acknowledged them (or somebody added them)
``torn tail``   the last line is incomplete: the process died while it wrote it
"""

MAX_PROBLEMS = 100
_SLACK = 2  # entries that a crash and its repair add between two checkpoints


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, with the place: segment number and line (0: the file as a whole)."""

    kind: ProblemKind
    segment: int
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.segment:06d}.jsonl:{self.line}" if self.segment else HEAD
        return f"{place}: {self.kind}: {self.message}"


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found: ``last`` is the last good entry's place, to be kept as a future ``expected_head``.

    ``signed`` is the last good checkpoint, if keys to check it were given: nothing after it is signed. ``pruned`` is
    what the log says was removed from its beginning, if it was.
    """

    segments: int
    records: int
    last: Receipt
    problems: tuple[Problem, ...]
    signed: Checkpoint | None = None
    pruned: Pruned | None = None

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def repairable(self) -> bool:
        """True if a crash explains all that is wrong: opening the log repairs it, and records that it did."""
        return all(problem.kind in ("torn tail", "unanchored") for problem in self.problems)


def verify(
    directory: str | Path,
    *,
    key: bytes | None = None,
    expected_head: Receipt | None = None,
    public_keys: Sequence[Verifier] = (),
) -> Verification:
    """Check a whole log, reading it once. Raises ``OSError`` if it cannot be read.

    Without ``key`` the chain shows any edit that did not also rewrite everything after it, head included;
    with the key the log was written with, any edit at all. ``expected_head`` is a head noted earlier, elsewhere:
    the log must contain exactly that entry, which also shows an older copy put back. With ``public_keys`` every
    checkpoint must be signed with one of them, and what the last one covers is as its holder wrote it.
    """
    root = Path(directory)
    walk = Walk(root, key, {one.key_id: one for one in public_keys})
    anchors = {"head": walk.head.receipt} if walk.head is not None else {}
    if expected_head is not None:
        anchors["expected"] = expected_head
    found: dict[str, str] = {}
    for entry in walk.entries():
        for name, anchor in anchors.items():
            if anchor.seq == entry.seq:
                found[name] = entry.hash
    for name, anchor in anchors.items():
        walk.check_anchor(name, anchor, found.get(name))
    walk.check_signed()
    walk.check_beginning()
    return walk.verification()


@dataclass(slots=True)
class Walk:
    """One pass over the segments from ``first`` on, after ``last``; yields good entries, collects problems."""

    directory: Path
    key: bytes | None
    public_keys: Mapping[str, Verifier] = field(default_factory=dict)
    first: int = 1
    last: Receipt | None = Receipt(0, GENESIS)
    head: Head | None = None
    problems: list[Problem] = field(default_factory=list)
    records: int = 0
    segments: int = 0
    torn: bytes = b""
    signs: bool = False
    signed: Checkpoint | None = None
    unsigned: int = 0
    pruned: Pruned | None = None
    _latest: Receipt = Receipt(0, GENESIS)
    _missing: int = 0  # the last segment before the first one there, if that is not segment 1
    _begins: Receipt | None = None  # the entry that the first one there says it follows
    _ends: dict[int, Receipt] = field(default_factory=dict)  # the last entry of each segment

    def __post_init__(self) -> None:
        try:
            self.head = Head.parse((self.directory / HEAD).read_bytes(), self.key)
        except FileNotFoundError:
            self._problem("head", 0, 0, "there is none")
        except MalformedJSON as error:
            self._problem("head", 0, 0, str(error))

    def entries(self) -> Iterator[Entry]:
        indices = [index for index in segment_indices(self.directory) if index >= self.first]
        expected = self.first
        if self.first == 1 and indices and indices[0] > 1:
            self._missing, expected, self.last = indices[0] - 1, indices[0], None
        for index in indices:
            if index != expected:
                self._problem("segment", expected, 0, f"missing: the next one there is {index:06d}")
                self.last = None
            expected = index + 1
            self.segments += 1
            yield from self._segment(index, final=index == indices[-1])

    def _segment(self, index: int, *, final: bool) -> Iterator[Entry]:
        empty = True
        for line in read_lines(segment_path(self.directory, index)):
            empty = False
            if not line.complete and final:
                self.torn = line.data
                self._problem(
                    "torn tail", index, line.number, f"{len(line.data)} bytes without an end of line"
                )
                return
            entry = self._entry(index, line)
            if entry is not None:
                self.records += 1
                self._follow(index, line.number, entry)
                self.last = self._latest = self._ends[index] = Receipt(entry.seq, entry.hash)
                yield entry
        if empty:
            self._problem("torn tail" if final else "segment", index, 0, "empty")

    def _entry(self, index: int, line: Line) -> Entry | None:
        try:
            entry = unseal(line.data, self.key)
        except MalformedJSON as error:
            self._problem("edited", index, line.number, str(error))
            self.last = None  # go on from the next good entry: what follows may be sound
            return None
        record = entry.record
        if (record.get("kind") == "segment") != (line.number == 1):
            self._problem("segment", index, line.number, "a segment begins with its header, and has only one")
        elif line.number == 1 and record.get("segment") != index:
            self._problem("segment", index, 1, f"its header says it is segment {record.get('segment')}")
        if self.last is not None and (entry.seq, record["prev"]) != (self.last.seq + 1, self.last.hash):
            self._problem(
                "order",
                index,
                line.number,
                f"entry {entry.seq} does not follow entry {self.last.seq}",
            )
        return entry

    def _follow(self, index: int, line: int, entry: Entry) -> None:
        """Take note of what an entry says about the log itself."""
        record, kind = entry.record, entry.record.get("kind")
        if self._begins is None:
            self._begins = Receipt(entry.seq - 1, record["prev"])
        self.signs = self.signs or kind == CHECKPOINT or (kind == "segment" and "signed_by" in record)
        self.unsigned += 1
        if kind == CHECKPOINT and self.public_keys:
            made = read_checkpoint(record, self.public_keys)
            if isinstance(made, str):
                self._problem("signature", index, line, made)
            else:
                self.signed, self.unsigned = made, 0
        elif self.signed is not None and self.unsigned == self.signed.every + _SLACK:
            self._problem("unsigned", index, line, f"no checkpoint for {self.unsigned} entries")
        if kind == PRUNED:
            self.pruned = Pruned.read(record)

    def check_signed(self) -> None:
        """Where there are keys to check signatures with, there must be one."""
        if self.public_keys and self.signed is None:
            self._problem("unsigned", 0, 0, "no checkpoint is signed with a key that was given")

    def check_beginning(self) -> None:
        """A log whose first segments are gone must say, at its end, that its writer took them away."""
        if not self._missing:
            self.pruned = None
            return
        pruned = self.pruned
        known = None
        if pruned is not None:
            known = self._begins if pruned.segment == self._missing else self._ends.get(pruned.segment)
        if pruned is None or pruned.segment < self._missing:
            self._problem("segment", 1, 0, f"missing: the first one there is {self._missing + 1:06d}")
        elif known != pruned.upto:
            self._problem("order", self._missing + 1, 1, "does not follow what was pruned, as the log has it")
        elif self.public_keys and (self.signed is None or self.signed.covers.seq < pruned.seq):
            self._problem("unsigned", 0, 0, f"no signature covers entry {pruned.seq}, of what was pruned")

    def check_anchor(self, name: str, anchor: Receipt, found: str | None) -> None:
        """Compare a head with the entry of its number, once all entries were read."""
        if self._begins is not None and anchor.seq <= self._begins.seq:
            if anchor != self._begins:
                self._problem("head", 0, 0, f"the {name}, entry {anchor.seq}, is not there any more")
        elif found is None and anchor.seq > self._latest.seq:
            self._problem(
                "truncated", 0, 0, f"the {name} is entry {anchor.seq}, the log ends with {self._latest.seq}"
            )
        elif found != anchor.hash:
            self._problem("head", 0, 0, f"the {name}, entry {anchor.seq}, is not the one in the log")
        elif name == "head" and self._latest.seq > anchor.seq:
            beyond = self._latest.seq - anchor.seq
            self._problem("unanchored", 0, 0, f"{beyond} entries after the head, entry {anchor.seq}")

    def verification(self) -> Verification:
        return Verification(
            self.segments, self.records, self._latest, tuple(self.problems), self.signed, self.pruned
        )

    def _problem(self, kind: ProblemKind, segment: int, line: int, message: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(kind, segment, line, message))
