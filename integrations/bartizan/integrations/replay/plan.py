"""What a replay decides, in portions that any process can carry out: the same here, in other processes, and on Ray.

A portion is read (:meth:`Plan.portions`) and decided (:meth:`Plan.decide`); what comes of it is a part of the report,
and parts are put together in the order of the recordings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .engine import CHUNK, History, Programs, decided, program_of
from .findings import as_recorded
from .formats import read
from .record import RecordedSession
from .report import Report

RECORDED = "the recorded decisions"
"""What a policy is compared with where no other one is given, and the recording holds outcomes."""


@dataclass(frozen=True, slots=True)
class Portion:
    """Sessions to be decided, and how many were left out before the last of them: no policy is for their suite."""

    sessions: tuple[RecordedSession, ...]
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Recordings, and the policies to decide them under. ``old`` is the policy to compare with.

    ``where`` keeps the sessions whose ``meta`` has these values; ``limit`` ends after so many decided sessions.
    """

    paths: tuple[Path, ...]
    new: Programs
    old: Programs | None = None
    history: History = "enforced"
    where: Mapping[str, str] = field(default_factory=dict)
    limit: int | None = None

    def sessions(self) -> Iterator[RecordedSession]:
        """The sessions that ``where`` keeps, in their order."""
        wanted = self.where.items()
        return (s for s in read(self.paths) if all(s.meta.get(name) == value for name, value in wanted))

    def portions(self, size: int = CHUNK) -> Iterator[Portion]:
        """What is to be decided, so many sessions at a time. Raises :class:`~.record.RecordError`."""
        held: list[RecordedSession] = []
        taken = skipped = 0
        for session in self.sessions():
            if not self._decides(session):
                skipped += 1
                continue
            held.append(session)
            taken += 1
            if len(held) == size or taken == self.limit:
                yield Portion(tuple(held), skipped)
                held, skipped = [], 0
            if taken == self.limit:
                return
        if held or skipped:
            yield Portion(tuple(held), skipped)

    def decide(self, portion: Portion) -> Report:
        """The part of the report that these sessions are."""
        part = Report("", "", self.history, skipped=portion.skipped)
        for session in portion.sessions:
            replayed = decided(self.new, session, self.history)
            if self.old is not None:
                part.add(replayed, decided(self.old, session, self.history))
            else:
                before = as_recorded(replayed)
                part.add(replayed, before)
                if before is not None:
                    part.against = RECORDED
        return part

    def _decides(self, session: RecordedSession) -> bool:
        sets = (self.new,) if self.old is None else (self.new, self.old)
        return all(program_of(programs, session) is not None for programs in sets)


Runner = Callable[[Plan], Iterator[Report]]
"""Carries a plan out: the parts of its report, in the order of the recordings."""
