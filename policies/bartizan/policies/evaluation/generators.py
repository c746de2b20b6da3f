"""Random policies' parts for differential tests: typed conditions, calls, and histories.

Every back end (reference, evaluator, registers; later Z3 and Lean) is compared on what these produce. They
are type-directed and seeded: ``Generator(random.Random(seed))`` gives the same case for the same seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any as Json

from bartizan.guard import Event, Labels, Missing, Signal, ToolCall

from ..language import ast
from ..language.environment import SignalDecl, call_environment, event_environment
from ..language.types import (
    F64,
    Bool,
    Dec,
    Duration,
    Enum,
    Field,
    Int,
    List,
    Record,
    Str,
    Time,
    ToolDecl,
    Type,
)
from ..language.types import Any as Opaque

SECOND = 1_000_000
_MODE = Enum(("fast", "slow", "ab"))
_ROW = Record(
    (
        ("n", Field(Int())),
        ("memo", Field(Str(), optional=True)),
        ("tags", Field(List(Str(4), 2), optional=True)),
    )
)
_ARGS = Record(
    (
        ("n", Field(Int())),
        ("m", Field(Int(), optional=True)),
        ("cost", Field(Dec(2))),
        ("fee", Field(Dec(2), optional=True)),
        ("to", Field(Str(12))),
        ("memo", Field(Str(12), optional=True)),
        ("mode", Field(_MODE)),
        ("ok", Field(Bool())),
        ("ratio", Field(F64())),
        ("list", Field(List(Int(), 3))),
        ("names", Field(List(Str(), 3), optional=True)),
        ("inner", Field(Record((("n", Field(Int())), ("memo", Field(Str(), optional=True)))), optional=True)),
        ("rows", Field(List(_ROW, 2))),
        ("at", Field(Time(), optional=True)),
        ("wait", Field(Duration(), optional=True)),
        ("modes", Field(List(_MODE, 2), optional=True)),
        ("costs", Field(List(Dec(2), 2), optional=True)),
        ("extra", Field(Opaque(), optional=True)),
    )
)
TOOLS: Mapping[str, ToolDecl] = {
    "pay": ToolDecl("pay", _ARGS),
    "look": ToolDecl("look", Record((("to", Field(Str())), ("n", Field(Int(), optional=True))))),
}
SIGNALS: Mapping[str, SignalDecl] = {
    "risk": SignalDecl("call", "risk-probe", "escalate"),
    "harm": SignalDecl("call", "harm-probe"),
    "injection": SignalDecl("result", "injection-probe"),
}
_TEXTS = (
    "",
    "a",
    "ab",
    "abc",
    "AB",
    "a/b",
    "/srv/a",
    "/srv/../a",
    "x@corp.com",
    "http://a.com/",
    "ünï",
    "long text here!",
)
_TESTS = (
    ("startsWith", "a"), ("endsWith", "b"), ("contains", "b"), ("matches", "b+$"), ("fullmatches", "a.*"),
    ("glob", "a*"), ("ieq", "ab"), ("path_under", "/srv"), ("email_domain", "corp.com"), ("host_under", "a.com"),
)  # fmt: skip
_TIMES = (
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:01:40Z",
    "1970-01-01T02:00:00.000001+02:00",
    "2026-01-01T12:00:00Z",
)
_ROOTS = ("args", "event", "call", "prompt", "result", "tool", "now", "principal")
_WINDOWS = (None, SECOND, 3 * SECOND, 10 * SECOND)


@dataclass(frozen=True, slots=True)
class Case:
    """A condition on calls of ``pay``, a call, the signals of the call, and what happened before."""

    condition: ast.Expr
    call: ToolCall
    signals: Mapping[str, Signal]
    history: tuple[Event, ...]
    now: int


class Generator:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.bound: list[Type] = []
        self.env = call_environment(TOOLS["pay"], TOOLS, SIGNALS)
        self.in_event = False

    def case(self, depth: int = 4) -> Case:
        condition = self.boolean(depth)
        history = self.history()
        now = (history[-1].time if history else 100 * SECOND) + self.random.choice((0, 1, SECOND, 3 * SECOND))
        return Case(condition, self.call("pay", "now"), self.signals("call"), history, now)

    # --- expressions

    def boolean(self, depth: int) -> ast.Expr:
        pick = self.random.random()
        if depth <= 0 or pick < 0.15:
            return self.random.choice(
                (self._path(Bool()), self._comparison(0), self._comparison(0), self._test(0))
            )
        if pick < 0.55:
            connective = self.random.choice((ast.And, ast.Or))
            return connective(self.boolean(depth - 1), self.boolean(depth - 1))
        choices = [
            lambda: ast.Not(self.boolean(depth - 1)),
            lambda: self._comparison(depth - 1),
            lambda: self._test(depth - 1),
            lambda: ast.If(self.boolean(depth - 1), self.boolean(depth - 2), self.boolean(depth - 2), Bool()),
            self._one_of,
            self._provenance,
        ]
        if "args" in self.env.inputs.names:
            choices += [self._has, lambda: self._quantifier(depth - 1)]
        if not self.in_event:
            choices.append(lambda: self._session(depth - 1))
        return self.random.choice(choices)()

    def _path(self, type_: Type) -> ast.Expr:
        """An input (or an element of a bound list) of the type, else a literal."""
        found: list[ast.Expr] = []
        for index, element in enumerate(reversed(self.bound)):
            found += [ast.Bound(index, path, type_) for path in _paths(element, type_)]
        for name, field in self.env.inputs.fields:
            if name in _ROOTS and (name != "principal" or self.random.random() < 0.3):
                found += [ast.Input((name, *path), type_) for path in _paths(field.type, type_)]
        return self.random.choice(found) if found and self.random.random() < 0.9 else self._literal(type_)

    def _literal(self, type_: Type) -> ast.Const:
        match type_:
            case Bool():
                return ast.Const(self.random.random() < 0.5, type_)
            case F64():
                return ast.Const(self.random.choice((0.0, 0.5, 1.0)), type_)
            case Str():
                return ast.Const(self.random.choice(_TEXTS), type_)
            case Enum(values):
                return ast.Const(self.random.choice(values), type_)
            case List():
                return ast.Const((), type_)
            case Time() | Duration():
                return ast.Const(self.random.choice((0, 1, SECOND, 100 * SECOND, 103 * SECOND)), type_)
            case _:
                return ast.Const(self.random.choice((-1, 0, 1, 2, 3, 100, 150)), type_)

    def _number(self, type_: Type, depth: int) -> ast.Expr:
        if depth <= 0 or self.random.random() < 0.5:
            return self._path(type_)
        kinds = ["add", "scale", "if"]
        kinds += ["size", "count"] if type_ == Int() else ["sum"] if type_ == Dec(2) else []
        kind = self.random.choice(kinds)
        if kind == "add":
            return ast.Add(self._number(type_, depth - 1), self._number(type_, depth - 1), type_)
        if kind == "scale":
            return ast.Scale(self.random.choice((-1, 2, 3)), self._number(type_, depth - 1), type_)
        if kind == "if":
            then, otherwise = (self._number(type_, depth - 1) for _ in range(2))
            return ast.If(self.boolean(depth - 1), then, otherwise, type_)
        if kind == "size":
            sized = self.random.choice((Str(), List(Int(), 3)))
            return ast.Size(self._text(depth - 1) if sized == Str() else self._path(sized))
        if self.in_event:
            return self._path(type_)
        return self._count(False) if kind == "count" else self._sum()

    def _text(self, depth: int) -> ast.Expr:
        if depth <= 0 or self.random.random() < 0.85:
            return self._path(Str())
        return ast.If(self.boolean(depth - 1), self._path(Str()), self._path(Str()), Str())

    def _comparison(self, depth: int) -> ast.Expr:
        op = self.random.choice(("==", "<", "<="))
        types = (
            Int(),
            Int(),
            Int(),
            Dec(2),
            Dec(2),
            Str(),
            Str(),
            _MODE,
            F64(),
            F64(),
            Time(),
            Duration(),
            Bool(),
        )
        type_ = self.random.choice((*types, Enum(tuple(sorted(TOOLS)))))
        if isinstance(type_, (Int, Dec, Duration)):
            if type_ == Int() and depth > 0 and not self.in_event and self.random.random() < 0.3:
                count = self._count(True)
                return ast.Compare(op, count, ast.Const(count.cap - 1, Int()))  # type: ignore[arg-type]
            return ast.Compare(op, self._number(type_, depth), self._number(type_, depth))  # type: ignore[arg-type]
        if isinstance(type_, F64):
            signal = ast.SignalValue(self._signal_name(), self.random.choice(("value", "p_value")))
            left = self.random.choice((signal, self._path(type_)))
            if not self.in_event and self.random.random() < 0.2:
                left = ast.MaxSignal("injection", ast.EventMatch("result"))
            return ast.Compare(op, left, self._literal(type_))  # type: ignore[arg-type]
        if isinstance(type_, Time):
            return ast.Compare(op, self._path(type_), self._path(type_))  # type: ignore[arg-type]
        if isinstance(type_, Str):
            return ast.Compare("==", self._text(depth), self._text(depth))
        if isinstance(type_, Bool) and depth > 0:
            return ast.Compare("==", self.boolean(depth - 1), self.boolean(0))
        return ast.Compare("==", self._path(type_), self._path(type_))

    def _signal_name(self) -> str:
        names = [name for name, decl in SIGNALS.items() if decl.on == self.env.kind] or list(SIGNALS)
        return self.random.choice(names)

    def _test(self, depth: int) -> ast.Expr:
        predicate, param = self.random.choice(_TESTS)
        operand = self._path(_MODE) if self.random.random() < 0.1 else self._text(depth)
        return ast.StringTest(predicate, operand, (param,))

    def _one_of(self) -> ast.Expr:
        type_ = self.random.choice((Int(), Str(), Str(), Dec(2), F64(), Bool(), _MODE, Time()))
        items = tuple(self._literal(type_).value for _ in range(2))
        return ast.OneOf(self._path(type_), items)

    def _provenance(self) -> ast.Expr:
        name = self.random.choice(
            ("from_user", "grounded", "from_untrusted", "carries_untrusted", "from_tool")
        )
        types = (Str(), Str(), Int(), Dec(2), List(Int(), 3), List(_ROW, 2), Opaque(), Time())
        subject = self._path(self.random.choice(types))
        if isinstance(subject, ast.Const):
            return subject if subject.type == Bool() else ast.Const(True, Bool())
        return ast.Provenance(name, subject, "look" if name == "from_tool" else None)  # type: ignore[arg-type]

    def _has(self) -> ast.Expr:
        paths = (("memo",), ("m",), ("fee",), ("names",), ("inner",), ("inner", "memo"))
        rows = [index for index, element in enumerate(reversed(self.bound)) if element == _ROW]
        if rows and self.random.random() < 0.5:
            return ast.Has(ast.Bound(rows[0], (self.random.choice(("memo", "tags")),), Bool()))
        return ast.Has(ast.Input(("args", *self.random.choice(paths)), Bool()))

    def _quantifier(self, depth: int) -> ast.Expr:
        lists: list[ast.Path] = [
            ast.Input(("args", name), field.type)
            for name, field in _ARGS.fields
            if isinstance(field.type, List)
        ]
        if not self.in_event:
            lists.append(ast.Input(("principal", "roles"), List(Str(), 64)))
        for index, element in enumerate(reversed(self.bound)):
            if element == _ROW:
                lists += [ast.Bound(index, ("tags",), List(Str(4), 2))] * 4
        over = self.random.choice(lists)
        assert isinstance(over.type, List)
        self.bound.append(over.type.element)
        body = self.boolean(min(depth, 2))
        self.bound.pop()
        return ast.Quantifier(self.random.choice(("all", "exists")), over, body)

    # --- session operators

    def _body(self, match: ast.EventMatch) -> ast.Expr:
        outer, bound = self.env, self.bound
        self.env, self.bound, self.in_event = event_environment(match, TOOLS, SIGNALS), [], True
        body = self.boolean(2)
        self.env, self.bound, self.in_event = outer, bound, False
        return body

    def _key(self) -> tuple[ast.Expr | None, ast.Expr | None]:
        if self.random.random() < 0.6:
            return None, None
        to = ast.Input(("args", self.random.choice(("to", "memo"))), Str())
        return to, to

    def _count(self, saturate: bool) -> ast.Count:
        key, query = self._key()
        body = self._body(ast.EventMatch("call", "pay"))
        cap = self.random.randint(1, 4) if saturate else 1_000
        return ast.Count("pay", body, cap, saturate, self.random.choice(_WINDOWS), key, query)

    def _sum(self) -> ast.Sum:
        key, query = self._key()
        field = ast.Input(("args", self.random.choice(("cost", "fee"))), Dec(2))
        body = self._body(ast.EventMatch("call", "pay"))
        return ast.Sum("pay", field, body, Dec(2), self.random.choice(_WINDOWS), key, query)

    def _session(self, depth: int) -> ast.Expr:
        window = self.random.choice(_WINDOWS)
        kind = self.random.choice(("once", "once", "since", "previous", "count", "keyed"))
        anything = ast.EventMatch()
        if kind == "since":
            return ast.Since(self._body(anything), self._body(anything), window)
        if kind == "previous":
            return ast.Previous(self._body(anything))
        if kind == "count":
            return ast.Compare("<=", self._count(False), self._literal(Int()))
        if kind == "keyed":
            key, query = self._key()
            return ast.Once(
                ast.EventMatch("call", "pay"), self._body(ast.EventMatch("call", "pay")), window, key, query
            )
        match = self.random.choice(
            (ast.EventMatch("call", "pay"), ast.EventMatch("result"), ast.EventMatch("prompt"))
        )
        return ast.Once(match, self._body(match), window)

    # --- calls and histories

    def call(self, tool: str, id: str) -> ToolCall:
        pick = self.random.choice
        if tool == "look":
            return ToolCall.of(id, tool, {"to": pick(_TEXTS)} | ({"n": pick((0, 1))} if pick((0, 1)) else {}))
        args: dict[str, Json] = {
            "n": pick((-1, 0, 1, 2, 3)),
            "cost": pick((0, 1, 1.5, "1.50", 0.001, 100, -1)),
            "to": pick((*_TEXTS, "a" * 13)),
            "mode": pick(_MODE.values),
            "ok": pick((True, False)),
            "ratio": pick((0, 0.5, 1.0, 10**400)),
            "list": [pick((0, 1, 2)) for _ in range(pick((0, 1, 2, 3, 4)))],
            "rows": [
                {"n": pick((0, 1, 2))}
                | pick(({}, {"memo": "a"}))
                | pick(({}, {"tags": [pick(_TEXTS) for _ in range(pick((0, 1, 2, 3)))]}))
                for _ in range(pick((0, 1, 2)))
            ],
        }
        optional = {
            "m": pick((0, 1, 2)),
            "fee": pick((0, "0.5", 1.005)),
            "memo": pick((*_TEXTS, None)),
            "names": [pick(_TEXTS) for _ in range(pick((0, 1, 2)))],
            "inner": {"n": pick((0, 1))} | pick(({}, {"memo": "b"})),
            "at": pick(_TIMES),
            "wait": pick(("0s", "1s", "1m40s", "1us")),
            "modes": [pick(_MODE.values) for _ in range(pick((0, 1, 2, 3)))],
            "costs": [pick((0, "1.50", 0.001, 100)) for _ in range(pick((0, 1, 2)))],
            "extra": pick((None, 0, "a", [None, "b"], {"k": "v"})),
        }
        return ToolCall.of(id, tool, args | {k: v for k, v in optional.items() if self.random.random() < 0.6})

    def signals(self, kind: str) -> dict[str, Signal]:
        result = {}
        for name, decl in SIGNALS.items():
            if decl.on == kind and self.random.random() < 0.9:
                value = self.random.choice((0.0, 0.5, 1.0, Missing("down")))
                result[name] = Signal(name, value, self.random.choice((0.01, Missing("not calibrated"))))
        return result

    def history(self) -> tuple[Event, ...]:
        events: list[Event] = []
        time = 100 * SECOND
        for index in range(self.random.choice((0, 0, 1, 2, 3, 6))):
            time += self.random.choice((0, 1, SECOND // 2, SECOND, 3 * SECOND))
            kind = self.random.choice(("call", "call", "result", "prompt", "text"))
            call = (
                self.call(self.random.choice(("pay", "pay", "look")), f"c{index}")
                if kind in ("call", "result")
                else None
            )
            text = "" if kind == "call" else self.random.choice(_TEXTS)
            labels = Labels(self.random.choice(("trusted", "untrusted")))
            events.append(Event(kind, time, text, call, None, labels, False, self.signals(kind)))  # type: ignore[arg-type]
        return tuple(events)


def _paths(type_: Type, wanted: Type) -> list[tuple[str, ...]]:
    if type_ == wanted or (isinstance(type_, Str) and isinstance(wanted, Str)):
        return [()]
    if isinstance(type_, Record):
        return [(name, *path) for name, field in type_.fields for path in _paths(field.type, wanted)]
    return []
