"""Languages of one word: a text is in at most one of them, and where it is in one, it is known."""

from __future__ import annotations

from collections.abc import Iterator

from ...regular.term import EPSILON, Chars, Concat, Term
from ..formula import Flag, Formula, Formulas, Member, Text


def only_word(term: Term) -> str | None:
    """The word of a language that has just one, written out; else None."""
    codes: list[int] = []
    while isinstance(term, Concat):
        code = _only_code(term.head)
        if code is None:
            return None
        codes.append(code)
        term = term.tail
    if term is not EPSILON:
        code = _only_code(term)
        if code is None:
            return None
        codes.append(code)
    return "".join(map(chr, codes))


def _only_code(term: Term) -> int | None:
    if isinstance(term, Chars) and len(term.chars.ranges) == 1:
        low, high = term.chars.ranges[0]
        return low if low == high else None
    return None


class OneWord:
    """Says ahead that a text is at most one word, since many rules compare one argument with different constants.

    Learned from refuted proposals it would take one for each pair of words. The encoding grows by three short
    clauses a word (sequential at-most-one; Sinz 2005): a flag says whether the text is one of the words so far.
    """

    def __init__(self, formulas: Formulas) -> None:
        self._formulas = formulas
        self._so_far: dict[Text, Formula] = {}
        self._flags = 0

    def lemmas(self, member: Member) -> Iterator[Formula]:
        """What holds of one more statement about a text."""
        if only_word(member.language) is None:
            return
        make = self._formulas
        before = self._so_far.get(member.text)
        if before is None:
            self._so_far[member.text] = member
            return
        yield make.neg(make.both(before, member))
        after = self._so_far[member.text] = self._flag(member.text)
        yield make.implies(before, after)
        yield make.implies(member, after)

    def _flag(self, text: Text) -> Flag:
        self._flags += 1
        return self._formulas.flag(f"one of the words so far: {self._flags} of {text.name}#{text.serial}")
