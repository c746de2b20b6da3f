"""The index of a session: what its events say, found again without reading them again.

Every entry remembers the *latest* event that made it, so that events which fall out of the session's history fall
out of the index by comparison with the first event that is left. Event numbers count from the start of the session.
Adding an event costs time linear in its text. A question costs look-ups, and a search in the documents that hold
every token (or every trigram) of what is looked for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal

from bartizan.guard.types import Event, Session

from .evidence import Part, Reading, Trace, read, trace_of
from .normalise import canonical_number, compatible, fold, is_digits, words
from .sources import Source, Unreadable, documents

MAX_TEXT = 1 << 20
"""Characters indexed in a session."""

MAX_DOCUMENTS = 50_000

RUN = 8
"""Words that make a verbatim run."""

BLOCK = 1 << 12
"""Characters of untrusted text that are searched together."""


class Index:
    """What one session's events say. Append-only, but for events that leave the history."""

    def __init__(self, max_text: int = MAX_TEXT, max_documents: int = MAX_DOCUMENTS) -> None:
        self._max_text = max_text
        self._max_documents = max_documents
        self.first = 0
        self.next = 0
        self.overflowed = False
        self.text = 0
        self.corpora: dict[Source, Corpus] = {}
        self.traces = Traces()
        self.untrusted_runs: dict[int, int] = {}
        self.clean_runs: dict[int, int] = {}
        self._last: Event | None = None
        self._sizes: deque[tuple[int, int, int]] = deque()
        self._documents = 0
        self._dead = 0
        self._first: Event | None = None

    def advance(self, session: Session) -> bool:
        """Take up the session's new events and forget those it dropped.

        False if the session is not a continuation of what is indexed, if a fresh index would hold something that this
        one had no room for, or if most of this one is about dropped events: then a new index has to be made.
        """
        if not self._continues(session) or (session.dropped > self.first and self.overflowed):
            return False
        self._forget(session.dropped)
        if self._dead > self.text + self._max_text // 4:
            return False
        for number in range(max(self.next, session.dropped), session.dropped + len(session.events)):
            event = session.events[number - session.dropped]
            self._add(event, number)
            self._last, self.next = event, number + 1
        self._first = session.events[0] if session.events else None
        return True

    @property
    def weight(self) -> int:
        """Characters held, those of dropped events included."""
        return self.text + self._dead

    def _continues(self, session: Session) -> bool:
        """Whether the first and the last event known are where they should be, and are the same.

        Two histories of one session id that agree on both (microseconds, call ids and texts included) and differ in
        between do not come from one guard.
        """
        if self._last is None:
            return self.next == 0
        if session.dropped < self.first or not session.dropped < self.next <= session.dropped + len(
            session.events
        ):
            return False
        first, last = session.events[0], session.events[self.next - 1 - session.dropped]
        same_first = session.dropped > self.first or first is self._first or first == self._first
        return same_first and (last is self._last or last == self._last)

    def _forget(self, first: int) -> None:
        self.first = first
        while self._sizes and self._sizes[0][0] < first:
            _, characters, count = self._sizes.popleft()
            self.text -= characters
            self._documents -= count
            self._dead += characters

    def _add(self, event: Event, number: int) -> None:
        characters = count = 0
        for document in documents(event):
            room = self._max_text - self.text - characters
            if isinstance(document, Unreadable) or self._documents + count >= self._max_documents:
                self.overflowed = True
                continue
            text = compatible(document.text) if len(document.text) <= room else None
            if text is None or len(text) > room:
                self.overflowed = True
                continue
            self._add_document(document.source, text, number)
            characters += len(text)
            count += 1
        if count:
            self._sizes.append((number, characters, count))
            self.text += characters
            self._documents += count

    def _add_document(self, source: Source, text: str, number: int) -> None:
        is_untrusted = source.label == "untrusted"
        if not (is_untrusted or source.grounds):
            return
        corpus = self.corpora.get(source)
        if corpus is None:
            corpus = self.corpora[source] = Corpus(source.is_leaf)
        corpus.add(read(text), number)
        runs = self.untrusted_runs if is_untrusted else self.clean_runs
        for run in runs_of(text):
            runs[run] = number
        if is_untrusted:
            self.traces.add(trace_of(text), number)


class Corpus:
    """The documents of one source."""

    def __init__(self, is_leaf: bool) -> None:
        self._is_leaf = is_leaf
        self._whole: dict[str, int] = {}
        self._keys: dict[str, int] = {}
        self._holding: dict[str, list[int]] = {}
        self._runs: list[str] = []
        self._numbers: list[int] = []

    def add(self, reading: Reading, number: int) -> None:
        document = len(self._runs)
        self._runs.append(reading.run)
        self._numbers.append(number)
        for key in reading.inside:
            self._keys[key] = number
        for token in dict.fromkeys(reading.run.split()):
            self._holding.setdefault(token, []).append(document)
        if self._is_leaf:
            for key in reading.whole:
                self._whole[key] = number

    def numbers(self) -> set[Decimal]:
        """The numbers that are tokens, and those that are written like a code."""
        found = {
            Decimal(number) for token in self._holding if (number := canonical_number(token)) is not None
        }
        keys = (*self._keys, *self._whole)
        return found | {Decimal(key[1:]) for key in keys if key[0] == "C" and is_digits(key[1:])}

    def states(self, part: Part, first: int) -> bool:
        """Strictly: a leaf that is the part, or a text that it stands in."""
        if not self._is_leaf:
            return self.mentions(part, first)
        return any(self._whole.get(key, -1) >= first for key in (part.run, *part.keys))

    def mentions(self, part: Part, first: int) -> bool:
        """The part stands in a text, or in a leaf."""
        if any(self._keys.get(key, -1) >= first for key in part.keys):
            return True
        return bool(part.run) and self._has_run(part.run, first)

    def _has_run(self, run: str, first: int) -> bool:
        rarest: Sequence[int] | None = None
        for token in run.split():
            holding = self._holding.get(token)
            if holding is None:
                return False
            if rarest is None or len(holding) < len(rarest):
                rarest = holding
        for document in reversed(rarest or ()):
            if self._numbers[document] < first:
                return False
            if run in self._runs[document]:
                return True
        return False


class Traces:
    """The untrusted texts as characters, in blocks.

    For each trigram a bit set of the blocks it occurs in: a substring is looked for only in the blocks that have all
    of its trigrams. Of hostile text only the ASCII trigrams are kept, so that their number stays bounded.
    """

    def __init__(self) -> None:
        self._blocks: list[list[tuple[Trace, int]]] = [[]]
        self._room = BLOCK
        self._grams: dict[str, int] = {}

    def add(self, text: Trace, number: int) -> None:
        if self._room <= 0:
            self._blocks.append([])
            self._room = BLOCK
        self._blocks[-1].append((text, number))
        self._room -= len(text.folded)
        bit = 1 << (len(self._blocks) - 1)
        for gram in set(_grams(text.letters)):
            self._grams[gram] = self._grams.get(gram, 0) | bit

    def find(self, trace: Trace, first: int) -> bool:
        if not trace.is_long_enough:
            return False
        blocks = (1 << len(self._blocks)) - 1
        for gram in _grams(trace.letters):
            blocks &= self._grams.get(gram, 0)
            if not blocks:
                return False
        while blocks:
            latest = blocks.bit_length() - 1
            if any(number >= first and trace.is_in(text) for text, number in self._blocks[latest]):
                return True
            blocks ^= 1 << latest
        return False


def runs_of(text: str) -> Iterator[int]:
    """The hashes of every run of :data:`RUN` words; equal runs have equal hashes."""
    found = words(fold(text))
    return (hash(run) for run in zip(*(found[i:] for i in range(RUN)), strict=False))


def _grams(letters: str) -> Iterator[str]:
    grams = map("".join, zip(letters, letters[1:], letters[2:], strict=False))
    return grams if letters.isascii() else filter(str.isascii, grams)
