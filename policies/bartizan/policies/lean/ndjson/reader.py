"""Reading: from lines to declarations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from .. import names
from ..declarations import (
    Axiom,
    Constructor,
    Declaration,
    Definition,
    Hint,
    Inductive,
    InductiveType,
    Opaque,
    Recursor,
    RecursorRule,
    Theorem,
)
from ..kernel.errors import KernelError
from ..terms import (
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
from .facts import facts
from .lines import Object, Source, lines
from .numerals import parse

VERSION = "3.1.0"
# Each name is kept whole, so that a chain of prefixes takes the square of its length.
MOST_COMPONENTS, LONGEST_NAME = 100, 2_000
T = TypeVar("T")


def read(source: Source) -> Iterator[tuple[int, Declaration]]:
    """Each declaration with the number of its line.

    Raises:
        KernelError: a line is malformed; ``line`` says which.
    """
    reader = _Reader()
    empty = True
    for number, found in lines(source):
        empty = False
        try:
            declaration = reader.line(found, first=number == 1)
        except KernelError as error:
            raise type(error)(error.reason, error.declaration, number) from None
        if declaration is not None:
            yield number, declaration
    if empty:
        raise KernelError("the file is empty", line=1)


class _Reader:
    def __init__(self) -> None:
        self.names: list[tuple[str | int, ...]] = [()]
        self.rendered: list[str] = [""]
        self.levels: list[Level] = [ZERO]
        self.exprs: list[Expr] = []

    # --- one line

    def line(self, found: Object, first: bool) -> Declaration | None:
        if first:
            self._meta(found)
            return None
        for key, table, make in (
            ("in", self.names, self._name),
            ("il", self.levels, self._level),
            ("ie", self.exprs, self._expr),
        ):
            if key in found:
                rest = {each: value for each, value in found.items() if each != key}
                kind, what = self._only(rest)
                if found[key] != len(table) or found[key].__class__ is not int:
                    raise KernelError(
                        f"the number {key!r} must be {len(table)}, the next one, found {found[key]!r}"
                    )
                make(kind, what)
                return None
        kind, what = self._only(found)
        make_declaration = _DECLARATIONS.get(kind)
        if make_declaration is None:
            raise KernelError(_UNSUPPORTED.get(kind, f"an entry of unknown kind {kind!r}"))
        return make_declaration(self, what)

    def _only(self, found: Object) -> tuple[str, Any]:
        if len(found) != 1:
            raise KernelError(f"a line must hold one entry, found {sorted(found)}")
        return next(iter(found.items()))

    def _meta(self, found: Object) -> None:
        meta = _fields(found, "meta")["meta"]
        version = _fields(_fields(meta, "exporter", "lean", "format")["format"], "version")["version"]
        if version != VERSION:
            raise KernelError(
                f"the format is {version!r}, expected {VERSION!r}: export again with that version"
            )

    # --- names, levels, expressions

    def _name(self, kind: str, what: Any) -> None:
        part: str | int
        if kind == "str":
            fields = _fields(what, "pre", "str")
            part = _typed(fields["str"], str, "a text")
            if not part.isprintable() and any("\ud800" <= each <= "\udfff" for each in part):
                raise KernelError("a name holds half of a surrogate pair")
        elif kind == "num":
            fields = _fields(what, "pre", "i")
            part = _natural(fields["i"])
        else:
            raise KernelError(f"a name of unknown kind {kind!r}")
        before = self._get(self.names, fields["pre"], "name")
        try:
            rendered = names.join([*before, part])
        except ValueError as error:
            raise KernelError(str(error)) from None
        if len(before) >= MOST_COMPONENTS or len(rendered) > LONGEST_NAME:
            raise KernelError(
                f"a name of more than {MOST_COMPONENTS} components or {LONGEST_NAME} characters"
            )
        self.names.append((*before, part))
        self.rendered.append(rendered)

    def _level(self, kind: str, what: Any) -> None:
        if kind == "succ":
            level: Level = Succ(self.level(what))
        elif kind in ("max", "imax"):
            pair = _typed(what, list, "a pair of levels")
            if len(pair) != 2:
                raise KernelError(f"{kind} takes two levels, found {len(pair)}")
            level = (Max if kind == "max" else IMax)(self.level(pair[0]), self.level(pair[1]))
        elif kind == "param":
            level = Param(self.name(what))
        else:
            raise KernelError(f"a level of unknown kind {kind!r}")
        self.levels.append(level)

    def _expr(self, kind: str, what: Any) -> None:
        make = _EXPRESSIONS.get(kind)
        if make is None:
            raise KernelError(_UNSUPPORTED.get(kind, f"an expression of unknown kind {kind!r}"))
        self.exprs.append(make(self, what))

    def app(self, what: Any) -> Expr:
        fields = _fields(what, "fn", "arg")
        return App(self.expr(fields["fn"]), self.expr(fields["arg"]))

    def binder(self, what: Any, make: type[Lam] | type[Pi]) -> Expr:
        fields = _fields(what, "name", "type", "body", "binderInfo")
        kind: BinderKind = fields["binderInfo"]
        if kind not in ("default", "implicit", "strictImplicit", "instImplicit"):
            raise KernelError(f"unknown binderInfo {kind!r}")
        return make(self.name(fields["name"]), self.expr(fields["type"]), self.expr(fields["body"]), kind)

    def let(self, what: Any) -> Expr:
        fields = _fields(what, "name", "type", "value", "body", "nondep")
        _typed(fields["nondep"], bool, "a truth value")
        return Let(
            self.name(fields["name"]), *(self.expr(fields[each]) for each in ("type", "value", "body"))
        )

    def proj(self, what: Any) -> Expr:
        fields = _fields(what, "typeName", "idx", "struct")
        return Proj(self.name(fields["typeName"]), _natural(fields["idx"]), self.expr(fields["struct"]))

    def const(self, what: Any) -> Expr:
        fields = _fields(what, "name", "us")
        return Const(self.name(fields["name"]), self.many(fields["us"], self.level))

    def literal(self, what: Any) -> Expr:
        try:
            return Lit(parse(_typed(what, str, "a numeral")))
        except ValueError as error:
            raise KernelError(f"natVal: {error}") from None

    def mdata(self, what: Any) -> Expr:
        fields = _fields(what, "expr", "data")
        _typed(fields["data"], dict, "an object")
        return self.expr(fields["expr"])

    # --- declarations

    def axiom(self, what: Any) -> Declaration:
        fields = _fields(what, "name", "levelParams", "type", "isUnsafe")
        name = self.name(fields["name"])
        _safe(fields["isUnsafe"], name)
        return Axiom(name, self.many(fields["levelParams"], self.name), self.expr(fields["type"]))

    def definition(self, what: Any) -> Declaration:
        fields = _fields(what, "name", "levelParams", "type", "value", "hints", "safety", "all")
        common = self._common(fields)
        if fields["safety"] != "safe":
            raise KernelError(f"definitions must be safe, found {fields['safety']!r}", common[0])
        hints = fields["hints"]
        hint: Hint
        if hints in ("abbrev", "opaque"):
            hint = hints
        else:
            hint = _natural(_fields(hints, "regular")["regular"])
        return Definition(*common, hint)

    def theorem(self, what: Any) -> Declaration:
        return Theorem(*self._common(_fields(what, "name", "levelParams", "type", "value", "all")))

    def opaque(self, what: Any) -> Declaration:
        fields = _fields(what, "name", "levelParams", "type", "value", "isUnsafe", "all")
        common = self._common(fields)
        _safe(fields["isUnsafe"], common[0])
        return Opaque(*common)

    def _common(self, fields: Object) -> tuple[str, tuple[str, ...], Expr, Expr]:
        name = self.name(fields["name"])
        if name not in self.many(fields["all"], self.name):
            raise KernelError("`all` does not name the declaration itself", name)
        params = self.many(fields["levelParams"], self.name)
        return name, params, self.expr(fields["type"]), self.expr(fields["value"])

    def inductive(self, what: Any) -> Declaration:
        fields = _fields(what, "types", "ctors", "recs")
        types = [self._type(each) for each in _typed(fields["types"], list, "a list")]
        if not types:
            raise KernelError("an inductive declaration without types")
        name = types[0][0]
        made = [self._constructor(each) for each in _typed(fields["ctors"], list, "a list")]
        names_of = [type[0] for type in types]
        recursors = tuple(self._recursor(each, names_of) for each in _typed(fields["recs"], list, "a list"))
        try:
            return _assemble(types, made, recursors)
        except KernelError as error:
            raise KernelError(error.reason, name) from None

    def _type(self, what: Any) -> tuple[str, Object]:
        fields = _fields(
            what,
            "name", "levelParams", "type", "numParams", "numIndices", "all", "ctors", "numNested", "isRec", "isUnsafe",
            "isReflexive",
        )  # fmt: skip
        name = self.name(fields["name"])
        _safe(fields["isUnsafe"], name)
        if _natural(fields["numNested"]):
            raise KernelError("nested inductive types are not supported", name)
        return name, {
            "levels": self.many(fields["levelParams"], self.name),
            "type": self.expr(fields["type"]),
            "params": _natural(fields["numParams"]),
            "indices": _natural(fields["numIndices"]),
            "all": self.many(fields["all"], self.name),
            "ctors": self.many(fields["ctors"], self.name),
            "recursive": _typed(fields["isRec"], bool, "a truth value"),
            "reflexive": _typed(fields["isReflexive"], bool, "a truth value"),
        }

    def _constructor(self, what: Any) -> tuple[str, Object]:
        fields = _fields(
            what, "name", "levelParams", "type", "induct", "cidx", "numParams", "numFields", "isUnsafe"
        )
        name = self.name(fields["name"])
        _safe(fields["isUnsafe"], name)
        return name, {
            "levels": self.many(fields["levelParams"], self.name),
            "type": self.expr(fields["type"]),
            "of": self.name(fields["induct"]),
            "place": _natural(fields["cidx"]),
            "params": _natural(fields["numParams"]),
            "fields": _natural(fields["numFields"]),
        }

    def _recursor(self, what: Any, types: list[str]) -> Recursor:
        fields = _fields(
            what,
            "name", "levelParams", "type", "all", "numParams", "numIndices", "numMotives", "numMinors", "rules", "k",
            "isUnsafe",
        )  # fmt: skip
        name = self.name(fields["name"])
        _safe(fields["isUnsafe"], name)
        if list(self.many(fields["all"], self.name)) != types:
            raise KernelError("`all` must name the types of the declaration", name)
        return Recursor(
            name,
            self.many(fields["levelParams"], self.name),
            self.expr(fields["type"]),
            params=_natural(fields["numParams"]),
            indices=_natural(fields["numIndices"]),
            motives=_natural(fields["numMotives"]),
            minors=_natural(fields["numMinors"]),
            rules=self.many(fields["rules"], self._rule),
            k=_typed(fields["k"], bool, "a truth value"),
        )

    def _rule(self, what: Any) -> RecursorRule:
        fields = _fields(what, "ctor", "nfields", "rhs")
        return RecursorRule(self.name(fields["ctor"]), _natural(fields["nfields"]), self.expr(fields["rhs"]))

    # --- references

    def name(self, what: Any) -> str:
        return self._get(self.rendered, what, "name")

    def level(self, what: Any) -> Level:
        return self._get(self.levels, what, "level")

    def expr(self, what: Any) -> Expr:
        return self._get(self.exprs, what, "expression")

    def many(self, what: Any, get: Callable[[Any], T]) -> tuple[T, ...]:
        return tuple(get(each) for each in _typed(what, list, "a list"))

    def _get(self, table: list[T], what: Any, kind: str) -> T:
        number = _natural(what)
        if number >= len(table):
            raise KernelError(f"{kind} {number} has not come yet")
        return table[number]


def _assemble(
    types: list[tuple[str, Object]], made: list[tuple[str, Object]], recursors: tuple[Recursor, ...]
) -> Inductive:
    """One declaration out of the parts, which repeat themselves and must agree."""
    all_names = tuple(name for name, _ in types)
    first = types[0][1]
    constructors = dict(made)
    if len(constructors) != len(made):
        raise KernelError("a constructor is declared twice")
    listed = [name for _, type in types for name in type["ctors"]]
    if listed != [name for name, _ in made]:
        raise KernelError("the constructors are not those that the types list, in their order")
    built = []
    for name, type in types:
        same = (
            type["levels"] == first["levels"]
            and type["params"] == first["params"]
            and type["all"] == all_names
        )
        if not same:
            raise KernelError(f"{name} disagrees with the declaration on levelParams, numParams or all")
        for place, each in enumerate(type["ctors"]):
            fields = constructors[each]
            if (fields["of"], fields["place"], fields["params"], fields["levels"]) != (
                name, place, first["params"], first["levels"],
            ):  # fmt: skip
                raise KernelError(f"{each} disagrees with its type on induct, cidx, numParams or levelParams")
        of_type = tuple(Constructor(each, constructors[each]["type"]) for each in type["ctors"])
        built.append(InductiveType(name, type["type"], of_type))
    declaration = Inductive(first["levels"], first["params"], tuple(built), recursors)
    known = facts(declaration)
    for (name, type), indices in zip(types, known.indices, strict=True):
        if (type["indices"], type["recursive"], type["reflexive"]) != (
            indices,
            known.recursive,
            known.reflexive,
        ):
            raise KernelError(f"{name}: numIndices, isRec or isReflexive is not what its type says")
    for name, fields in made:
        if fields["fields"] != known.fields[name]:
            raise KernelError(f"{name} has {known.fields[name]} fields, numFields is {fields['fields']}")
    return declaration


# --- values of JSON


def _fields(what: Any, *keys: str) -> Object:
    found: Object = _typed(what, dict, "an object")
    if found.keys() != set(keys):
        raise KernelError(f"expected the keys {sorted(keys)}, found {sorted(found)}")
    return found


def _typed(what: Any, type: type[T], called: str) -> T:
    if what.__class__ is not type:
        raise KernelError(f"expected {called}, found {what!r:.40}")
    return what


def _natural(what: Any) -> int:
    if what.__class__ is not int or what < 0:
        raise KernelError(f"expected a natural number, found {what!r:.40}")
    return what


def _safe(is_unsafe: Any, name: str) -> None:
    if is_unsafe is not False:
        raise KernelError(f"isUnsafe must be false, found {is_unsafe!r:.40}", name)


_EXPRESSIONS: dict[str, Callable[[_Reader, Any], Expr]] = {
    "app": _Reader.app,
    "bvar": lambda reader, what: Var(_natural(what)),
    "const": _Reader.const,
    "forallE": lambda reader, what: reader.binder(what, Pi),
    "lam": lambda reader, what: reader.binder(what, Lam),
    "letE": _Reader.let,
    "mdata": _Reader.mdata,
    "natVal": _Reader.literal,
    "proj": _Reader.proj,
    "sort": lambda reader, what: Sort(reader.level(what)),
}
_DECLARATIONS: dict[str, Callable[[_Reader, Any], Declaration]] = {
    "axiom": _Reader.axiom,
    "def": _Reader.definition,
    "inductive": _Reader.inductive,
    "opaque": _Reader.opaque,
    "thm": _Reader.theorem,
}
_UNSUPPORTED = {
    "quot": "quotients are not supported: use an equivalence relation beside the type",
    "strVal": "string literals are not supported: write texts as lists of code points",
}
