"""The numbered names, levels and expressions of a file, and references to them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..calculus import names
from ..calculus.terms import (
    ZERO,
    App,
    BinderKind,
    Const,
    Expr,
    IMax,
    Lam,
    Let,
    Level,
    Lit,
    Max,
    Param,
    Pi,
    Proj,
    Sort,
    Succ,
    Var,
)
from ..kernel.errors import KernelError
from .fields import fields_of, natural, typed
from .numerals import parse

# Each name is kept whole: a chain of prefixes would take its square, many ends of one prefix many times their lines.
MOST_COMPONENTS, LONGEST_NAME = 100, 2_000
MOST_OF_NAMES = 1 << 26  # components and characters of all names together
T = TypeVar("T")


class Tables:
    """What has come so far. Names are kept as their components and as strings."""

    def __init__(self) -> None:
        self.names: list[tuple[str | int, ...]] = [()]
        self.rendered: list[str] = [""]
        self.length = 0
        self.levels: list[Level] = [ZERO]
        self.exprs: list[Expr] = []

    def copy(self) -> Tables:
        """Tables that go on from here on their own."""
        copy = Tables()
        copy.names, copy.rendered, copy.length = [*self.names], [*self.rendered], self.length
        copy.levels, copy.exprs = [*self.levels], [*self.exprs]
        return copy

    def take(self, tag: str, number: Any, kind: str, what: Any) -> None:
        """The next entry of the table with this tag: ``in`` (names), ``il`` (levels) or ``ie`` (expressions).

        Raises:
            KernelError: it has another number than the next one, or is malformed.
        """
        next_one = {"in": len(self.names), "il": len(self.levels), "ie": len(self.exprs)}[tag]
        if number.__class__ is not int or number != next_one:
            raise KernelError(f"the number {tag!r} must be {next_one}, the next one, found {number!r:.40}")
        if tag == "in":
            self._name(kind, what)
        elif tag == "il":
            self._level(kind, what)
        else:
            self._expr(kind, what)

    def _name(self, kind: str, what: Any) -> None:
        part: str | int
        if kind == "str":
            fields = fields_of(what, "pre", "str")
            part = typed(fields["str"], str, "a text")
            if not part.isprintable() and any("\ud800" <= each <= "\udfff" for each in part):
                raise KernelError("a name holds half of a surrogate pair")
        elif kind == "num":
            fields = fields_of(what, "pre", "i")
            part = natural(fields["i"])
        else:
            raise KernelError(f"a name of unknown kind {kind!r:.40}")
        before = self._get(self.names, fields["pre"], "name")
        try:
            rendered = names.join([*before, part])
        except ValueError as error:
            raise KernelError(str(error)) from None
        if len(before) >= MOST_COMPONENTS or len(rendered) > LONGEST_NAME:
            raise KernelError(
                f"a name of more than {MOST_COMPONENTS} components or {LONGEST_NAME} characters"
            )
        self.length += len(before) + len(rendered)
        if self.length > MOST_OF_NAMES:
            raise KernelError(f"the names have more than {MOST_OF_NAMES} characters together")
        self.names.append((*before, part))
        self.rendered.append(rendered)

    def _level(self, kind: str, what: Any) -> None:
        if kind == "succ":
            level: Level = Succ(self.level(what))
        elif kind in ("max", "imax"):
            pair = typed(what, list, "a pair of levels")
            if len(pair) != 2:
                raise KernelError(f"{kind} takes two levels, found {len(pair)}")
            level = (Max if kind == "max" else IMax)(self.level(pair[0]), self.level(pair[1]))
        elif kind == "param":
            level = Param(self.name(what))
        else:
            raise KernelError(f"a level of unknown kind {kind!r:.40}")
        self.levels.append(level)

    def _expr(self, kind: str, what: Any) -> None:
        make = _EXPRESSIONS.get(kind)
        if make is None:
            raise KernelError(_UNSUPPORTED.get(kind, f"an expression of unknown kind {kind!r:.40}"))
        self.exprs.append(make(self, what))

    def app(self, what: Any) -> Expr:
        fields = fields_of(what, "fn", "arg")
        return App(self.expr(fields["fn"]), self.expr(fields["arg"]))

    def binder(self, what: Any, make: type[Lam] | type[Pi]) -> Expr:
        fields = fields_of(what, "name", "type", "body", "binderInfo")
        kind: BinderKind = fields["binderInfo"]
        if kind not in ("default", "implicit", "strictImplicit", "instImplicit"):
            raise KernelError(f"unknown binderInfo {kind!r:.40}")
        return make(self.name(fields["name"]), self.expr(fields["type"]), self.expr(fields["body"]), kind)

    def let(self, what: Any) -> Expr:
        fields = fields_of(what, "name", "type", "value", "body", "nondep")
        typed(fields["nondep"], bool, "a truth value")
        return Let(
            self.name(fields["name"]), *(self.expr(fields[each]) for each in ("type", "value", "body"))
        )

    def proj(self, what: Any) -> Expr:
        fields = fields_of(what, "typeName", "idx", "struct")
        return Proj(self.name(fields["typeName"]), natural(fields["idx"]), self.expr(fields["struct"]))

    def const(self, what: Any) -> Expr:
        fields = fields_of(what, "name", "us")
        return Const(self.name(fields["name"]), self.many(fields["us"], self.level))

    def literal(self, what: Any) -> Expr:
        try:
            return Lit(parse(typed(what, str, "a numeral")))
        except ValueError as error:
            raise KernelError(f"natVal: {error}") from None

    def mdata(self, what: Any) -> Expr:
        fields = fields_of(what, "expr", "data")
        typed(fields["data"], dict, "an object")
        return self.expr(fields["expr"])

    # --- references

    def name(self, what: Any) -> str:
        return self._get(self.rendered, what, "name")

    def level(self, what: Any) -> Level:
        return self._get(self.levels, what, "level")

    def expr(self, what: Any) -> Expr:
        return self._get(self.exprs, what, "expression")

    def many(self, what: Any, get: Callable[[Any], T]) -> tuple[T, ...]:
        return tuple(get(each) for each in typed(what, list, "a list"))

    def _get(self, table: list[T], what: Any, kind: str) -> T:
        number = natural(what)
        if number >= len(table):
            raise KernelError(f"{kind} {number} has not come yet")
        return table[number]


_EXPRESSIONS: dict[str, Callable[[Tables, Any], Expr]] = {
    "app": Tables.app,
    "bvar": lambda tables, what: Var(natural(what)),
    "const": Tables.const,
    "forallE": lambda tables, what: tables.binder(what, Pi),
    "lam": lambda tables, what: tables.binder(what, Lam),
    "letE": Tables.let,
    "mdata": Tables.mdata,
    "natVal": Tables.literal,
    "proj": Tables.proj,
    "sort": lambda tables, what: Sort(tables.level(what)),
}
_UNSUPPORTED = {
    "strVal": "string literals are not supported: write texts as lists of code points",
}
