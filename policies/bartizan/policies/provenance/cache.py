"""Provenance for many sessions, each index extended as its session grows."""

from __future__ import annotations

from collections import OrderedDict

from bartizan.guard.types import Session

from .index import Index
from .questions import Provenance

MAX_SESSIONS = 1024
MAX_TEXT = 1 << 23
"""Characters held for all sessions together; an index takes about 20 bytes a character."""


class ProvenanceCache:
    """The indexes of the sessions asked about last. One thread at a time may use it.

    An index is extended by a session's new events if its last known event is still where it was; otherwise (the
    session was rolled back, or belongs to someone else who has the same id) it is made afresh.
    """

    def __init__(self, max_sessions: int = MAX_SESSIONS, max_text: int = MAX_TEXT) -> None:
        self._max_sessions = max_sessions
        self._max_text = max_text
        self._indexes: OrderedDict[str, Index] = OrderedDict()
        self._text = 0

    def provenance(self, session: Session) -> Provenance:
        """The provenance of a session as it stands."""
        index = self._indexes.pop(session.id, None)
        if index is not None:
            self._text -= index.weight
        if index is None or not index.advance(session):
            index = Index()
            index.advance(session)
        self._indexes[session.id] = index
        self._text += index.weight
        while len(self._indexes) > 1 and (
            len(self._indexes) > self._max_sessions or self._text > self._max_text
        ):
            _, oldest = self._indexes.popitem(last=False)
            self._text -= oldest.weight
        return Provenance(session, index)

    def __len__(self) -> int:
        return len(self._indexes)
