"""One reply, token by token: its text, where it stops, what it says and calls, and which tokens a call is made of."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from .detokenise import Detokeniser
from .formats import Call
from .scan import Part, Said, Scanner, overlap


class Reply:
    """``stops`` end the reply where the first of them begins; with ``one_call`` so does the end of a call."""

    def __init__(
        self, detokeniser: Detokeniser, scanner: Scanner, *, stops: Sequence[str] = (), one_call: bool = False
    ) -> None:
        self._detokeniser, self._scanner = detokeniser, scanner
        self._stops, self._one_call = tuple(stops), one_call
        self._held = ""  # what may be the beginning of a stop
        self._length = 0
        self._ends: list[int] = []
        self.calls: list[Call] = []
        self.stopped = False
        """Nothing that comes now belongs to the reply."""

    @property
    def tokens(self) -> int:
        return len(self._ends)

    def push(self, token_id: int) -> str:
        """What is said with this token; often nothing."""
        piece = self._detokeniser.push(token_id)
        self._length += len(piece)
        self._ends.append(self._length)
        return self._text(piece)

    def finish(self) -> str:
        """What is said at the end, after the last token."""
        said = ""
        if not self.stopped:
            piece = self._detokeniser.flush()
            self._length += len(piece)
            if self._ends:
                self._ends[-1] = self._length
            said = self._text(piece)
        if not self.stopped:
            said += self._take(self._scanner.feed(self._held))
        return said + self._take(self._scanner.finish())

    def span(self, call: Call) -> tuple[int, int]:
        """The call's tokens: the first, and the one after the last. A token that it shares with text is its own."""
        return bisect_right(self._ends, call.start), bisect_left(self._ends, call.end) + 1

    def _text(self, piece: str) -> str:
        if self.stopped or not piece:
            return ""
        text = self._held + piece
        found = min((at for stop in self._stops if (at := text.find(stop)) >= 0), default=-1)
        if found >= 0:
            self.stopped, self._held = True, ""
            return self._take(self._scanner.feed(text[:found]))
        held = max((overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - held :]
        return self._take(self._scanner.feed(text[: len(text) - held]))

    def _take(self, parts: list[Part]) -> str:
        said = ""
        for part in parts:
            if isinstance(part, Said):
                said += part.text if not (self._one_call and self.calls) else ""
            elif not (self._one_call and self.calls):
                self.calls.append(part)
                self.stopped = self.stopped or self._one_call
        return said
