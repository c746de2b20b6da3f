"""The search for a decision tree. Nobody believes it: what it finds is checked step by step.

It splits on a condition that decides as much as possible: of each candidate it is looked whether a value closes the
branch at once, so that what must be so (a condition that has to be true) is settled first, without branching. Facts
about leaves and sums of comparisons are asked for as soon as there is something new to ask about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ..encoding.model import Among, Atom, Comparison, Expr, Policy, Rule, Value, tested, variables
from ..encoding.tree import Blocked, Leaf, Split, Strict, Tree
from .facts import Found, Part
from .knowing import ANY, Knowledge, applying, outcomes, possible
from .linear import contradiction as linear_contradiction

NODES = 4_000
"""Places that a tree may have before it is given up."""

_ORDER: tuple[Value, ...] = (True, False, None)


@dataclass(frozen=True, slots=True)
class Question:
    """``condition`` is never true of a call of ``tool``; see decision 0020 for ``allowed`` and ``every``."""

    policy: Policy
    tool: str
    allowed: int
    every: bool
    condition: Expr


class TooLarge(Exception):
    """The tree would have too many places."""


@dataclass(slots=True)
class Search:
    """``contradiction`` finds a fact about leaves among parts that are known; ``part`` says what a condition asks.

    ``further`` are conditions that may be split on after those of the rules.
    """

    question: Question
    contradiction: Callable[[tuple[Part, ...]], Found | None]
    part: Callable[[Expr], Part | None]
    facts: list[Found] = field(default_factory=list)
    further: Sequence[Expr] = ()
    _rules: list[Rule] = field(init=False)
    _asked: dict[frozenset[tuple[str, bool]], int | None] = field(default_factory=dict)
    _places: int = 0

    def __post_init__(self) -> None:
        self._rules = applying(self.question.policy, self.question.tool)

    def tree(self) -> Tree | None:
        """A tree that shows it, with the facts that it needs in ``facts``; None if there is none of this kind.

        Raises :class:`TooLarge`.
        """
        return self._tree({})

    def _tree(self, known: Knowledge) -> Tree | None:
        self._places += 1
        if self._places > NODES:
            raise TooLarge
        if self._decided(known):
            return Leaf()
        if (reason := self._contradicted(known)) is not None:
            return reason
        chosen = self._chosen(known)
        if chosen is None:
            return None
        return self._split(chosen[0], chosen[1], known)

    def _split(self, expr: Expr, value: Value, known: Knowledge) -> Tree | None:
        left = known.get(expr, ANY)
        yes = self._tree({**known, expr: frozenset((value,))})
        if yes is None:
            return None
        no = self._tree({**known, expr: left - {value}})
        return None if no is None else Split(expr, value, yes, no)

    # --- reasons

    def _decided(self, known: Knowledge) -> bool:
        """Whether, whatever becomes of the call, either it is not meant or the condition is not true."""
        question = self.question
        for outcome in outcomes(self._rules, known):
            if outcome == "deny" and not question.every:
                continue
            allowed = outcome == "allow"
            leaf = Atom(question.allowed)
            if allowed not in known.get(leaf, ANY):
                continue
            if True in possible(question.condition, {**known, leaf: frozenset((allowed,))}):
                return False
        return True

    def _contradicted(self, known: Knowledge) -> Tree | None:
        comparisons: dict[Comparison, bool] = {}
        parts: list[Part] = []
        for expr, values in known.items():
            if len(values) != 1:
                continue
            (value,) = values
            if value is None:
                continue
            if isinstance(expr, Comparison):
                comparisons[expr] = value
            if (part := self.part(expr)) is not None:
                parts.append(Part(part.condition, value))
        if (strict := _strict(known)) is not None:
            return strict
        if comparisons and (found := linear_contradiction(comparisons)) is not None:
            return found
        return self._blocked(tuple(parts))

    def _blocked(self, parts: tuple[Part, ...]) -> Tree | None:
        if not parts:
            return None
        key = frozenset(part.key for part in parts)
        if key not in self._asked:
            found = self.contradiction(parts)
            if found is None:
                self._asked[key] = None
            else:
                same = [i for i, fact in enumerate(self.facts) if fact.parts == found.parts]
                if not same:
                    self.facts.append(found)
                self._asked[key] = same[0] if same else len(self.facts) - 1
        number = self._asked[key]
        return None if number is None else Blocked(number)

    # --- what to split on

    def _chosen(self, known: Knowledge) -> tuple[Expr, Value] | None:
        """The condition that closes most, and the value that stays open: so the other branches end at once."""
        best: tuple[int, Expr, Value] | None = None
        for expr in self._candidates(known):
            values = known.get(expr, ANY)
            if len(values) < 2:
                continue
            opened = [value for value in _ORDER if value in values and not self._closes(expr, value, known)]
            closed = len(values) - len(opened)
            if not opened:
                return expr, next(value for value in _ORDER if value in values)
            if best is None or closed > best[0]:
                best = closed, expr, opened[0]
            if closed == len(values) - 1:
                break
        return None if best is None else best[1:]

    def _closes(self, expr: Expr, value: Value, known: Knowledge) -> bool:
        return self._decided({**known, expr: frozenset((value,))})

    def _candidates(self, known: Knowledge) -> Iterator[Expr]:
        seen: set[Expr] = {Atom(self.question.allowed)}
        for expr in tested(self.question.condition):
            if expr not in seen:
                seen.add(expr)
                yield expr
        for effect in ("deny", "escalate", "allow"):
            for rule in self._rules:
                if rule.effect != effect or len(possible(rule.condition, known)) < 2:
                    continue
                for expr in tested(rule.condition):
                    if expr not in seen:
                        seen.add(expr)
                        yield expr
        yield from (expr for expr in self.further if expr not in seen)


def _strict(known: Knowledge) -> Strict | None:
    """A condition on numbers that has a value, and one without a value that is about no other variables."""
    valued: list[tuple[Expr, frozenset[int]]] = []
    without: list[tuple[Expr, frozenset[int]]] = []
    for expr, values in known.items():
        if isinstance(expr, Comparison):
            about = frozenset((*variables(expr.left), *variables(expr.right)))
        elif isinstance(expr, Among):
            about = frozenset(variables(expr.operand))
        else:
            continue
        if values == {None}:
            without.append((expr, about))
        elif None not in values:
            valued.append((expr, about))
    for unknown, needed in without:
        for other, about in valued:
            if needed <= about:
                return Strict(other, unknown)
    return None
