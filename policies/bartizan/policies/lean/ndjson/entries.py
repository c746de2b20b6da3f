"""Entries that declare something."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..calculus.declarations import (
    Axiom,
    Constructor,
    Declaration,
    Definition,
    Hint,
    Inductive,
    InductiveType,
    Opaque,
    Quotient,
    QuotientKind,
    Recursor,
    RecursorRule,
    Theorem,
)
from ..calculus.terms import Expr
from ..kernel.errors import KernelError
from ..kernel.form import binders
from .facts import facts
from .fields import check_safe, fields_of, natural, typed
from .lines import Object
from .tables import Tables


def axiom(tables: Tables, what: Any) -> Declaration:
    fields = fields_of(what, "name", "levelParams", "type", "isUnsafe")
    name = tables.name(fields["name"])
    check_safe(fields["isUnsafe"], name)
    return Axiom(name, tables.many(fields["levelParams"], tables.name), tables.expr(fields["type"]))


def definition(tables: Tables, what: Any) -> Declaration:
    fields = fields_of(what, "name", "levelParams", "type", "value", "hints", "safety", "all")
    common = _common(tables, fields)
    if fields["safety"] != "safe":
        raise KernelError(f"definitions must be safe, found {fields['safety']!r:.40}", common[0])
    hints = fields["hints"]
    hint: Hint
    if hints in ("abbrev", "opaque"):
        hint = hints
    else:
        hint = natural(fields_of(hints, "regular")["regular"])
    return Definition(*common, hint)


def theorem(tables: Tables, what: Any) -> Declaration:
    return Theorem(*_common(tables, fields_of(what, "name", "levelParams", "type", "value", "all")))


def opaque(tables: Tables, what: Any) -> Declaration:
    fields = fields_of(what, "name", "levelParams", "type", "value", "isUnsafe", "all")
    common = _common(tables, fields)
    check_safe(fields["isUnsafe"], common[0])
    return Opaque(*common)


def quotient(tables: Tables, what: Any) -> Declaration:
    fields = fields_of(what, "name", "levelParams", "type", "kind")
    kind: QuotientKind = fields["kind"]
    if kind not in ("type", "ctor", "lift", "ind"):
        raise KernelError(f"a quotient of unknown kind {kind!r:.40}")
    params = tables.many(fields["levelParams"], tables.name)
    return Quotient(tables.name(fields["name"]), params, tables.expr(fields["type"]), kind)


def _common(tables: Tables, fields: Object) -> tuple[str, tuple[str, ...], Expr, Expr]:
    name = tables.name(fields["name"])
    if name not in tables.many(fields["all"], tables.name):
        raise KernelError("`all` does not name the declaration itself", name)
    params = tables.many(fields["levelParams"], tables.name)
    return name, params, tables.expr(fields["type"]), tables.expr(fields["value"])


def inductive(tables: Tables, what: Any) -> Declaration:
    fields = fields_of(what, "types", "ctors", "recs")
    types = [_type(tables, each) for each in typed(fields["types"], list, "a list")]
    if not types:
        raise KernelError("an inductive declaration without types")
    name = types[0][0]
    made = [_constructor(tables, each) for each in typed(fields["ctors"], list, "a list")]
    names_of = [type[0] for type in types]
    recursors = tuple(_recursor(tables, each, names_of) for each in typed(fields["recs"], list, "a list"))
    try:
        return _assemble(types, made, recursors)
    except KernelError as error:
        raise KernelError(error.reason, name) from None


def _type(tables: Tables, what: Any) -> tuple[str, Object]:
    fields = fields_of(
        what,
        "name", "levelParams", "type", "numParams", "numIndices", "all", "ctors", "numNested", "isRec", "isUnsafe",
        "isReflexive",
    )  # fmt: skip
    name = tables.name(fields["name"])
    check_safe(fields["isUnsafe"], name)
    if natural(fields["numNested"]):
        raise KernelError("nested inductive types are not supported", name)
    return name, {
        "levels": tables.many(fields["levelParams"], tables.name),
        "type": tables.expr(fields["type"]),
        "params": natural(fields["numParams"]),
        "indices": natural(fields["numIndices"]),
        "all": tables.many(fields["all"], tables.name),
        "ctors": tables.many(fields["ctors"], tables.name),
        "recursive": typed(fields["isRec"], bool, "a truth value"),
        "reflexive": typed(fields["isReflexive"], bool, "a truth value"),
    }


def _constructor(tables: Tables, what: Any) -> tuple[str, Object]:
    fields = fields_of(
        what, "name", "levelParams", "type", "induct", "cidx", "numParams", "numFields", "isUnsafe"
    )
    name = tables.name(fields["name"])
    check_safe(fields["isUnsafe"], name)
    return name, {
        "levels": tables.many(fields["levelParams"], tables.name),
        "type": tables.expr(fields["type"]),
        "of": tables.name(fields["induct"]),
        "place": natural(fields["cidx"]),
        "params": natural(fields["numParams"]),
        "fields": natural(fields["numFields"]),
    }


def _recursor(tables: Tables, what: Any, types: list[str]) -> Recursor:
    fields = fields_of(
        what,
        "name", "levelParams", "type", "all", "numParams", "numIndices", "numMotives", "numMinors", "rules", "k",
        "isUnsafe",
    )  # fmt: skip
    name = tables.name(fields["name"])
    check_safe(fields["isUnsafe"], name)
    if list(tables.many(fields["all"], tables.name)) != types:
        raise KernelError("`all` must name the types of the declaration", name)
    return Recursor(
        name,
        tables.many(fields["levelParams"], tables.name),
        tables.expr(fields["type"]),
        params=natural(fields["numParams"]),
        indices=natural(fields["numIndices"]),
        motives=natural(fields["numMotives"]),
        minors=natural(fields["numMinors"]),
        rules=tables.many(fields["rules"], lambda rule: _rule(tables, rule)),
        k=typed(fields["k"], bool, "a truth value"),
    )


def _rule(tables: Tables, what: Any) -> RecursorRule:
    fields = fields_of(what, "ctor", "nfields", "rhs")
    return RecursorRule(tables.name(fields["ctor"]), natural(fields["nfields"]), tables.expr(fields["rhs"]))


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
    for _, each in [*types, *made]:
        binders(each["type"])  # none is too long to be gone through again and again
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


KINDS: dict[str, Callable[[Tables, Any], Declaration]] = {
    "axiom": axiom,
    "def": definition,
    "inductive": inductive,
    "opaque": opaque,
    "quot": quotient,
    "thm": theorem,
}
