"""Why formulas are true in a proposed model: as few facts about texts as suffice.

Whatever agrees with the model on these facts, and on everything that is not about texts, satisfies the formulas
too: so only these facts have to be made true by words.

A formula's reason is a set of atoms with their values. It is remembered, and tried first in the next proposal:
most of a large problem stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ..formula import All, AtMost, Flag, Formula, IsZero, Length, Member, Neg, Number, Pick, Same, Some, Text
from .errors import UnsoundModel
from .evaluate import Assignment, Evaluator, Structure

Leaf = tuple[Formula, bool]
"""An atom and its value."""


@dataclass(slots=True)
class Facts:
    """What is to hold of texts.

    Attributes:
        members: whether a text is in a language.
        equalities: whether two texts are equal.
        lengths: the least and the greatest length that a text may have; texts that are not listed may have any.
        leaves: all atoms, about texts or not, whose values make the formulas true.
    """

    members: dict[Member, bool] = field(default_factory=dict)
    equalities: dict[Same, bool] = field(default_factory=dict)
    lengths: dict[Text, tuple[int, int]] = field(default_factory=dict)
    leaves: dict[Formula, bool] = field(default_factory=dict)

    def narrow(self, text: Text, low: int, high: int) -> None:
        least, greatest = self.lengths.get(text, (0, text.limit))
        self.lengths[text] = (max(least, low), min(greatest, high))


class Reasons:
    """Reasons of formulas, remembered from one proposal to the next."""

    def __init__(self, structure: Structure) -> None:
        self._structure = structure
        self._standing: list[Leaf] = []
        self._parts: dict[Formula, tuple[Leaf, ...]] = {}
        self._latest: dict[Leaf, tuple[Leaf, ...]] = {}

    def add(self, formula: Formula) -> None:
        """Have ``formula`` looked at in every call of :meth:`facts`."""
        self._standing += self._split(formula)

    def facts(self, formulas: Iterable[Formula], assignment: Assignment) -> Facts | None:
        """What makes ``formulas`` and all added ones true under ``assignment``; None if they are not."""
        evaluator = Evaluator(self._structure, assignment)
        truth, known = evaluator.truth, evaluator.known
        facts = Facts()
        leaves = facts.leaves
        looked_at: set[Number] = set()
        waiting = list(self._standing)
        for formula in formulas:
            waiting += self._split(formula)
        while waiting:
            wanted = waiting.pop()
            reason = self._latest.get(wanted, ())
            for atom, value in reason:
                now = known.get(atom)
                if now is None:
                    now = truth(atom)
                if now is not value:
                    reason = ()
                    break
            if not reason:
                if truth(wanted[0]) != wanted[1]:
                    return None
                reason = self._latest[wanted] = _reason(wanted, self._structure, evaluator, leaves)
            for atom, value in reason:
                if atom not in leaves:
                    leaves[atom] = value
                    if isinstance(atom, Member):
                        facts.members[atom] = value
                    elif isinstance(atom, Flag):
                        continue
                    elif isinstance(atom, Same):
                        facts.equalities[atom] = value
                    elif isinstance(atom, AtMost | IsZero) and atom in self._structure.stringy:
                        waiting += _compare(atom, value, facts, evaluator, assignment, looked_at)
        return facts

    def _split(self, formula: Formula) -> tuple[Leaf, ...]:
        """The parts of a conjunction, with the values that they have where it is true."""
        found = self._parts.get(formula)
        if found is None:
            parts: dict[Leaf, None] = {}
            stack: list[Leaf] = [(formula, True)]
            while stack:
                node, value = stack.pop()
                if isinstance(node, Neg):
                    stack.append((node.operand, not value))
                elif isinstance(node, All if value else Some):
                    stack.extend((item, value) for item in node.items)
                else:
                    parts[node, value] = None
            found = self._parts[formula] = tuple(parts)
        return found


def _reason(
    wanted: Leaf, structure: Structure, evaluator: Evaluator, known: dict[Formula, bool]
) -> tuple[Leaf, ...]:
    """Atoms whose values make a formula what it is; of several choices those known already, or about no text."""
    found: dict[Formula, bool] = {}
    seen: set[Formula] = set()
    forced = [wanted[0]]
    choices: list[All | Some] = []
    while forced or choices:
        if not forced:
            forced.append(_choice(choices.pop(), structure, evaluator, known, found))
        node = forced.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, Neg):
            forced.append(node.operand)
        elif isinstance(node, All | Some):
            if evaluator.truth(node) == isinstance(node, All):
                forced.extend(node.items)
            else:
                choices.append(node)
        else:
            found[node] = evaluator.truth(node)
    if not follows(wanted, found):
        raise UnsoundModel(f"{wanted} does not follow from its reason {found}")
    return tuple(found.items())


def _choice(
    node: All | Some,
    structure: Structure,
    evaluator: Evaluator,
    known: dict[Formula, bool],
    found: dict[Formula, bool],
) -> Formula:
    """The cheapest item that makes a disjunction true, or a conjunction false."""
    wanted = isinstance(node, Some)
    items, plain = structure.cheapest_first(node)
    best: Formula | None = None
    for index, item in enumerate(items):
        if evaluator.truth(item) == wanted:
            if index < plain:
                return item
            atom = item.operand if isinstance(item, Neg) else item
            if atom in known or atom in found:
                return item
            if best is None:
                best = item
    assert best is not None
    return best


def follows(wanted: Leaf, leaves: dict[Formula, bool]) -> bool:
    """Whether a formula has its value whatever the atoms are that are not among ``leaves``."""
    shown: dict[Leaf, bool] = {}
    # what to show, by which items, whether by all of them
    trail: list[tuple[Leaf, Iterator[Formula], bool]] = []
    node, value = wanted
    while True:
        while isinstance(node, Neg):
            node, value = node.operand, not value
        found = shown.get((node, value))
        if found is None:
            if isinstance(node, All | Some):
                trail.append(((node, value), iter(node.items), isinstance(node, All) is value))
            else:
                found = leaves.get(node) is value
        while trail:
            goal, items, by_all = trail[-1]
            following = next(items, None) if found is None or found is by_all else None
            if following is not None:
                node, value = following, goal[1]
                break
            found = shown[goal] = by_all if found is None else found
            trail.pop()
        else:
            return bool(found)


def _compare(
    node: AtMost | IsZero,
    value: bool,
    facts: Facts,
    evaluator: Evaluator,
    assignment: Assignment,
    looked_at: set[Number],
) -> list[Leaf]:
    """Note the lengths that a comparison is about; the conditions that it depends on, with their values."""
    terms = node.number.terms
    if len(terms) == 1 and isinstance(terms[0][0], Length):
        _bound(node, value, terms[0][0], terms[0][1], facts, assignment)
        return []
    conditions: list[Leaf] = []
    stack = [node.number]
    while stack:
        number = stack.pop()
        if number in looked_at:
            continue
        looked_at.add(number)
        for unknown, _ in number.terms:
            if isinstance(unknown, Length):
                now = assignment.integer(unknown)
                facts.narrow(unknown.text, now, now)
            elif isinstance(unknown, Pick):
                chosen = evaluator.truth(unknown.condition)
                conditions.append((unknown.condition, chosen))
                stack.append(unknown.then if chosen else unknown.otherwise)
    return conditions


def _bound(
    node: AtMost | IsZero, value: bool, length: Length, factor: int, facts: Facts, assignment: Assignment
) -> None:
    """What ``factor * length`` being at most, or equal to, a constant leaves for the length."""
    text, bound = length.text, -node.number.constant
    now = assignment.integer(length)
    if isinstance(node, AtMost):
        bound += 0 if value else 1  # of integers, "not at most n" is "at least n + 1"
        below = value == (factor > 0)
    elif value:
        facts.narrow(text, now, now)
        return
    else:  # on the same side of the constant as now
        below = (factor * now < bound) == (factor > 0)
        bound += -1 if below == (factor > 0) else 1
    if below:
        facts.narrow(text, 0, bound // factor)
    else:
        facts.narrow(text, -(bound // -factor), text.limit)
