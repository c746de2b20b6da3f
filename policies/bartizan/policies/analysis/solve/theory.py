"""The theory of texts: finds words for what a proposed model says of texts, or says why there are none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...regular.answers import Literal
from ...regular.lengths import LengthSet
from ...regular.term import Term
from ..formula import Formula, Formulas, Member, Number, Same, Text
from .distinct import TooMany, choose, neighbours
from .groups import Group, group
from .implicant import Facts
from .strings import Conflict, Strings
from .words import only_word

_MORE_CORES = 8
_TRIALS = 40
_EXCLUDING = 6  # exclusions that were found one by one, before all of a language are looked for
_SHARED = 6  # the largest core that is learned of other texts, too


@dataclass(frozen=True, slots=True)
class Words:
    """Words for all texts that the facts are about."""

    words: dict[Text, str]


@dataclass(frozen=True, slots=True)
class Lemmas:
    """Formulas that hold of all texts, and that the facts contradict."""

    formulas: tuple[Formula, ...]


@dataclass(frozen=True, slots=True)
class Stuck:
    """The budget did not suffice to tell whether ``facts``, a conjunction, can be true."""

    facts: Formula


class Theory:
    """What is known about texts, in terms of formulas."""

    def __init__(self, formulas: Formulas, strings: Strings) -> None:
        self._formulas = formulas
        self._strings = strings
        self._members: dict[Term, dict[Text, Member]] = {}
        self._compared: set[Term] = set()
        self._excluding: Counter[Term] = Counter()
        self._latest: dict[Text, str] = {}
        self._divided: dict[tuple[Text, int], Number] = {}
        self._definitions: list[Formula] = []

    def notice(self, member: Member) -> None:
        """A question is asked of a text, of which other texts' contradictions can be learned."""
        self._members.setdefault(member.language, {})[member.text] = member

    def realise(self, facts: Facts) -> Words | Lemmas | Stuck:
        """Words for what ``facts`` says, lemmas that refute it, or neither within the budget."""
        groups = group(facts)
        lemmas: list[Formula] = []
        stuck: list[Group] = []
        words: dict[Group, str] = {}
        for each in dict.fromkeys(groups.values()):
            if each.low > each.high:
                lemmas.append(self._equally_long(each, each.lowest, each.highest))
                continue
            found = self._word(each)
            if found is None:
                stuck.append(each)
            elif isinstance(found, Conflict):
                lemmas.extend(self._refuted(each, found))
            else:
                words[each] = found
        edges: dict[Same, tuple[Group, Group]] = {}
        for same, equal in facts.equalities.items():
            if not equal:
                left, right = groups[same.left], groups[same.right]
                edges[same] = (left, right)
                if left is right:
                    lemmas.append(self._implied(left.links((same.left, same.right)), same))
        if lemmas:
            return Lemmas((*self._take_definitions(), *lemmas))
        if stuck:
            return Stuck(self._formulas.all(self._all_of(stuck[0], stuck[0].literals, (), True)))
        if any(words[left] == words[right] for left, right in edges.values()):
            outcome = _Distinct(self, words, edges).solve()
            if not isinstance(outcome, dict):
                return outcome
            words = outcome
        self._latest.update((text, words[found]) for text, found in groups.items())
        return Words({text: words[found] for text, found in groups.items()})

    def _word(self, each: Group) -> str | Conflict | None:
        literals = each.literals
        for text in each.texts:
            latest = self._latest.get(text)
            if latest is not None and self._strings.satisfies(latest, literals, each.low, each.high):
                return latest
        return self._strings.word(literals, each.low, each.high)

    # --- lemmas

    def _refuted(self, each: Group, conflict: Conflict) -> Iterator[Formula]:
        """Why there is no word: the conflict, and others that remain when this one is taken away."""
        literals = each.literals
        for term, sign in conflict.core:
            word = only_word(term) if sign else None
            if word is not None:  # what is known of the word refutes all that it is not
                for other in literals:
                    if self._strings.matches(other[0], word) != other[1]:
                        yield self._not_all(self._all_of(each, ((term, sign), other), (), False))
                literals = [other for other in literals if other != (term, sign)]
        for _ in range(_MORE_CORES):
            yield from self._lemmas(each, conflict)
            if not conflict.core:
                return
            literals = [literal for literal in literals if literal != conflict.core[-1]]
            another = self._strings.word(literals, each.low, each.high)
            if not isinstance(another, Conflict):
                return
            conflict = another

    def _lemmas(self, each: Group, conflict: Conflict) -> Iterator[Formula]:
        core = conflict.core
        if not conflict.by_length:
            yield self._not_all(self._all_of(each, core, (), False))
            yield from self._elsewhere(each.texts, core)
            if len(core) == 2 and core[0][1] and core[1][1]:
                for term, _ in core:
                    yield from self._disjoint(each, term)
            return
        unbounded = self._strings.word(core, 0, each.limit)
        if isinstance(unbounded, Conflict):
            near = (each.shortest,) if unbounded.by_length else ()
            yield self._not_all(self._all_of(each, unbounded.core, near, False))
            return
        if each.lowest is not each.highest and each.low > 0 and each.high < each.limit:
            yield self._equally_long(each, each.lowest, each.highest)
        subject = each.lowest if each.low > 0 else each.highest
        premises = self._all_of(each, core, (subject, each.shortest), False)
        possible = self._strings.lengths(core, each.limit)
        if possible is None:
            length = self._formulas.length(subject)
            conclusion = self._formulas.neg(self._formulas.between(each.low, length, each.high))
        else:
            conclusion = self._has_length(subject, possible)
        yield self._formulas.implies(self._formulas.all(premises), conclusion)

    def _elsewhere(self, but: Sequence[Text], core: Sequence[Literal]) -> Iterator[Formula]:
        """The same contradiction in other texts: what is asked of one element of a list is asked of all."""
        if core and len(core) <= _SHARED:
            asked = [self._members.get(term, {}) for term, _ in core]
            for text in asked[0]:
                if text not in but and all(text in members for members in asked):
                    found = [(members[text], sign) for members, (_, sign) in zip(asked, core, strict=True)]
                    yield self._formulas.some(self._formulas.neg(m) if sign else m for m, sign in found)

    def _disjoint(self, each: Group, term: Term) -> Iterator[Formula]:
        """With which other languages that texts are asked about this one has no text in common.

        Where many rules look at one argument, a language that excludes one other often excludes most of them.
        """
        self._excluding[term] += 1
        if self._excluding[term] != _EXCLUDING:
            return
        self._compared.add(term)
        for other, members in self._members.items():
            asked = other not in self._compared and any(text in members for text in each.texts)
            if asked and self._strings.are_disjoint(term, other):
                yield from self._elsewhere((), ((term, True), (other, True)))

    def _equally_long(self, each: Group, left: Text, right: Text) -> Formula:
        make = self._formulas
        return self._implied(each.links((left, right)), make.equal(make.length(left), make.length(right)))

    def _implied(self, premises: Iterable[Formula], conclusion: Formula) -> Formula:
        return self._formulas.implies(self._formulas.all(premises), conclusion)

    def _not_all(self, facts: Iterable[Formula]) -> Formula:
        return self._formulas.neg(self._formulas.all(facts))

    def _all_of(
        self, each: Group, literals: Iterable[Literal], texts: Iterable[Text], bounded: bool
    ) -> list[Formula]:
        """The facts that say these literals of one word, with what connects their texts and ``texts``.

        With ``bounded``, also what bounds the length of that word.
        """
        members = [(each.members[literal], literal[1]) for literal in literals]
        near = [member.text for member, _ in members] + list(texts)
        found: list[Formula] = [member if sign else self._formulas.neg(member) for member, sign in members]
        if bounded:
            for text, low, high in ((each.lowest, each.low, None), (each.highest, None, each.high)):
                if low or (high is not None and high < each.limit):
                    near.append(text)
                    found.append(self._formulas.between(low, self._formulas.length(text), high))
            near.append(each.shortest)
        return [*found, *(each.links(near) if near else ())]

    def _has_length(self, text: Text, possible: LengthSet) -> Formula:
        make = self._formulas
        length = make.length(text)
        ways = [make.between(low, length, high) for low, high in possible.intervals]
        tail = possible.tail
        if tail is not None:
            fits = make.at_most(make.constant(tail.start), length)
            if len(tail.residues) < tail.period:
                rest = self._remainder(text, tail.period)
                fits = make.both(fits, make.some(make.equal(rest, make.constant(r)) for r in tail.residues))
            ways.append(make.both(fits, make.at_most(length, make.constant(possible.limit))))
        return make.some(ways)

    def _remainder(self, text: Text, period: int) -> Number:
        """The length of a text modulo ``period``, as an integer that is defined by it."""
        found = self._divided.get((text, period))
        if found is None:
            make = self._formulas
            name = f"length of {text.name}#{text.serial} by {period}"
            quotient, found = make.whole(f"quotient of {name}"), make.whole(f"remainder of {name}")
            self._divided[text, period] = found
            whole = make.plus(make.times(period, quotient), found)
            self._definitions.append(make.equal(make.length(text), whole))
            self._definitions.append(make.between(0, found, period - 1))
        return found

    def _take_definitions(self) -> list[Formula]:
        taken, self._definitions = self._definitions, []
        return taken


class _Distinct:
    """Words that also differ where they are to differ."""

    def __init__(
        self, theory: Theory, words: dict[Group, str], edges: dict[Same, tuple[Group, Group]]
    ) -> None:
        self._theory = theory
        self._strings = theory._strings
        self._words = words
        self._edges = edges
        self._unlike = neighbours(edges.values())

    def solve(self) -> dict[Group, str] | Lemmas | Stuck:
        literals = {each: each.literals for each in self._unlike}
        bounded = {each for each in self._unlike if each.is_bounded}
        try:
            candidates = self._candidates(self._unlike, literals, bounded)
            if candidates is None:
                return Stuck(self._said(list(self._unlike), literals, bounded))
            chosen = choose(candidates, self._unlike)
            if chosen is not None:
                return self._words | chosen
            culprits = self._culprits(candidates)
        except TooMany:
            return Stuck(self._said(list(self._unlike), literals, bounded))
        self._weaken(culprits, literals, bounded)
        return Lemmas((self._theory._formulas.neg(self._said(culprits, literals, bounded)),))

    def _candidates(
        self, groups: Iterable[Group], literals: dict[Group, list[Literal]], bounded: set[Group]
    ) -> dict[Group, list[str]] | None:
        """For each group its present word and others, one more than it has neighbours, or all there are."""
        candidates: dict[Group, list[str]] = {}
        for each in groups:
            low, high = (each.low, each.high) if each in bounded else (0, each.limit)
            found = self._strings.words(literals[each], low, high, len(self._unlike[each]) + 1)
            if found is None:
                return None
            candidates[each] = found
        return candidates

    def _culprits(self, candidates: dict[Group, list[str]]) -> list[Group]:
        """Groups that cannot all differ, none of which can be left out."""
        culprits = list(candidates)
        for each in list(culprits):
            fewer = [other for other in culprits if other is not each]
            if choose({other: candidates[other] for other in fewer}, self._unlike) is None:
                culprits = fewer
        return culprits

    def _weaken(
        self, culprits: list[Group], literals: dict[Group, list[Literal]], bounded: set[Group]
    ) -> None:
        """Leave out bounds and literals, of as many as a few trials allow, that the conflict does not need."""
        trials = _TRIALS
        for each in culprits:
            if each in bounded and trials:
                trials -= 1
                bounded.discard(each)
                if not self._fails(culprits, literals, bounded):
                    bounded.add(each)
            for literal in list(literals[each]):
                if not trials:
                    return
                trials -= 1
                before = literals[each]
                literals[each] = [other for other in before if other != literal]
                if not self._fails(culprits, literals, bounded):
                    literals[each] = before

    def _fails(
        self, culprits: list[Group], literals: dict[Group, list[Literal]], bounded: set[Group]
    ) -> bool:
        try:
            candidates = self._candidates(culprits, literals, bounded)
            return candidates is not None and choose(candidates, self._unlike) is None
        except TooMany:
            return False

    def _said(
        self, groups: list[Group], literals: dict[Group, list[Literal]], bounded: set[Group]
    ) -> Formula:
        """What the facts say of these groups, as one conjunction."""
        make = self._theory._formulas
        ends: dict[Group, list[Text]] = {each: [] for each in groups}
        said: list[Formula] = []
        for same, (left, right) in self._edges.items():
            if left in ends and right in ends:
                said.append(make.neg(same))
                ends[left].append(same.left)
                ends[right].append(same.right)
        for each in groups:
            said += self._theory._all_of(each, literals[each], (*ends[each], each.shortest), each in bounded)
        return make.all(said)
