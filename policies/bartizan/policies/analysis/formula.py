"""Formulas over booleans, integers and texts: what the analyses ask, in terms of no solver.

::

    formula  ::=  Truth | Flag | Member(text, language) | Same(text, text) | AtMost(number) | IsZero(number)
               |  Neg(formula) | All(formulas) | Some(formulas)
    number   ::=  constant + sum of coefficient * unknown
    unknown  ::=  Whole | Length(text) | Pick(formula, number, number)

``AtMost(n)`` is ``n <= 0``, ``IsZero(n)`` is ``n == 0``. ``Flag``, ``Whole`` and ``Text`` are the free variables. There
is no quantifier, no multiplication and no concatenation, so every question is decidable.

Nodes are made by a :class:`Formulas` only, which keeps one object for equal nodes (they compare by identity) and
folds constants. Children are made before their parents: ``serial`` numbers grow from the leaves up.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..regular.language import Language
from ..regular.term import ANYTHING, EMPTY, Term


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    value: bool
    serial: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Flag:
    """A free boolean."""

    name: str
    serial: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A free text of at most ``limit`` characters."""

    name: str
    limit: int
    serial: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """A free integer."""

    name: str
    serial: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Member:
    """``text`` is in the regular language ``language``. ``matcher`` is that language, ready to match."""

    text: Text
    language: Term
    serial: int = 0
    matcher: Language | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Same:
    """Two texts are equal. ``left`` is the older of the two."""

    left: Text
    right: Text
    serial: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Length:
    """The number of characters of a text."""

    text: Text
    serial: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Pick:
    """``then`` if ``condition`` holds, else ``otherwise``."""

    condition: Formula
    then: Number
    otherwise: Number
    serial: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """``constant`` plus the sum of ``coefficient * unknown``: unknowns ordered by serial, no zero coefficient."""

    constant: int
    terms: tuple[tuple[Unknown, int], ...] = ()
    serial: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class AtMost:
    """``number <= 0``."""

    number: Number
    serial: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class IsZero:
    """``number == 0``."""

    number: Number
    serial: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Neg:
    operand: Formula
    serial: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class All:
    """The conjunction of two or more formulas, ordered by serial."""

    items: tuple[Formula, ...]
    serial: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Some:
    """The disjunction of two or more formulas, ordered by serial."""

    items: tuple[Formula, ...]
    serial: int = 0


Unknown = Whole | Length | Pick
Atom = Flag | Member | Same | AtMost | IsZero
Formula = Truth | Atom | Neg | All | Some
Node = Formula | Number | Unknown | Text

TRUE = Truth(True)
FALSE = Truth(False)

N = TypeVar("N", bound=Any)


class Formulas:
    """Makes nodes. Equal nodes are the same object, so that what two rules share is asked and solved once."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[Hashable, ...], Any] = {}
        self._ranges: dict[Number, tuple[int | None, int | None]] = {}
        self._serial = 1

    def _node(self, kind: type[N], *parts: Any) -> N:
        """The node of this kind with these parts. Nodes hash by identity, terms by structure."""
        key = (kind, *parts)
        found: N | None = self._nodes.get(key)
        if found is None:
            made: N = kind(*parts, self._serial)
            self._nodes[key] = found = made
            self._serial += 1
        return found

    # --- variables

    def flag(self, name: str) -> Flag:
        return self._node(Flag, name)

    def whole(self, name: str) -> Number:
        return self._unknown(self._node(Whole, name))

    def text(self, name: str, limit: int) -> Text:
        return self._node(Text, name, limit)

    # --- connectives

    def truth(self, value: bool) -> Truth:
        return TRUE if value else FALSE

    def neg(self, x: Formula) -> Formula:
        if isinstance(x, Truth):
            return FALSE if x.value else TRUE
        return x.operand if isinstance(x, Neg) else self._node(Neg, x)

    def all(self, items: Iterable[Formula]) -> Formula:
        """The conjunction; of nothing, true."""
        return self._joined(All, items, TRUE, FALSE)

    def some(self, items: Iterable[Formula]) -> Formula:
        """The disjunction; of nothing, false."""
        return self._joined(Some, items, FALSE, TRUE)

    def both(self, *items: Formula) -> Formula:
        return self.all(items)

    def either(self, *items: Formula) -> Formula:
        return self.some(items)

    def implies(self, x: Formula, y: Formula) -> Formula:
        return self.either(self.neg(x), y)

    def same_truth(self, x: Formula, y: Formula) -> Formula:
        return self.both(self.implies(x, y), self.implies(y, x))

    def _joined(self, kind: type[N], items: Iterable[Formula], neutral: Truth, absorbing: Truth) -> Formula:
        members: dict[Formula, None] = {}
        for item in items:
            if isinstance(item, kind):
                members.update(dict.fromkeys(item.items))
            elif item is absorbing:
                return absorbing
            elif item is not neutral:
                members[item] = None
        if any(isinstance(m, Neg) and m.operand in members for m in members):
            return absorbing
        if len(members) <= 1:
            return next(iter(members), neutral)
        joined: Formula = self._node(kind, tuple(sorted(members, key=_serial)))
        return joined

    # --- numbers

    def constant(self, value: int) -> Number:
        return self._node(Number, value, ())

    def _unknown(self, unknown: Unknown) -> Number:
        return self._node(Number, 0, ((unknown, 1),))

    def length(self, text: Text) -> Number:
        return self._unknown(self._node(Length, text))

    def pick(self, condition: Formula, then: Number, otherwise: Number) -> Number:
        if isinstance(condition, Truth):
            return then if condition.value else otherwise
        if then is otherwise:
            return then
        return self._unknown(self._node(Pick, condition, then, otherwise))

    def plus(self, *numbers: Number) -> Number:
        """The sum; of nothing, zero."""
        constant = 0
        terms: dict[Unknown, int] = {}
        for number in numbers:
            constant += number.constant
            for unknown, factor in number.terms:
                terms[unknown] = terms.get(unknown, 0) + factor
        return self._linear(constant, terms)

    def times(self, factor: int, number: Number) -> Number:
        return self._linear(factor * number.constant, {u: factor * f for u, f in number.terms})

    def minus(self, x: Number, y: Number) -> Number:
        return self.plus(x, self.times(-1, y))

    def _linear(self, constant: int, terms: Mapping[Unknown, int]) -> Number:
        kept = sorted(((u, f) for u, f in terms.items() if f), key=lambda term: term[0].serial)
        return self._node(Number, constant, tuple(kept))

    def at_most(self, x: Number, y: Number) -> Formula:
        """``x <= y``."""
        difference = self.minus(x, y)
        low, high = self._range(difference)
        if high is not None and high <= 0:
            return TRUE
        if low is not None and low > 0:
            return FALSE
        return self._node(AtMost, difference)

    def _range(self, number: Number) -> tuple[int | None, int | None]:
        """Bounds that choices between constants alone give: a count of ten events is ten at most."""
        if number not in self._ranges:
            low: int | None = number.constant
            high: int | None = number.constant
            for unknown, factor in number.terms:
                least, most = self._ends(unknown)
                if factor < 0:
                    least, most = most, least
                low = None if low is None or least is None else low + factor * least
                high = None if high is None or most is None else high + factor * most
            self._ranges[number] = low, high
        return self._ranges[number]

    def _ends(self, unknown: Unknown) -> tuple[int | None, int | None]:
        if not isinstance(unknown, Pick):
            return None, None
        (a, b), (c, d) = self._range(unknown.then), self._range(unknown.otherwise)
        return None if a is None or c is None else min(a, c), None if b is None or d is None else max(b, d)

    def less(self, x: Number, y: Number) -> Formula:
        """``x < y``, of integers."""
        return self.at_most(self.plus(x, self.constant(1)), y)

    def equal(self, x: Number, y: Number) -> Formula:
        difference = self.minus(x, y) if x.serial <= y.serial else self.minus(y, x)
        if not difference.terms:
            return self.truth(difference.constant == 0)
        return self._node(IsZero, difference)

    def between(self, low: int | None, x: Number, high: int | None) -> Formula:
        """``low <= x <= high``, where given."""
        return self.both(
            TRUE if low is None else self.at_most(self.constant(low), x),
            TRUE if high is None else self.at_most(x, self.constant(high)),
        )

    # --- texts

    def member(self, text: Text, language: Language | Term) -> Formula:
        term = language.term if isinstance(language, Language) else language
        if term is EMPTY:
            return FALSE
        if term is ANYTHING:
            return TRUE
        key = (Member, text, term)
        found: Member | None = self._nodes.get(key)
        if found is None:
            matcher = language if isinstance(language, Language) else Language.of(term)
            self._nodes[key] = found = Member(text, term, self._serial, matcher)
            self._serial += 1
        return found

    def same(self, x: Text, y: Text) -> Formula:
        if x is y:
            return TRUE
        return self._node(Same, x, y) if x.serial < y.serial else self._node(Same, y, x)


def _serial(node: Formula) -> int:
    return node.serial


def parts(node: Node) -> Iterator[Node]:
    """The direct parts of a node."""
    match node:
        case Neg(operand):
            yield operand
        case All(items) | Some(items):
            yield from items
        case AtMost(number) | IsZero(number):
            yield number
        case Number(_, terms):
            yield from (unknown for unknown, _ in terms)
        case Pick(condition, then, otherwise):
            yield from (condition, then, otherwise)
        case Member(text) | Length(text):
            yield text
        case Same(left, right):
            yield from (left, right)


def below(roots: Iterable[Node]) -> list[Node]:
    """Every node under the roots, each once, parts before what they are part of."""
    seen: set[Node] = set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack.extend(parts(node))
    return sorted(seen, key=lambda each: each.serial)


@dataclass(frozen=True, slots=True)
class Model:
    """Values of variables. What is not named is arbitrary: read as false, 0 and the empty text.

    A value that was asked for is kept: the mappings are not to change.
    """

    flags: Mapping[Flag, bool] = field(default_factory=dict)
    wholes: Mapping[Whole, int] = field(default_factory=dict)
    texts: Mapping[Text, str] = field(default_factory=dict)
    _known: dict[Node, Any] = field(default_factory=dict, init=False, compare=False, repr=False)

    def holds(self, formula: Formula) -> bool:
        """The truth of a formula in this model."""
        return bool(self._value(formula))

    def number(self, number: Number) -> int:
        return int(self._value(number))

    def text(self, text: Text) -> str:
        return self.texts.get(text, "")

    def _value(self, root: Node) -> Any:
        """The value of a node, and on the way those of its parts, each once in the life of the model."""
        known = self._known
        stack = [root]
        while stack:
            node = stack[-1]
            if node in known:
                stack.pop()
                continue
            missing = [part for part in parts(node) if part not in known]
            if missing:
                stack.extend(missing)
            else:
                known[node] = self._of_parts(node)
        return known[root]

    def _of_parts(self, node: Node) -> Any:
        values = self._known
        match node:
            case Truth(value):
                return value
            case Flag():
                return self.flags.get(node, False)
            case Whole():
                return self.wholes.get(node, 0)
            case Text():
                return self.texts.get(node, "")
            case Member(text, language, _, matcher):
                return (matcher or Language.of(language)).matches(values[text])
            case Same(left, right):
                return values[left] == values[right]
            case Length(text):
                return len(values[text])
            case Number(constant, terms):
                return constant + sum(factor * values[unknown] for unknown, factor in terms)
            case Pick(condition, then, otherwise):
                return values[then if values[condition] else otherwise]
            case AtMost(number):
                return values[number] <= 0
            case IsZero(number):
                return values[number] == 0
            case Neg(operand):
                return not values[operand]
            case All(items):
                return all(values[item] for item in items)
            case Some(items):
                return any(values[item] for item in items)
