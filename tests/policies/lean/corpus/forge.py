"""Kernel terms and export files without any check: what the hostile corpus is forged with.

It shares nothing with `bartizan.policies.lean`: a file is written here from the format's description alone
(leanprover/lean4export, `format_ndjson.md`, 3.1.0), so that a slip of our writer cannot hide a slip of our reader.
Terms are trees of `Term`; binders take a Python function of the bound variable, so that a reader counts no indices:

    lam("p", PROP, lambda p: lam("h", p, lambda h: h))
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

Level = (
    int | str | tuple[Any, ...]
)  # 2, "u", ("succ", l), ("max", l, m), ("imax", l, m); ("written", 7): below
Name = str | tuple[str | int, ...]  # "Nat.add" has two components; the tuple says them one by one


@dataclass(frozen=True, slots=True)
class Term:
    kind: str
    parts: tuple[Any, ...]

    def __call__(self, *arguments: Term) -> Term:
        return app(self, *arguments)


Fn = Callable[..., Term]
Body = Term | Callable[[Term], Term]
_fresh = count()


def bvar(index: int) -> Term:
    """A raw de Bruijn index, for what is ill-scoped on purpose."""
    return Term("bvar", (index,))


def sort(level: Level) -> Term:
    return Term("sort", (level,))


def const(name: Name, *levels: Level) -> Term:
    return Term("const", (name, levels))


def app(head: Term, *arguments: Term) -> Term:
    for argument in arguments:
        head = Term("app", (head, argument))
    return head


def variable(name: str) -> Term:
    """A free variable: it must be bound by `close` before it is written."""
    return Term("var", (next(_fresh), name))


def _close(body: Body, name: str) -> Term:
    if isinstance(body, Term):
        return body
    free = variable(name)
    return close(body(free), free)


def close(term: Term, free: Term, depth: int = 0) -> Term:
    """`term` with `free` made the bound variable `depth`."""
    match term.kind:
        case "var":
            return bvar(depth) if term == free else term
        case "app":
            return Term("app", tuple(close(part, free, depth) for part in term.parts))
        case "lam" | "pi":
            name, domain, body = term.parts
            return Term(term.kind, (name, close(domain, free, depth), close(body, free, depth + 1)))
        case "let":
            name, domain, value, body = term.parts
            inner = close(body, free, depth + 1)
            return Term("let", (name, close(domain, free, depth), close(value, free, depth), inner))
        case "proj":
            struct, index, inner = term.parts
            return Term("proj", (struct, index, close(inner, free, depth)))
        case "mdata":
            return Term("mdata", (close(term.parts[0], free, depth),))
        case _:
            return term


def open_(body: Term, value: Term, depth: int = 0) -> Term:
    """`body` with its outermost bound variable replaced by the closed or free `value`."""
    match body.kind:
        case "bvar":
            return value if body.parts[0] == depth else body
        case "app":
            return Term("app", tuple(open_(part, value, depth) for part in body.parts))
        case "lam" | "pi":
            name, domain, inner = body.parts
            return Term(body.kind, (name, open_(domain, value, depth), open_(inner, value, depth + 1)))
        case "let":
            name, domain, bound, inner = body.parts
            opened = open_(domain, value, depth), open_(bound, value, depth), open_(inner, value, depth + 1)
            return Term("let", (name, *opened))
        case "proj":
            struct, index, inner = body.parts
            return Term("proj", (struct, index, open_(inner, value, depth)))
        case "mdata":
            return Term("mdata", (open_(body.parts[0], value, depth),))
        case _:
            return body


def lam(name: str, domain: Term, body: Body) -> Term:
    return Term("lam", (name, domain, _close(body, name)))


def pi(name: str, domain: Term, body: Body) -> Term:
    return Term("pi", (name, domain, _close(body, name)))


def arrow(*types: Term) -> Term:
    *domains, result = types
    for domain in reversed(domains):
        result = Term("pi", ("a", domain, result))  # only sound for closed results or free variables, as here
    return result


def let(name: str, domain: Term, value: Term, body: Body) -> Term:
    return Term("let", (name, domain, value, _close(body, name)))


def proj(struct: Name, index: int, inner: Term) -> Term:
    return Term("proj", (struct, index, inner))


def nat(value: int | str) -> Term:
    return Term("nat", (str(value),))


def text(value: str) -> Term:
    return Term("str", (value,))


def mdata(inner: Term) -> Term:
    return Term("mdata", (inner,))


def written(number: int) -> Term:
    """The part that has this number in the file already: what is too deep to be a term here is written bit by bit."""
    return Term("written", (number,))


def spine(term: Term) -> tuple[Term, list[Term]]:
    arguments: list[Term] = []
    while term.kind == "app":
        term, argument = term.parts
        arguments.append(argument)
    return term, arguments[::-1]


def telescope(term: Term, limit: int = 10**9) -> tuple[list[tuple[Term, str, Term]], Term]:
    """The first `limit` binders of a dependent product as (free variable, name, domain), and what stands under them."""
    binders: list[tuple[Term, str, Term]] = []
    while term.kind == "pi" and len(binders) < limit:
        name, domain, body = term.parts
        free = variable(name)
        binders.append((free, name, domain))
        term = open_(body, free)
    return binders, term


def bind(kind: str, binders: list[tuple[Term, str, Term]], body: Term) -> Term:
    for free, name, domain in reversed(binders):
        body = Term(kind, (name, domain, close(body, free)))
    return body


PROP = sort(0)
TYPE = sort(1)
META = {
    "meta": {
        "exporter": {"name": "corpus", "version": "1"},
        "lean": {"githash": "0", "version": "4.27.0"},
        "format": {"version": "3.1.0"},
    }
}


class Lines:
    """The lines of an export file: parts are numbered as they are first used, as lean4export does."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._known: dict[tuple[Any, ...], int] = {("in",): 0, ("il",): 0}
        self._next = {"in": 1, "il": 1, "ie": 0}
        self._written_terms: dict[int, tuple[Term, int]] = {}  # by identity: what is shared is written once
        self.raw(META)

    def raw(self, record: object) -> None:
        self.lines.append(json.dumps(record))

    def part(self, tag: str, record: dict[str, Any]) -> int:
        """The number of a name, level or expression that is written once."""
        key = (tag, json.dumps(record, sort_keys=True))
        if key not in self._known:
            self._known[key] = self._next[tag]
            self.raw({**record, tag: self._next[tag]})
            self._next[tag] += 1
        return self._known[key]

    def name(self, name: Name) -> int:
        index = 0
        for component in name.split(".") if isinstance(name, str) else name:
            if isinstance(component, int):
                index = self.part("in", {"num": {"pre": index, "i": component}})
            else:
                index = self.part("in", {"str": {"pre": index, "str": component}})
        return index

    def level(self, level: Level) -> int:
        if isinstance(level, int):
            return 0 if level == 0 else self.part("il", {"succ": self.level(level - 1)})
        if isinstance(level, str):
            return self.part("il", {"param": self.name(level)})
        if level[0] == "written":
            return int(level[1])
        if level[0] == "succ":
            return self.part("il", {"succ": self.level(level[1])})
        return self.part("il", {level[0]: [self.level(level[1]), self.level(level[2])]})

    def term(self, term: Term) -> int:
        if term.kind == "written":
            return int(term.parts[0])
        found = self._written_terms.get(id(term))
        if found is None:
            found = self._written_terms[id(term)] = (term, self.part("ie", self._record(term)))
        return found[1]

    def _record(self, term: Term) -> dict[str, Any]:
        match term.kind, term.parts:
            case "bvar", (index,):
                return {"bvar": index}
            case "sort", (level,):
                return {"sort": self.level(level)}
            case "const", (name, levels):
                return {"const": {"name": self.name(name), "us": [self.level(level) for level in levels]}}
            case "app", (head, argument):
                return {"app": {"fn": self.term(head), "arg": self.term(argument)}}
            case (("lam" | "pi"), (name, domain, body)):
                inner = {"name": self.name(name), "type": self.term(domain), "body": self.term(body)}
                return {"lam" if term.kind == "lam" else "forallE": {**inner, "binderInfo": "default"}}
            case "let", (name, domain, value, body):
                parts = {"type": self.term(domain), "value": self.term(value), "body": self.term(body)}
                return {"letE": {"name": self.name(name), **parts, "nondep": False}}
            case "proj", (struct, index, inner):
                return {"proj": {"typeName": self.name(struct), "idx": index, "struct": self.term(inner)}}
            case "nat", (value,):
                return {"natVal": value}
            case "str", (value,):
                return {"strVal": value}
            case "mdata", (inner,):
                return {"mdata": {"expr": self.term(inner), "data": {}}}
        raise AssertionError(f"{term} has a variable that nothing binds")


NAMES = {"name", "induct", "ctor"}
NAME_LISTS = {"levelParams", "all"}
TERMS = {"type", "value", "rhs"}


class File(Lines):
    """A file of declarations; every method returns the file, so that a member reads as one chain."""

    def put(self, kind: str, record: dict[str, Any]) -> File:
        """Write a declaration whose names and terms are still names and terms; whatever is not asked of it stands."""
        self.raw({kind: self._written(record)})
        return self

    def _written(self, record: dict[str, Any]) -> dict[str, Any]:
        written: dict[str, Any] = {}
        for key, value in record.items():
            if key in NAMES:
                written[key] = self.name(value)
            elif key in NAME_LISTS or (key == "ctors" and all(isinstance(each, str) for each in value)):
                written[key] = [self.name(each) for each in value]
            elif key in TERMS:
                written[key] = self.term(value)
            elif isinstance(value, list) and all(isinstance(each, dict) for each in value):
                written[key] = [self._written(each) for each in value]
            else:
                written[key] = value
        return written

    def axiom(self, name: Name, type_: Term, levels: tuple[str, ...] = (), **change: Any) -> File:
        return self.put(
            "axiom", {"name": name, "levelParams": levels, "type": type_, "isUnsafe": False, **change}
        )

    def define(
        self, name: Name, type_: Term, value: Term, levels: tuple[str, ...] = (), **change: Any
    ) -> File:
        record = {"name": name, "levelParams": levels, "type": type_, "value": value}
        return self.put("def", {**record, "hints": {"regular": 1}, "safety": "safe", "all": [name], **change})

    def theorem(
        self, name: Name, type_: Term, value: Term, levels: tuple[str, ...] = (), **change: Any
    ) -> File:
        record = {"name": name, "levelParams": levels, "type": type_, "value": value, "all": [name]}
        return self.put("thm", {**record, **change})

    def opaque(
        self, name: Name, type_: Term, value: Term, levels: tuple[str, ...] = (), **change: Any
    ) -> File:
        record = {"name": name, "levelParams": levels, "type": type_, "value": value}
        return self.put("opaque", {**record, "isUnsafe": False, "all": [name], **change})

    def quot(self, name: Name, type_: Term, kind: str, levels: tuple[str, ...]) -> File:
        return self.put("quot", {"name": name, "levelParams": levels, "type": type_, "kind": kind})

    def block(self, block: dict[str, Any]) -> File:
        return self.put("inductive", block)

    def pile(self, bottom: Term, count: int, layer: Callable[[Term], Term]) -> Term:
        """`layer` around `layer` around `bottom`, already written."""
        for _ in range(count):
            bottom = written(self.term(layer(bottom)))
        return bottom

    def pile_levels(self, bottom: Level, count: int, layer: Callable[[Level], Level]) -> Level:
        """The same of levels."""
        for _ in range(count):
            bottom = ("written", self.level(layer(bottom)))
        return bottom

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"
