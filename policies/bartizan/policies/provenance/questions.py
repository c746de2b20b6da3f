"""The questions: where does this value come from?"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Self

from bartizan.guard.canonical import JSON
from bartizan.guard.types import Session

from .evidence import Part, parts_of, text_of, traces_of
from .identifiers import Identifier, has_identifier, identifiers
from .index import Corpus, Index, runs_of
from .normalise import compatible
from .origins import Origin, origins_of
from .sources import USER, Leaf, leaves


class Provenance:
    """Answers about one session. ``None`` means that the answer depends on history that is no longer kept.

    It shares its index with the :class:`~.cache.ProvenanceCache` it came from, and is good until the cache is asked
    about that session again.
    """

    def __init__(self, session: Session, index: Index) -> None:
        self._session = session
        self._index = index

    @classmethod
    def of(cls, session: Session) -> Self:
        """The provenance index of a session, made from its events."""
        index = Index()
        index.advance(session)
        return cls(session, index)

    @property
    def is_truncated(self) -> bool:
        """Whether events were dropped, or did not fit."""
        return self._session.dropped > 0 or self._index.overflowed

    def from_user(self, value: JSON) -> bool | None:
        """Every element of the value stands in the user's own words."""
        return self._every(value, self._users())

    def from_tool(self, value: JSON, tool: str) -> bool | None:
        """Every element of the value stands in successful results of the tool, whatever their label."""
        corpora = self._index.corpora.items()
        return self._every(value, [c for source, c in corpora if source.tool == tool and source.grounds])

    def grounded(self, value: JSON) -> bool | None:
        """Every element of the value stands in the user's words or in trusted results."""
        return self._every(value, self._clean())

    def from_untrusted(self, value: JSON) -> bool | None:
        """Some element of the value leaves a trace in an untrusted result."""
        asked = False
        for text in _elements(value):
            if text is None or self._is_traced(text):
                return True
            asked = True
        return None if asked and self.is_truncated else False

    def carries_untrusted(self, value: JSON) -> bool | None:
        """The value holds an identifier, or a run of eight words, that an untrusted result could have put there."""
        unknown = False
        for text in _elements(value):
            carried = True if text is None else self._carries(text)
            if carried:
                return True
            unknown = unknown or carried is None
        return None if unknown else False

    def numbers(self) -> frozenset[Decimal]:
        """Every number of which a strict question may say that it stands somewhere; some of these may stand nowhere.

        The strict questions are ``from_user``, ``from_tool`` and ``grounded``. Of any other number, as an ``int`` or a
        ``dec``, each of them says the same: no, or that it cannot tell.
        """
        found: set[Decimal] = set()
        for corpus in self._index.corpora.values():
            found |= corpus.numbers()
        return frozenset(found)

    def origins(self, value: JSON) -> tuple[Origin, ...]:
        """Where the elements of the value occur, in order of event. Reads the whole session: for explanations."""
        return origins_of(value, self._session)

    # --- strict

    def _every(self, value: JSON, corpora: list[Corpus]) -> bool | None:
        for text in _elements(value):
            if text is None:
                return False
            if not self._states(parts_of(text), corpora):
                return None if self.is_truncated else False
        return True

    def _states(self, parts: tuple[Part, ...], corpora: list[Corpus]) -> bool:
        first = self._index.first
        return all(any(corpus.states(part, first) for corpus in corpora) for part in parts)

    # --- liberal

    def _is_traced(self, text: str) -> bool:
        first = self._index.first
        parts = parts_of(text)
        untrusted = self._untrusted()
        if any(corpus.mentions(part, first) for part in parts for corpus in untrusted):
            return True
        return any(self._index.traces.find(trace, first) for trace in traces_of(text, parts))

    def _carries(self, text: str) -> bool | None:
        """None if anything in the text would be carried, were it not for the history that is missing."""
        if self._carries_run(text) or any(map(self._is_carried, identifiers(text))):
            return None if self.is_truncated else True
        return False

    def _is_carried(self, identifier: Identifier) -> bool:
        parts = parts_of(identifier.text)
        if self._states(parts, self._clean()):
            return False
        if self.is_truncated or self._is_traced(identifier.text):
            return True
        return identifier.is_sure

    def _carries_run(self, text: str) -> bool:
        index, first = self._index, self._index.first
        return any(
            index.clean_runs.get(run, -1) < first
            and (self.is_truncated or index.untrusted_runs.get(run, -1) >= first)
            for run in runs_of(compatible(text))
        )

    # --- sources

    def _users(self) -> list[Corpus]:
        corpus = self._index.corpora.get(USER)
        return [corpus] if corpus is not None else []

    def _clean(self) -> list[Corpus]:
        corpora = self._index.corpora.items()
        return [corpus for source, corpus in corpora if source.label == "trusted" and source.grounds]

    def _untrusted(self) -> list[Corpus]:
        return [corpus for source, corpus in self._index.corpora.items() if source.label == "untrusted"]


def _elements(value: JSON) -> Iterator[str | None]:
    """The texts of a value that carry information; ``None`` for what is no JSON.

    A record's keys are the schema's words, unless one holds an identifier: then it counts like a value.
    """
    for leaf in leaves(value):
        if not isinstance(leaf, Leaf):
            yield None
            continue
        text = text_of(leaf.scalar)
        if text and not (leaf.is_key and not has_identifier(text)):
            yield text
