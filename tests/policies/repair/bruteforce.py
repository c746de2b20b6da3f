"""Random policies over one small tool, and the best repair found by trying every edit."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from hypothesis import assume
from hypothesis import strategies as st

from bartizan.guard import Event, Missing, Request, Session, Signal, ToolCall
from bartizan.policies import Program, compile_policy
from bartizan.policies.history import begin, prompt, record

LOW, HIGH = -16, 30
MOST = 12_000
RATIOS = (0.0, 0.25, 0.5, 1.0)

HEAD = """version: 1
name: small
signals: {{risk: {{on: call, monitor: m, missing: escalate}}}}
tools:
  pay:
    args:
      n: int
      q: int
      cost: dec(1)
      ratio: f64
      mode: enum(a, b, c)
      flag: bool
      "memo?": str
      note: str
      "box?": {{k: int, "z?": str}}
      list: list(int, 3)
repair:
  pay: {{{repair}}}
rules:
{rules}
"""

CLASSES = {
    "n": "{class: clamp, sign: any}",
    "q": "{class: enum, values: [0, {value: 7, cost: 2}, 3]}",
    "cost": "{class: clamp, cost: 2}",
    "ratio": "{class: clamp, sign: any}",
    "mode": "{class: enum, values: [c, {value: a, cost: 3}, b]}",
    "flag": "{class: enum, values: [true, false], cost: 2}",
    "memo": "drop",
    "note": "{class: redact, matches: '[0-9]+', with: '#'}",
    "box": "{class: drop, cost: 3}",
    "/box/k": "{class: clamp, sign: any}",
    "/box/z": "drop",
}

_CONSTANT = st.integers(-3, 8)
_TENTHS = st.integers(-5, 25).map(lambda n: f"{n / 10:.1f}")
_RATIO = st.sampled_from(RATIOS)
_OP = st.sampled_from(["<", "<=", "==", "!=", ">", ">="])


def _wrap(text: str, *parts: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda found: text.format(*found))


ABOUT: dict[str, list[st.SearchStrategy[str]]] = {
    "n": [
        _wrap("args.n {} {}", _OP, _CONSTANT),
        _wrap("args.n - 2 * args.box.k {} {}", _OP, _CONSTANT),
        _wrap("args.n + args.box.k {} {}", _OP, _CONSTANT),
        _wrap("args.n in [{}, {}]", _CONSTANT, _CONSTANT),
        _wrap("(args.flag ? args.n : {}) {} {}", _CONSTANT, _OP, _CONSTANT),
        _wrap('(args.mode == "a" ? 1 : args.n) + 2 * args.n {} {}', _OP, _CONSTANT),
        _wrap('session.count("pay", within="1h") + args.n {} {}', _OP, _CONSTANT),
        _wrap("(args.n < {}) == args.flag", _CONSTANT),
    ],
    "q": [
        _wrap("args.n + args.q {} {}", _OP, _CONSTANT),
        _wrap("args.q - args.n {} {}", _OP, _CONSTANT),
        _wrap("args.q {} {}", _OP, _CONSTANT),
        _wrap("size(args.note) + args.n - args.q {} {}", _OP, _CONSTANT),
    ],
    "cost": [
        _wrap("args.cost {} {}", _OP, _TENTHS),
        _wrap('session.sum("pay", "cost", within="1h") + args.cost {} {}', _OP, _TENTHS),
    ],
    "ratio": [_wrap("args.ratio {} {}", _OP, _RATIO)],
    "mode": [
        _wrap('args.mode == "{}"', st.sampled_from("abc")),
        _wrap('args.mode in ["a", "{}"]', st.sampled_from("bc")),
    ],
    "flag": [st.just("args.flag")],
    "memo": [st.just("has(args.memo)"), st.just('args.memo == "x"')],
    "note": [
        st.just('args.note.matches("[0-9]")'),
        st.just("size(args.note) > 2"),
        st.just("from_user(args.note)"),
    ],
    "box": [st.just("has(args.box)")],
    "/box/k": [_wrap("args.box.k {} {}", _OP, _CONSTANT)],
    "/box/z": [st.just('args.box.z == "x"'), st.just("has(args.box.z)")],
}
PLAIN = [st.just('signal("risk") > 0.5'), st.just('session.once("prompt", prompt.text.contains("go"))')]
GUESSED = [
    st.just("from_user(args.n)"),
    st.just("args.list.exists(x, x < args.n)"),
    st.just('session.count("pay", within="1h", by=args.n) > 0'),
    st.just('(args.n > 3 ? "a" : "b") == args.note'),
]


def conditions(atoms: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Connectives over atoms."""

    def larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.one_of(
            _wrap("({} && {})", inner, inner),
            _wrap("({} || {})", inner, inner),
            _wrap("!({})", inner),
            _wrap("({} ? {} : {})", inner, inner, inner),
        )

    return st.recursive(atoms, larger, max_leaves=4)


@dataclass(frozen=True)
class Setting:
    """A policy, the arguments that it opens, and a call in a session."""

    program: Program
    opened: tuple[str, ...]
    request: Request
    session: Session


@st.composite
def settings(
    draw: st.DrawFn,
    others: list[st.SearchStrategy[str]],
    most: int = 5,
    names: Sequence[str] = tuple(CLASSES),
) -> Setting:
    """Rules mostly about what is opened, so that there often is something to repair."""
    opened = draw(st.lists(st.sampled_from(names), min_size=1, max_size=most, unique=True))
    about = st.one_of([atom for name in opened for atom in ABOUT[name]])
    atoms = st.integers(0, 7).flatmap(lambda n: st.one_of(others) if n == 0 else about)
    rules = ["  - {id: all, allow: [pay]}"] if draw(st.integers(0, 7)) else []
    effects = draw(st.lists(st.sampled_from(["deny", "deny", "escalate", "allow"]), min_size=1, max_size=4))
    for index, effect in enumerate(effects):
        condition = draw(conditions(atoms)).replace("'", "''")
        rules.append(f"  - {{id: r{index}, {effect}: [pay], when: '{condition}'}}")
    classes = ", ".join(f"{name}: {CLASSES[name]}" for name in opened)
    program = compile_policy(HEAD.format(repair=classes, rules="\n".join(rules)))
    session = begin(program)
    for time in range(draw(st.integers(0, 2))):
        past = ToolCall.of(f"past-{time}", "pay", draw(arguments()))
        session = record(program, session, Event("call", time, call=past))
    if draw(st.booleans()):
        session = record(program, session, prompt(draw(st.sampled_from(["go 5", "12 or 3"])), 3))
    value = draw(st.sampled_from([None, 0.2, 0.9]))
    signals = {"risk": Signal("risk", Missing("no") if value is None else value)}
    request = Request(ToolCall.of("now", "pay", draw(arguments())), 10, signals=signals)
    return Setting(program, tuple(opened), request, session)


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, Any]:
    args: dict[str, Any] = {
        "n": draw(st.integers(-2, 9)),
        "q": draw(st.sampled_from([0, 2, 7])),
        "cost": draw(st.sampled_from([0, 1.5, 2, "3.0", 2.2, 1.25])),
        "ratio": draw(_RATIO),
        "mode": draw(st.sampled_from("abc")),
        "flag": draw(st.booleans()),
        "note": draw(st.sampled_from(["", "a1", "12", "abc"])),
        "list": draw(st.lists(_CONSTANT, max_size=2)),
    }
    if draw(st.booleans()):
        args["memo"] = draw(st.sampled_from(["x", "y", None]))
    if draw(st.integers(0, 3)):
        args["box"] = {"k": draw(st.integers(-2, 9))}
        if draw(st.integers(0, 3)):
            args["box"]["z"] = draw(st.sampled_from(["x", "y"]))
    return args


Key = tuple[int, tuple[int, ...], tuple[int, ...]]
Option = tuple[int, int, int, Any]
"""Cost, distance, value (to break ties), and the argument (``...`` for none)."""

ORDER = ("n", "q", "cost", "ratio", "mode", "flag", "memo", "note", "box", "/box/k", "/box/z")


def best(setting: Setting) -> tuple[Key, Mapping[str, Any]] | None:
    """The least of all edits in the order that is promised, by trying them in that order."""
    fields = [name for name in ORDER if name in setting.opened]
    args = setting.request.call.arguments()
    options = [list(_options(name, args)) for name in fields]
    assume(math.prod(map(len, options)) <= MOST)
    edits = []
    for chosen in product(*options):
        edit = dict(zip(fields, chosen, strict=True))
        if edit.get("box", (0, 0, 0, None))[3] is ... and any(
            edit[f][0] for f in edit if f.startswith("/box")
        ):
            continue
        key = (sum(o[0] for o in chosen), tuple(o[1] for o in chosen), tuple(o[2] for o in chosen))
        edits.append((key, {name: option[3] for name, option in edit.items() if option[0]}))
    for key, edit in sorted(edits, key=lambda pair: pair[0]):
        edited = _edited(args, edit)
        call = ToolCall.of("now", "pay", edited)
        asked = Request(call, setting.request.now, signals=setting.request.signals)
        if setting.program.decide(asked, setting.session).allowed:
            return key, edited
    return None


def _options(name: str, args: Mapping[str, Any]) -> Iterator[Option]:
    holder = args.get("box", {}) if name.startswith("/box") else args
    leaf = name.split("/")[-1]
    value = holder.get(leaf)
    yield 0, 0, _number(name, value), value
    if value is None:
        return
    if name in ("n", "/box/k"):
        yield from ((1, abs(x - value), x, x) for x in range(LOW, HIGH) if x != value)
    elif name == "cost":
        tenths = round(float(value) * 10)
        if tenths == float(value) * 10:
            yield from (
                (2, abs(x - tenths), x, f"{x / 10:.1f}")
                for x in range(-75, 60)
                if x != tenths and x * tenths > 0
            )
    elif name == "ratio":
        near = {y for x in RATIOS for y in (x, math.nextafter(x, 9), math.nextafter(x, -9))} - {value}
        yield from ((1, abs(_place(x) - _place(value)), _place(x), x) for x in near)
    elif name == "q":
        yield from ((cost, i, i, x) for i, (x, cost) in enumerate(((0, 1), (7, 2), (3, 1)), 1) if x != value)
    elif name == "mode":
        listed = (("c", 1), ("a", 3), ("b", 1))
        yield from ((cost, i, i, x) for i, (x, cost) in enumerate(listed, 1) if x != value)
    elif name == "flag":
        yield 2, 2 if value else 1, 2 if value else 1, not value
    elif name == "note":
        masked = {"a1": "a#", "12": "#"}.get(value)
        if masked is not None:
            yield 1, 0, 1, masked
    else:
        yield 3 if name == "box" else 1, 0, 1, ...


def _number(name: str, value: Any) -> int:
    if name == "cost" and value is not None:
        return round(float(value) * 10)
    if name == "ratio":
        return _place(value)
    return value if name in ("n", "/box/k") and value is not None else 0


def _place(x: float) -> int:
    """How many doubles lie between 0.0 and this one, with its sign."""
    bits = int(struct.unpack("<q", struct.pack("<d", abs(x)))[0])
    return -bits if x < 0 else bits


def _edited(args: Mapping[str, Any], edit: Mapping[str, Any]) -> dict[str, Any]:
    edited: dict[str, Any] = {**args}
    if "box" in edited:
        edited["box"] = dict(edited["box"])
    for name, value in edit.items():
        if name.startswith("/box") and "box" not in edited:
            continue
        holder = edited["box"] if name.startswith("/box") else edited
        leaf = name.split("/")[-1]
        if value is ...:
            del holder[leaf]
        else:
            holder[leaf] = value
    return edited
