"""Recursors that are not the ones that the kernel derives: of other types, rules or counts, or without a type."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.policies.lean.corpus.derive import Type, block
from tests.policies.lean.corpus.family import Family
from tests.policies.lean.corpus.forge import TYPE, File, Fn, Term, app, arrow, bvar, const, lam, nat, pi, sort
from tests.policies.lean.corpus.inductives import tree
from tests.policies.lean.corpus.prelude import (
    BLOCKS,
    BOOL,
    NAT,
    NO,
    SUCC,
    TRIVIAL,
    TRUE,
    ZERO,
    eq,
    recurse,
    refl,
    start,
)

FAMILY = Family("recursors")
wrong, valid = FAMILY.wrong, FAMILY.valid

Spoil = Callable[[dict[str, Any]], None]


@valid
def computing() -> File:
    """The recursors of numbers, trees and equations compute as they should."""
    file = start("Nat", "Bool", "Eq").block(tree())
    step = lam("k", NAT, lambda _: lam("ih", NAT, lambda ih: SUCC(SUCC(ih))))
    file.theorem("six", eq(NAT, recurse(nat(3), ZERO, step), nat(6)), refl(NAT, nat(6)))
    chosen = app(const("Bool.rec", 1), lam("b", BOOL, NAT), nat(4), nat(5), TRUE)
    return file.theorem("five", eq(NAT, chosen, nat(5)), refl(NAT, nat(5)))


def first_of_two() -> Term:
    """The first of 1 and 2, taken out of their pair by its recursor."""
    pair = app(const("Prod", 0, 0), NAT, NAT)
    step = lam("a", NAT, lambda a: lam("b", NAT, a))
    made = app(const("Prod.mk", 0, 0), NAT, NAT, nat(1), nat(2))
    return app(const("Prod.rec", 1, 0, 0), NAT, NAT, lam("p", pair, NAT), step, made)


@valid
def fields_in_their_order() -> File:
    """The recursor of pairs gives the fields in their order, and that of trees the value that a node holds."""
    file = start("Nat", "Eq", "Prod").block(tree())
    file.theorem("first", eq(NAT, first_of_two(), nat(1)), refl(NAT, nat(1)))
    at: Fn = lambda n: app(const("Tree"), NAT, n)  # noqa: E731
    leaf = app(const("Tree.leaf"), NAT)
    grown = app(const("Tree.node"), NAT, nat(0), nat(5), leaf, leaf)

    def step(n: Term, value: Term) -> Term:
        return lam("l", at(n), lam("r", at(n), lam("x", NAT, lam("y", NAT, value))))

    steps = lam("n", NAT, lambda n: lam("value", NAT, lambda value: step(n, value)))
    motive = lam("n", NAT, lambda n: lam("t", at(n), NAT))
    held = app(const("Tree.rec", 1), NAT, motive, nat(9), steps, nat(1), grown)
    return file.theorem("held", eq(NAT, held, nat(5)), refl(NAT, nat(5)))


@valid
def counted_as_derived() -> File:
    """A recursor that is declared with its type, and used at a proposition and at a type."""
    file = start("Nat", "True")
    file.define("zero_of", arrow(NAT, NAT), lam("n", NAT, lambda n: recurse(n, ZERO, _keep())))
    proof = app(
        const("Nat.rec", 0),
        lam("n", NAT, const("True")),
        TRIVIAL,
        lam("n", NAT, lam("h", const("True"), TRIVIAL)),
    )
    return file.theorem("all", pi("n", NAT, const("True")), proof)


def _keep() -> Term:
    return lam("k", NAT, lambda _: lam("ih", NAT, lambda ih: ih))


def forged(name: str, sentence: str, of: str, spoil: Spoil, *kinds: str) -> None:
    """A member whose recursor of a core type, or of the tree, is spoilt."""

    def make() -> File:
        made = tree() if of == "Tree" else BLOCKS[of]()
        spoil(made["recs"][0])
        return (File() if of == "Nat" else start("Nat")).block(made)

    FAMILY.add(name, sentence, make, *(kinds or ("recursor",)))


def _set(key: str, value: object) -> Spoil:
    return lambda rec: rec.update({key: value})


def _rule(place: int, key: str, value: object) -> Spoil:
    return lambda rec: rec["rules"][place].update({key: value})


def _rules(change: Callable[[list[Any]], list[Any]]) -> Spoil:
    return lambda rec: rec.update(rules=change(rec["rules"]))


forged(
    "type-false",
    "The recursor claims to be a proof of every proposition.",
    "Nat",
    _set("type", pi("p", sort(0), lambda p: p)),
)
forged(
    "type-of-another",
    "The recursor of Bool has the type of a function to numbers.",
    "Bool",
    _set("type", arrow(BOOL, NAT)),
)
forged(
    "level-missing",
    "The recursor has no level parameter although its motive speaks of one.",
    "Nat",
    _set("levelParams", ()),
)
forged("level-too-many", "The recursor has a level parameter more.", "Nat", _set("levelParams", ("u", "v")))
forged(
    "level-twice",
    "The recursor's two level parameters are one.",
    "Eq",
    lambda rec: rec.update(_one_level()),
    "recursor",
    "universe",
)
forged(
    "level-renamed",
    "The recursor's level parameter has another name than the one in its type.",
    "Nat",
    _set("levelParams", ("v",)),
)
forged("k-claimed", "The recursor of numbers claims to reduce for every argument.", "Nat", _set("k", True))
forged(
    "k-claimed-of-tree",
    "The recursor of an indexed family claims to reduce for every argument.",
    "Tree",
    _set("k", True),
)
forged(
    "k-claimed-of-and",
    "The recursor of a conjunction, which has fields, claims to reduce for every argument.",
    "And",
    _set("k", True),
)
forged(
    "k-claimed-of-acc",
    "The recursor of accessibility claims to reduce for every argument.",
    "Acc",
    _set("k", True),
)
forged(
    "k-denied", "The recursor of equality denies that it reduces for every argument.", "Eq", _set("k", False)
)
forged(
    "motives-counted-wrong",
    "The recursor counts one minor premise as a motive.",
    "Nat",
    lambda rec: rec.update(numMotives=2, numMinors=1),
)
forged(
    "minors-counted-wrong",
    "The recursor counts its motive as a minor premise.",
    "Nat",
    lambda rec: rec.update(numMotives=0, numMinors=3),
)
forged(
    "parameters-counted-wrong",
    "The recursor counts its motive as a parameter.",
    "Nat",
    lambda rec: rec.update(numParams=1, numMotives=0),
)
forged(
    "indices-counted-wrong",
    "The recursor of the tree counts its index as a parameter.",
    "Tree",
    lambda rec: rec.update(numParams=2, numIndices=0),
)
forged("indices-claimed", "The recursor of numbers counts an index.", "Nat", _set("numIndices", 1))
forged("rules-missing", "The recursor has no computation rules.", "Nat", _set("rules", []))
forged(
    "rule-missing", "The recursor lacks the rule for the successor.", "Nat", _rules(lambda rules: rules[:1])
)
forged(
    "rule-twice",
    "The recursor has the rule for zero twice and none for the successor.",
    "Nat",
    _rules(lambda rules: [rules[0], rules[0]]),
)
forged("rule-too-many", "The recursor has a third rule.", "Nat", _rules(lambda rules: [*rules, rules[1]]))
forged(
    "rules-swapped",
    "The rules of the recursor of Bool stand in another order than its constructors.",
    "Bool",
    _rules(lambda rules: rules[::-1]),
)
forged(
    "rules-exchanged",
    "The values of the rules for false and true are exchanged.",
    "Bool",
    lambda rec: rec.update(rules=_exchanged(rec["rules"])),
)
forged(
    "rule-for-another",
    "A rule of the recursor of numbers is for a constructor of Bool.",
    "Nat",
    _rule(0, "ctor", "Bool.true"),
)
forged(
    "rule-fields-denied",
    "The rule for the successor says that it has no fields.",
    "Nat",
    _rule(1, "nfields", 0),
)
forged("rule-fields-claimed", "The rule for zero says that it has a field.", "Nat", _rule(0, "nfields", 1))
forged(
    "rule-of-zero",
    "The rule for the successor gives the value for zero.",
    "Nat",
    lambda rec: _rule(1, "rhs", _successor(rec, "zero"))(rec),
)
forged(
    "rule-without-hypothesis",
    "The rule for the successor gives its step the number as hypothesis.",
    "Nat",
    lambda rec: _rule(1, "rhs", _successor(rec, "number"))(rec),
)
forged(
    "rule-that-skips",
    "The rule for the successor recurses on the successor itself.",
    "Nat",
    lambda rec: _rule(1, "rhs", _successor(rec, "same"))(rec),
)
forged("rule-loose", "A rule's value has a variable that nothing binds.", "Nat", _rule(0, "rhs", bvar(0)))
forged("rule-ill-typed", "A rule's value is a type.", "Nat", _rule(0, "rhs", TYPE))
forged(
    "minors-swapped",
    "The type of the recursor asks for the step before the base.",
    "Nat",
    lambda rec: rec.update(type=_other_nat("swapped")),
)
forged(
    "hypothesis-missing",
    "The step in the recursor's type has no induction hypothesis.",
    "Nat",
    lambda rec: rec.update(type=_other_nat("no hypothesis")),
)
forged(
    "hypothesis-of-successor",
    "The induction hypothesis speaks of the successor instead of the number.",
    "Nat",
    lambda rec: rec.update(type=_other_nat("of successor")),
)
forged(
    "base-missing",
    "The recursor's type asks for no base case.",
    "Nat",
    lambda rec: rec.update(type=_other_nat("no base")),
)
forged(
    "motive-constant",
    "The recursor's type proves its motive at zero for every number.",
    "Nat",
    lambda rec: rec.update(type=_other_nat("at zero")),
)
forged(
    "motive-without-argument",
    "The motive in the recursor's type takes no argument.",
    "False",
    lambda rec: rec.update(type=pi("m", sort("u"), lambda m: m)),
)
forged(
    "of-others",
    "The recursor says that it belongs to a block with another type.",
    "Nat",
    _set("all", ["Nat", "Bool"]),
)
forged(
    "misnamed",
    "The recursor has another name than that of its type with `rec` at the end.",
    "Nat",
    _set("name", "Nat.induction"),
)
forged(
    "misnamed-as-another",
    "The recursor of Bool is named as if it were that of False.",
    "Bool",
    _set("name", "False.rec"),
)


def _one_level() -> dict[str, Any]:
    """The recursor of equality with its motive's level taken for that of the type."""
    over = sort("u_1")
    made = pi("α", over, lambda a: pi("a", a, lambda x: eq(a, x, x, "u_1")))
    type_ = pi("α", over, lambda a: arrow(a, a, sort(0)))
    eliminated = block(Type("Eq", type_, (("Eq.refl", made),)), params=2, levels=("u_1",), k=True)["recs"][0]
    return {**_renamed(eliminated, "u", "u_1"), "levelParams": ("u_1", "u_1")}


def _renamed(value: Any, old: str, new: str) -> Any:
    """A record with a level parameter renamed wherever it stands."""
    if isinstance(value, Term):
        return Term(value.kind, _renamed(value.parts, old, new))
    if isinstance(value, tuple):
        return tuple(_renamed(each, old, new) for each in value)
    if isinstance(value, list):
        return [_renamed(each, old, new) for each in value]
    if isinstance(value, dict):
        return {key: _renamed(each, old, new) for key, each in value.items()}
    return new if value == old else value


def _exchanged(rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**rules[0], "rhs": rules[1]["rhs"]}, {**rules[1], "rhs": rules[0]["rhs"]}]


def _nat_parts() -> tuple[Term, Callable[[Term], Term]]:
    motive = arrow(NAT, sort("u"))
    return motive, lambda m: pi("n", NAT, lambda n: arrow(m(n), m(SUCC(n))))


def _successor(rec: dict[str, Any], what: str) -> Term:
    """A wrong value of the successor's rule."""
    motive, step = _nat_parts()

    def value(m: Term, z: Term, s: Term, n: Term) -> Term:
        if what == "zero":
            return z
        if what == "number":
            return s(n, n)
        return s(n, app(const("Nat.rec", "u"), m, z, s, SUCC(n)))

    return lam(
        "motive",
        motive,
        lambda m: lam(
            "zero",
            m(ZERO),
            lambda z: lam("succ", step(m), lambda s: lam("n", NAT, lambda n: value(m, z, s, n))),
        ),
    )


def _other_nat(what: str) -> Term:
    """A wrong type of the recursor of numbers."""
    motive, right = _nat_parts()

    def step(m: Term) -> Term:
        if what == "no hypothesis":
            return pi("n", NAT, lambda n: m(SUCC(n)))
        if what == "of successor":
            return pi("n", NAT, lambda n: arrow(m(SUCC(n)), m(SUCC(n))))
        return right(m)

    def premises(m: Term) -> Term:
        conclusion = pi("t", NAT, lambda t: m(ZERO if what == "at zero" else t))
        if what == "swapped":
            return arrow(step(m), m(ZERO), conclusion)
        if what == "no base":
            return arrow(step(m), conclusion)
        return arrow(m(ZERO), step(m), conclusion)

    return pi("motive", motive, premises)


@wrong("inductive")
def recursor_without_a_type() -> File:
    """A block declares nothing but a recursor that proves False."""
    rec = BLOCKS["False"]()["recs"][0]
    rec.update(name="Ghost.rec", levelParams=(), type=NO, all=["Ghost"], numMotives=0)
    file = start("False").block({"types": [], "ctors": [], "recs": [rec]})
    return file.theorem("bad", NO, const("Ghost.rec"))


@wrong("recursor")
def second_recursor() -> File:
    """A block has, beside the right recursor, another one that proves False."""
    made = block(Type("T", TYPE, (("T.mk", const("T")),)))
    made["recs"].append({**made["recs"][0], "name": "T.rec_1", "type": NO, "levelParams": ()})
    return start("False").block(made).theorem("bad", NO, const("T.rec_1"))


@wrong("recursor")
def recursor_twice() -> File:
    """A block has its recursor twice."""
    made = block(Type("T", TYPE, (("T.mk", const("T")),)))
    made["recs"].append(dict(made["recs"][0]))
    return File().block(made)


@wrong("recursor")
def recursor_of_an_older_type() -> File:
    """A block has a recursor for Bool, which was closed before, instead of its own."""
    made = block(Type("T", TYPE, (("T.mk", const("T")),)))
    made["recs"] = [{**BLOCKS["Bool"]()["recs"][0], "name": "T.rec"}]
    return start("Bool").block(made)


@wrong("recursor")
def recursor_not_declared() -> File:
    """A block has no recursor, and a proof uses one under a wrong name."""
    made = {**block(Type("T", TYPE)), "recs": []}
    proof = lam("t", const("T"), lambda t: app(const("T.elim", 0), lam("t", const("T"), NO), t))
    return start("False").block(made).theorem("bad", arrow(const("T"), NO), proof)


@wrong("type")
def fields_in_another_order() -> File:
    """The recursor of pairs is said to give the fields in the other order."""
    file = start("Nat", "Eq", "Prod")
    return file.theorem("bad", eq(NAT, first_of_two(), nat(2)), refl(NAT, nat(2)))


@wrong("type")
def stuck_at_a_variable() -> File:
    """A recursion on a variable number is said to be zero by computation."""
    statement = pi("n", NAT, lambda n: eq(NAT, recurse(n, ZERO, _keep()), ZERO))
    return start("Nat", "Eq").theorem("bad", statement, lam("n", NAT, refl(NAT, ZERO)))


@wrong("type")
def k_at_a_variable_equation() -> File:
    """The recursor of equality is said to reduce at a proof that true = false."""
    moved: Fn = lambda h: app(const("Eq.rec", 1, 1), BOOL, TRUE, _constant(), nat(3), const("Bool.false"), h)  # noqa: E731
    hypothesis = eq(BOOL, TRUE, const("Bool.false"))
    statement = pi("h", hypothesis, lambda h: eq(NAT, moved(h), nat(3)))
    return start("Nat", "Bool", "Eq").theorem("bad", statement, lam("h", hypothesis, refl(NAT, nat(3))))


def _constant() -> Term:
    return lam("b", BOOL, lambda b: lam("e", eq(BOOL, TRUE, b), NAT))


@wrong("type")
def accessibility_unfolds_at_a_variable() -> File:
    """The recursor of accessibility is said to reduce at a variable proof."""
    relation = lam("a", NAT, lam("b", NAT, NO))
    acc: Fn = lambda x: app(const("Acc", 1), NAT, relation, x)  # noqa: E731
    motive = lam("x", NAT, lambda x: lam("h", acc(x), NAT))
    below: Fn = lambda x: pi("y", NAT, lambda y: arrow(app(relation, y, x), acc(y)))  # noqa: E731
    smaller: Fn = lambda x: pi("y", NAT, lambda y: arrow(app(relation, y, x), NAT))  # noqa: E731
    step = lam("x", NAT, lambda x: lam("h", below(x), lambda _: lam("ih", smaller(x), nat(3))))
    value: Fn = lambda x, h: app(const("Acc.rec", 1, 1), NAT, relation, motive, step, x, h)  # noqa: E731
    statement = pi("x", NAT, lambda x: pi("h", acc(x), lambda h: eq(NAT, value(x, h), nat(3))))
    proof = lam("x", NAT, lambda x: lam("h", acc(x), refl(NAT, nat(3))))
    return start("Nat", "False", "Eq", "Acc").theorem("bad", statement, proof)
