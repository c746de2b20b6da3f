"""Data taken out of propositions: two proofs of one proposition are equal, so what they hold must stay inside."""

from __future__ import annotations

from typing import Any

from tests.policies.lean.corpus.derive import Type, block
from tests.policies.lean.corpus.family import Family
from tests.policies.lean.corpus.forge import (
    PROP,
    TYPE,
    File,
    Fn,
    Level,
    Term,
    app,
    arrow,
    const,
    lam,
    nat,
    pi,
    proj,
    sort,
)
from tests.policies.lean.corpus.prelude import (
    BLOCKS,
    BOOL,
    FALSE,
    NAT,
    NO,
    TRIVIAL,
    TRUE,
    YES,
    eq,
    refl,
    start,
)

FAMILY = Family("elimination")
wrong, valid = FAMILY.wrong, FAMILY.valid

P = const("P")


def two(type_: Term = PROP, *levels: str, large: bool = True) -> dict[str, Any]:
    """A type with two constructors, which in Prop must not be told apart."""
    self = const("P", *levels)
    return block(Type("P", type_, (("P.a", self), ("P.b", self))), levels=levels, large=large)


def holder(field: Term = BOOL, type_: Term = PROP, *levels: str, large: bool = True) -> dict[str, Any]:
    """A type with one constructor that holds one field."""
    made = pi("x", field, const("P", *levels))
    return block(Type("P", type_, (("P.mk", made),)), levels=levels, large=large)


def exploit(file: File, level: Level, *levels: Level) -> File:
    """The proof of False that a recursor of `two` into every sort gives."""
    one, other, self = (const(name, *levels) for name in ("P.a", "P.b", "P"))
    rec = const("P.rec", level, *levels)
    told = lam("p", self, lambda p: app(rec, lam("_", self, BOOL), TRUE, FALSE, p))
    file.define("told", arrow(self, BOOL), told)
    meaning = lam("b", BOOL, lambda b: app(const("Bool.rec", 1), lam("_", BOOL, PROP), NO, YES, b))
    file.define("meaning", arrow(BOOL, PROP), meaning)
    file.theorem("same", eq(self, one, other, 0), refl(self, one, 0))
    motive = lam(
        "p", self, lambda p: lam("_", eq(self, one, p, 0), app(const("meaning"), app(const("told"), p)))
    )
    proof = app(const("Eq.rec", 0, 0), self, one, motive, TRIVIAL, other, const("same"))
    return file.theorem("bad", NO, proof)


@valid
def into_prop() -> File:
    """A proposition with two constructors eliminates into propositions, one without data into every sort."""
    file = start("Bool", "True", "False", "Eq", "And", "Acc").block(two(large=False))
    file.define(
        "absurd", pi("h", NO, BOOL), lam("h", NO, lambda h: app(const("False.rec", 1), lam("_", NO, BOOL), h))
    )
    proof = lam("p", P, lambda p: app(const("P.rec"), lam("_", P, YES), TRIVIAL, TRIVIAL, p))
    return file.theorem("either", arrow(P, YES), proof)


@valid
def data_in_the_index() -> File:
    """A field that is the index of the result may be told, since the type says it already."""
    made = pi("n", NAT, lambda n: app(P, n))
    return start("Nat").block(block(Type("P", arrow(NAT, PROP), (("P.mk", made),))))


@valid
def proofs_taken_out() -> File:
    """A proof may be projected out of a proposition."""
    file = start("True", "And")
    both = app(const("And"), YES, YES)
    return file.theorem("left", arrow(both, YES), lam("h", both, lambda h: proj("And", 0, h)))


@wrong("recursor")
def two_constructors() -> File:
    """A proposition with two constructors has a recursor into every sort, and False is proved with it."""
    return exploit(start("Bool", "True", "False", "Eq").block(two()), 1)


@wrong("recursor")
def two_constructors_by_silence() -> File:
    """A proposition with two constructors is declared without a recursor, and one into every sort is used."""
    return exploit(start("Bool", "True", "False", "Eq").block({**two(), "recs": []}), 1)


@wrong("recursor")
def prop_by_imax() -> File:
    """The sort of the proposition with two constructors is written imax 1 0."""
    return exploit(start("Bool", "True", "False", "Eq").block(two(sort(("imax", 1, 0)))), 1)


@wrong("recursor")
def prop_by_max() -> File:
    """The sort of the proposition with two constructors is written max 0 0."""
    return exploit(start("Bool", "True", "False", "Eq").block(two(sort(("max", 0, 0)))), 1)


@wrong("recursor")
def prop_by_imax_of_a_parameter() -> File:
    """The sort of the proposition with two constructors is written imax u 0."""
    file = start("Bool", "True", "False", "Eq").block(two(sort(("imax", "u", 0)), "u"))
    return exploit(file, 1, 4)


@wrong("recursor")
def perhaps_prop() -> File:
    """A type in the sort of level u, which may be Prop, has two constructors and a recursor into every sort."""
    return exploit(start("Bool", "True", "False", "Eq").block(two(sort("u"), "u")), 1, 0)


@wrong("recursor")
def perhaps_prop_by_imax() -> File:
    """The same with the sort of level imax 1 u."""
    return exploit(start("Bool", "True", "False", "Eq").block(two(sort(("imax", 1, "u")), "u")), 1, 0)


@wrong("inductive")
def prop_by_an_alias() -> File:
    """The sort of the proposition with two constructors is the alias of Prop."""
    file = start("Bool", "True", "False", "Eq").define("Proposition", TYPE, PROP)
    return exploit(file.block(two(const("Proposition"))), 1)


@wrong("recursor")
def holding_data() -> File:
    """A proposition that holds a Bool has a recursor into every sort."""
    return start("Bool").block(holder())


@wrong("recursor")
def holding_a_type() -> File:
    """A proposition that holds a type has a recursor into every sort."""
    return File().block(holder(TYPE))


@wrong("recursor")
def holding_data_as_well() -> File:
    """Of the two fields of a proposition only one is a proof, and the recursor goes into every sort."""
    made = pi("h", YES, pi("b", BOOL, P))
    return start("Bool", "True").block(block(Type("P", PROP, (("P.mk", made),))))


@wrong("recursor")
def disjunction() -> File:
    """The recursor of a disjunction goes into every sort."""
    made = BLOCKS["Or"]()
    type_ = arrow(PROP, PROP, PROP)
    constructors = tuple((each["name"], each["type"]) for each in made["ctors"])
    return File().block(block(Type("Or", type_, constructors), params=2))


@wrong("recursor")
def existence() -> File:
    """The recursor of an existence goes into every sort."""
    made = BLOCKS["Exists"]()
    constructors = ((made["ctors"][0]["name"], made["ctors"][0]["type"]),)
    return File().block(
        block(Type("Exists", made["types"][0]["type"], constructors), params=2, levels=("u",))
    )


@wrong("recursor")
def data_in_a_function_of_the_index() -> File:
    """The index is a function of the field, from which the field cannot be read."""
    made = pi("n", NAT, lambda n: app(P, app(lam("k", NAT, nat(0)), n)))
    return start("Nat").block(block(Type("P", arrow(NAT, PROP), (("P.mk", made),))))


@wrong("recursor")
def data_in_a_successor_of_the_index() -> File:
    """The index is the successor of the field: Lean asks for the field itself."""
    made = pi("n", NAT, lambda n: app(P, app(const("Nat.succ"), n)))
    return start("Nat").block(block(Type("P", arrow(NAT, PROP), (("P.mk", made),))))


@wrong("recursor")
def data_in_the_index_of_a_field() -> File:
    """The data occur in the type of another field, and not in the result."""
    made = pi("n", NAT, lambda n: pi("h", eq(NAT, n, n), P))
    return start("Nat", "Eq").block(block(Type("P", PROP, (("P.mk", made),))))


@wrong("recursor")
def mutual_propositions() -> File:
    """Two propositions that are declared together have recursors into every sort."""
    first = Type("A", PROP, (("A.mk", arrow(const("B"), const("A"))),))
    second = Type("B", PROP, (("B.mk", arrow(const("A"), const("B"))),))
    return File().block(block(first, second))


@wrong("recursor")
def mutual_propositions_without_proofs() -> File:
    """Two propositions without proofs, which Lean lets go into propositions only when declared together, go further."""
    return File().block(block(Type("A", PROP), Type("B", PROP)))


@wrong("type")
def no_eta_for_propositions() -> File:
    """The recursor of a conjunction is said to compute at a variable proof, as that of a structure of data would."""
    both = app(const("And"), YES, YES)
    step = lam("a", YES, lam("b", YES, nat(3)))
    value: Fn = lambda h: app(const("And.rec", 1), YES, YES, lam("h", both, NAT), step, h)  # noqa: E731
    statement = pi("h", both, lambda h: eq(NAT, value(h), nat(3)))
    return start("Nat", "True", "And", "Eq").theorem("bad", statement, lam("h", both, refl(NAT, nat(3))))


@wrong("recursor")
def elimination_denied() -> File:
    """The recursor of False goes into propositions only, although it could go into every sort."""
    return File().block(block(Type("False", PROP), large=False))


@wrong("recursor")
def k_where_there_are_two() -> File:
    """A proposition with two constructors claims to reduce for every argument."""
    made = two(large=False)
    made["recs"][0]["k"] = True
    return File().block(made)


def _projected(file: File, struct: Term, field: int, result: Term) -> File:
    return file.define("out", arrow(struct, result), lam("p", struct, lambda p: proj("P", field, p)))


@wrong("type")
def data_projected() -> File:
    """A Bool is projected out of a proposition."""
    return _projected(start("Bool").block(holder(large=False)), P, 0, BOOL)


@wrong("type")
def type_projected() -> File:
    """A type is projected out of a proposition."""
    return _projected(File().block(holder(TYPE, large=False)), P, 0, TYPE)


@wrong("type")
def witness_projected() -> File:
    """The witness of an existence is projected."""
    some = app(const("Exists", 1), NAT, lam("n", NAT, YES))
    value = lam("h", some, lambda h: proj("Exists", 0, h))
    return start("Nat", "True", "Exists").define("out", arrow(some, NAT), value)


@wrong("type")
def proof_about_data_projected() -> File:
    """The proof about the witness of an existence is projected, which tells about the witness."""
    some = app(const("Exists", 1), NAT, lam("n", NAT, lambda n: eq(NAT, n, n)))
    value = lam("h", some, lambda h: proj("Exists", 1, h))
    result = pi("h", some, lambda h: eq(NAT, proj("Exists", 0, h), proj("Exists", 0, h)))
    return start("Nat", "Eq", "Exists").define("out", result, value)


@wrong("type")
def proof_after_data_projected() -> File:
    """A proof of True is projected, but the way it is stated mentions the data before it."""
    stated = lam("_", BOOL, YES)
    made = pi("b", BOOL, lambda b: pi("h", app(stated, b), P))
    file = start("Bool", "True").block(block(Type("P", PROP, (("P.mk", made),)), large=False))
    return _projected(file, P, 1, YES)


@wrong("type")
def data_projected_in_a_statement() -> File:
    """A statement, not a proof, projects data out of a proposition."""
    file = start("Bool", "Eq").block(holder(large=False))
    return file.define("S", PROP, pi("p", P, lambda p: eq(BOOL, proj("P", 0, p), TRUE)))


@wrong("type")
def data_in_the_index_projected() -> File:
    """A field that is also the index is projected, which only the recursor may do."""
    made = pi("n", NAT, lambda n: app(P, n))
    file = start("Nat").block(block(Type("P", arrow(NAT, PROP), (("P.mk", made),))))
    value = lam("n", NAT, lambda n: lam("p", app(P, n), lambda p: proj("P", 0, p)))
    return file.define("out", pi("n", NAT, lambda n: arrow(app(P, n), NAT)), value)


def _disguised(level: Level) -> File:
    """The proof of False from a structure in a disguised Prop, one of whose fields is projected."""
    file = start("Bool", "True", "False", "Eq").block(holder(BOOL, sort(level), large=False))
    _projected(file, P, 0, BOOL)
    file.define("Plain", PROP, P)
    one, other = app(const("P.mk"), TRUE), app(const("P.mk"), FALSE)
    file.theorem("same", eq(const("Plain"), one, other, 0), refl(const("Plain"), one, 0))
    moved = lam("p", P, lambda p: lam("_", eq(P, one, p, 0), eq(BOOL, TRUE, proj("P", 0, p))))
    proof = app(const("Eq.rec", 0, 0), P, one, moved, refl(BOOL, TRUE), other, const("same"))
    return file.theorem("bad", eq(BOOL, TRUE, FALSE), proof)


@wrong("type")
def data_projected_out_of_imax() -> File:
    """The sort of the proposition out of which a Bool is projected is written imax 1 0."""
    return _disguised(("imax", 1, 0))


@wrong("type")
def data_projected_out_of_max() -> File:
    """The sort of the proposition out of which a Bool is projected is written max 0 (imax 2 0)."""
    return _disguised(("max", 0, ("imax", 2, 0)))


@wrong("type")
def proofs_of_data_are_equal() -> File:
    """Two elements of a type of data are said to be equal as if they were proofs."""
    statement = pi("α", TYPE, lambda a: pi("x", a, lambda x: pi("y", a, lambda y: eq(a, x, y))))
    proof = lam("α", TYPE, lambda a: lam("x", a, lambda x: lam("y", a, refl(a, x))))
    return start("Eq").theorem("bad", statement, proof)


@wrong("type")
def perhaps_proofs_are_equal() -> File:
    """Two elements of a type in the sort of level u are said to be equal, since u might be 0."""
    over = sort("u")
    statement = pi("α", over, lambda a: pi("x", a, lambda x: pi("y", a, lambda y: eq(a, x, y, "u"))))
    proof = lam("α", over, lambda a: lam("x", a, lambda x: lam("y", a, refl(a, x, "u"))))
    return start("Eq").theorem("bad", statement, proof, ("u",))


@wrong("type")
def propositions_are_equal() -> File:
    """Two propositions, True and False, are said to be equal: only their proofs are."""
    return start("True", "False", "Eq").theorem("bad", eq(PROP, YES, NO), refl(PROP, YES))
