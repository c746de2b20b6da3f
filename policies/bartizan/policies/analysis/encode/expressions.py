"""Expressions as symbols. One method for each kind of node, each the meaning said in :mod:`...evaluation.reference`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any as Json
from typing import Protocol

from ...evaluation.plan import language_of
from ...language import ast
from ...language.types import F64, Bool, Enum, List, Str, Type
from ...regular import Language, one_of
from ...regular.algebra import word
from ..formula import FALSE, TRUE, Formula, Formulas, Number, Text
from .inputs import Codes, InputMaker, step, undefined
from .symbols import ONE, Amount, Condition, Elements, Fields, Opaque, String, Symbol, rank_of

_ALIASES = ("prompt", "call", "result")
_READABLE = ("event", "event.text", "result", "result.text")
"""What provenance can be asked about, besides arguments."""


class Past(Protocol):
    """What session operators read at a moment."""

    def read(self, node: ast.Register, moment: Moment, encoder: Encoder) -> Symbol: ...


@dataclass(slots=True, eq=False)
class Moment:
    """A point of a session at which expressions are evaluated: a call at hand, a result, or a past event.

    Attributes:
        name: put in front of the names of its free variables; empty for the call at hand.
        inputs: the roots of paths.
        past: what session operators read here.
        allowed: what ``allowed(tool)`` means here, in invariants.
        because: at a denied call, whether one of some rules denied it.
        signals: the signals read so far, by name and ``"value"`` or ``"p_value"``.
        origins: the provenance questions asked so far, by predicate, path and tool.
    """

    name: str
    inputs: Mapping[str, Symbol]
    past: Past
    allowed: Callable[[str], Formula] | None = None
    signals: dict[tuple[str, str], Amount] = field(default_factory=dict)
    origins: dict[tuple[str, str, str | None], Condition] = field(default_factory=dict)
    because: Callable[[tuple[str, ...]], Formula] | None = None


class _NoPast:
    def read(self, node: ast.Register, moment: Moment, encoder: Encoder) -> Symbol:
        raise TypeError(f"{type(node).__name__} needs a session")


NOWHERE = Moment("", {}, _NoPast())


@dataclass(frozen=True, slots=True)
class _Element:
    """An element that a quantifier is at, with its path."""

    symbol: Symbol
    name: str


class Encoder:
    """Turns expressions into symbols, and collects the facts about the variables it introduces.

    Every fact is true of every well-formed input; whoever asks a question adds :meth:`new_facts` first.
    """

    def __init__(
        self, formulas: Formulas, room: Callable[[str, List], int] = lambda name, type_: type_.limit
    ) -> None:
        self.formulas = formulas
        self.codes = Codes()
        self._facts: list[Formula] = []
        self._conditions: dict[tuple[int, Moment], tuple[ast.Expr, Condition]] = {}
        self._languages: dict[tuple[Json, ...], Language] = {}
        self.known: dict[Formula, None] = {}
        self.inputs = InputMaker(formulas, self.codes, self._facts.append, self.knowledge, room)

    def fact(self, formula: Formula) -> None:
        """Something that holds of every well-formed input."""
        self._facts.append(formula)

    def knowledge(self, name: str) -> Formula:
        """A flag that holds unless something went wrong: a value over its bound, a signal or an answer missing.

        ``known`` collects them: where all of them hold, E comes from absent optional fields only.
        """
        flag = self.formulas.flag(name)
        self.known[flag] = None
        return flag

    def new_facts(self) -> list[Formula]:
        """The facts that came up since the last time this was asked."""
        facts, self._facts[:] = list(self._facts), []
        return facts

    def language(self, node: ast.StringTest) -> Language:
        """What a text test asks membership of; made once, whatever the number of rules, elements and versions."""
        key = (node.predicate, node.params)
        if key not in self._languages:
            self._languages[key] = language_of(node)
        return self._languages[key]

    def condition(self, node: ast.Expr, moment: Moment) -> Condition:
        """The symbol of a boolean expression."""
        made = self._conditions.get((id(node), moment))
        if made is None:
            symbol = self.encode(node, moment)
            assert isinstance(symbol, Condition)
            made = self._conditions[id(node), moment] = node, symbol
        return made[1]

    def encode(self, node: ast.Expr, moment: Moment, bound: tuple[_Element, ...] = ()) -> Symbol:
        """The symbol of an expression. ``bound`` are the elements of enclosing quantifiers, innermost first."""
        return _Expression(self, moment, bound).encode(node)

    def equal(self, left: Symbol, right: Symbol) -> Condition:
        """Whether two symbols of one type have the same value; E where one of them has none."""
        return _Expression(self, NOWHERE, ()).compare("==", left, right)

    def constant(self, value: Json, type_: Type) -> Symbol:
        """The symbol of a literal."""
        f = self.formulas
        match type_:
            case Bool():
                return Condition(f.truth(value), f.truth(not value))
            case Str():
                return String(TRUE, ((TRUE, value),))
            case List(element):
                items = tuple(self.constant(item, element) for item in value)
                return Elements(TRUE, f.constant(len(items)), items)
            case _:
                return Amount(TRUE, self.number(value, type_))

    def number(self, value: Json, type_: Type) -> Number:
        """The number that stands for a value that is not a text, a list or a record."""
        if isinstance(type_, F64):
            value = rank_of(value)
        elif isinstance(type_, Enum):
            value = self.codes.of(value)
        return self.formulas.constant(value)


class _Expression:
    """The encoder at one moment, under some quantifiers."""

    def __init__(self, encoder: Encoder, moment: Moment, bound: tuple[_Element, ...]) -> None:
        self.encoder = encoder
        self.f = encoder.formulas
        self.moment = moment
        self.bound = bound

    def encode(self, node: ast.Expr) -> Symbol:
        match node:
            case ast.Const(value, type_):
                return self.encoder.constant(value, type_)
            case ast.Input() | ast.Bound():
                return self.path(node)
            case ast.Has(subject):
                return self.has(subject)
            case ast.Not(operand):
                x = self.condition(operand)
                return Condition(x.false, x.true)
            case ast.And(left, right):
                x, y = self.condition(left), self.condition(right)
                return Condition(self.f.both(x.true, y.true), self.f.either(x.false, y.false))
            case ast.Or(left, right):
                x, y = self.condition(left), self.condition(right)
                return Condition(self.f.either(x.true, y.true), self.f.both(x.false, y.false))
            case ast.If(condition, then, otherwise):
                return self.choice(self.condition(condition), self.encode(then), self.encode(otherwise))
            case ast.Compare(op, left, right):
                return self.compare(op, self.encode(left), self.encode(right))
            case ast.OneOf(operand, items):
                return self.one_of(self.encode(operand), items, operand.type)
            case ast.Add(left, right):
                a, b = self.amount(left), self.amount(right)
                return Amount(self.f.both(a.defined, b.defined), self.f.plus(a.number, b.number))
            case ast.Scale(factor, operand):
                a = self.amount(operand)
                return Amount(a.defined, self.f.times(factor, a.number))
            case ast.Size(operand):
                return self.size(self.encode(operand))
            case ast.StringTest():
                return self.string_test(node)
            case ast.Quantifier(kind, over, body):
                return self.quantifier(kind, over, body)
            case ast.Provenance(predicate, subject, tool):
                return self.provenance(predicate, subject, tool)
            case ast.SignalValue(name, which):
                return self.signal(name, which)
            case ast.Allowed(tool):
                assert self.moment.allowed is not None, "allowed() is for invariants only"
                return self.known(self.moment.allowed(tool))
            case ast.Because(rules):
                assert self.moment.because is not None, "only a denied call has rules that denied it"
                return self.known(self.moment.because(rules))
            case _:
                return self.moment.past.read(node, self.moment, self.encoder)

    def condition(self, node: ast.Expr) -> Condition:
        symbol = self.encode(node)
        assert isinstance(symbol, Condition)
        return symbol

    def amount(self, node: ast.Expr) -> Amount:
        symbol = self.encode(node)
        assert isinstance(symbol, Amount)
        return symbol

    def known(self, formula: Formula, defined: Formula = TRUE) -> Condition:
        """A condition that is E only where ``defined`` fails."""
        return Condition(self.f.both(defined, formula), self.f.both(defined, self.f.neg(formula)))

    # --- paths

    def path(self, node: ast.Path) -> Symbol:
        return self._follow(node, node.path)[1]

    def _follow(self, node: ast.Path, path: tuple[str, ...]) -> tuple[Formula, Symbol]:
        """When there is something at the path, and its symbol, which is E where there is nothing."""
        there: Formula = TRUE
        if isinstance(node, ast.Bound):
            symbol = self.bound[node.depth].symbol
        elif path[0] in self.moment.inputs:
            symbol, path = self.moment.inputs[path[0]], path[1:]
        else:
            return FALSE, undefined(node.type, self.f)
        for name in path:
            if not isinstance(symbol, Fields) or name not in symbol.fields:
                return FALSE, undefined(node.type, self.f)
            present, symbol = symbol.fields[name]
            there = self.f.both(there, present)
        return there, self.where(there, symbol)

    def where(self, there: Formula, symbol: Symbol) -> Symbol:
        """The symbol, E where ``there`` fails."""
        match symbol:
            case Condition(true, false):
                return Condition(self.f.both(there, true), self.f.both(there, false))
            case Amount(defined, number):
                return Amount(self.f.both(there, defined), number)
            case String(defined, leaves):
                return String(self.f.both(there, defined), leaves)
            case Elements(defined, length, items):
                return Elements(self.f.both(there, defined), length, items)
            case Fields(fields):
                return Fields({n: (self.f.both(there, p), s) for n, (p, s) in fields.items()})
            case Opaque():
                return symbol

    def name(self, node: ast.Path) -> str:
        """The path as text, unique in the moment: ``args.rows[0].to``."""
        if isinstance(node, ast.Bound):
            return "".join((self.bound[node.depth].name, *map(step, node.path)))
        root = node.path[0]
        if root in _ALIASES and "event" in self.moment.inputs:
            root = "event"
        return "".join((root, *map(step, node.path[1:])))

    def has(self, subject: ast.Path) -> Condition:
        parent, symbol = self._follow(subject, subject.path[:-1])
        present: Formula = FALSE
        if isinstance(symbol, Fields) and subject.path[-1] in symbol.fields:
            present = symbol.fields[subject.path[-1]][0]
        return self.known(present, parent)

    # --- operators

    def choice(self, c: Condition, then: Symbol, otherwise: Symbol) -> Symbol:
        def pick(x: Formula, y: Formula) -> Formula:
            return self.f.either(self.f.both(c.true, x), self.f.both(c.false, y))

        match then, otherwise:
            case Condition(a, b), Condition(x, y):
                return Condition(pick(a, x), pick(b, y))
            case Amount(a, m), Amount(x, n):
                return Amount(pick(a, x), self.f.pick(c.true, m, n))
            case String(a, left), String(x, right):
                leaves = [(self.f.both(c.true, guard), leaf) for guard, leaf in left]
                leaves += [(self.f.both(c.false, guard), leaf) for guard, leaf in right]
                return String(pick(a, x), tuple(leaves))
            case Elements(a, m), Elements(x, n):
                return Elements(pick(a, x), self.f.pick(c.true, m, n), ())  # only its size can be asked
        raise TypeError(f"no choice between {type(then).__name__} and {type(otherwise).__name__}")

    def compare(self, op: str, left: Symbol, right: Symbol) -> Condition:
        f = self.f
        match left, right:
            case Condition(a, b), Condition(x, y):
                equal = f.either(f.both(a, x), f.both(b, y))
                return Condition(equal, f.either(f.both(a, y), f.both(b, x)))
            case String(a, xs), String(b, ys):
                same = f.some(
                    f.both(guard, other, self.same_text(x, y)) for guard, x in xs for other, y in ys
                )
                return self.known(same, f.both(a, b))
            case Amount(a, m), Amount(b, n):
                relation = {"==": f.equal, "<": f.less, "<=": f.at_most}[op]
                return self.known(relation(m, n), f.both(a, b))
        raise TypeError(f"no comparison of {type(left).__name__} and {type(right).__name__}")

    def same_text(self, x: Text | str, y: Text | str) -> Formula:
        if isinstance(x, str):
            return self.f.truth(x == y) if isinstance(y, str) else self.same_text(y, x)
        return self.f.member(x, word(y)) if isinstance(y, str) else self.f.same(x, y)

    def one_of(self, operand: Symbol, items: tuple[Json, ...], type_: Type) -> Condition:
        match operand:
            case String(defined, leaves):
                listed = one_of(items)
                return self.known(self.in_language(leaves, listed), defined)
            case Amount(defined, number):
                values = [self.encoder.number(item, type_) for item in items]
                return self.known(self.f.some(self.f.equal(number, value) for value in values), defined)
            case Condition(true, false):
                inside = self.f.either(true if True in items else FALSE, false if False in items else FALSE)
                outside = self.f.either(
                    false if False not in items else FALSE, true if True not in items else FALSE
                )
                return Condition(inside, outside)
        raise TypeError(f"nothing is in a list of {type_}")

    def in_language(self, leaves: tuple[tuple[Formula, Text | str], ...], language: Language) -> Formula:
        """Whether the text is in a language."""
        f = self.f
        return f.some(
            f.both(
                guard,
                f.truth(language.matches(leaf)) if isinstance(leaf, str) else f.member(leaf, language),
            )
            for guard, leaf in leaves
        )

    def string_test(self, node: ast.StringTest) -> Condition:
        language = self.encoder.language(node)
        match self.encode(node.operand):
            case String(defined, leaves):
                return self.known(self.in_language(leaves, language), defined)
            case Amount(defined, number):
                assert isinstance(node.operand.type, Enum)
                codes = [self.encoder.codes.of(v) for v in node.operand.type.values if language.matches(v)]
                inside = self.f.some(self.f.equal(number, self.f.constant(code)) for code in codes)
                return self.known(inside, defined)
        raise TypeError(f"no text test of {node.operand.type}")

    def size(self, operand: Symbol) -> Amount:
        match operand:
            case Elements(defined, length):
                return Amount(defined, length)
            case String(defined, leaves):
                number = self.f.constant(0)
                for guard, leaf in leaves:
                    size = self.f.constant(len(leaf)) if isinstance(leaf, str) else self.f.length(leaf)
                    number = self.f.pick(guard, size, number)
                return Amount(defined, number)
        raise TypeError(f"{type(operand).__name__} has no size")

    # --- lists

    def quantifier(self, kind: str, over: ast.Path, body: ast.Expr) -> Condition:
        elements = self.path(over)
        assert isinstance(elements, Elements)
        name = self.name(over)
        inside, outside = [], []
        for index, item in enumerate(elements.items):
            here = self.f.less(self.f.constant(index), elements.length)
            element = _Element(item, f"{name}[{index}]")
            symbol = self.encoder.encode(body, self.moment, (element, *self.bound))
            assert isinstance(symbol, Condition)
            inside.append((here, symbol.true))
            outside.append((here, symbol.false))
        holding, failing = (outside, inside) if kind == "all" else (inside, outside)
        found = self.f.both(elements.defined, self.f.some(self.f.both(here, x) for here, x in holding))
        none = self.f.both(elements.defined, self.f.all(self.f.implies(here, x) for here, x in failing))
        return Condition(none, found) if kind == "all" else Condition(found, none)

    # --- evidence

    def provenance(self, predicate: str, subject: ast.Path, tool: str | None) -> Condition:
        name = self.name(subject)
        if not (name.startswith("args") or name in _READABLE):
            return Condition(FALSE, FALSE)
        answer = self._origin(predicate, name, tool)
        there, _ = self._follow(subject, subject.path)
        return Condition(self.f.both(there, answer.true), self.f.both(there, answer.false))

    def _origin(self, predicate: str, name: str, tool: str | None) -> Condition:
        """A free condition, subject to the laws of the builtin table."""
        key = (predicate, name, tool)
        if key not in self.moment.origins:
            asked = f"{self.moment.name}{predicate}({name}{', ' + tool if tool else ''})"
            answer = self.known(self.f.flag(asked), self.encoder.knowledge(f"{asked} has an answer"))
            self.moment.origins[key] = answer
            for one, other in (("from_user", "grounded"), ("grounded", "from_user")):
                if predicate == one and (other, name, tool) in self.moment.origins:
                    user = self.moment.origins["from_user", name, tool]
                    grounded = self.moment.origins["grounded", name, tool]
                    self.encoder.fact(self.f.implies(user.true, self.f.neg(grounded.false)))
        return self.moment.origins[key]

    def signal(self, name: str, which: str) -> Amount:
        if (name, which) not in self.moment.signals:
            called = f"{self.moment.name}{'signal' if which == 'value' else which}({name})"
            number = self.f.whole(called)
            self.encoder.fact(self.f.between(0, number, ONE))
            self.moment.signals[name, which] = Amount(self.encoder.knowledge(f"{called} is measured"), number)
        return self.moment.signals[name, which]


def registers(node: ast.Expr) -> Iterator[ast.Register]:
    """The session operators that an expression reads now, not those inside their bodies."""
    if isinstance(node, ast.Register):
        yield node
    else:
        for child in ast.children(node):
            yield from registers(child)
