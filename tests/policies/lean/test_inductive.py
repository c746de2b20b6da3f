"""Inductive declarations: what is sound is taken with the right recursors, what is not is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bartizan.policies.lean.calculus.build import app, arrow, instantiate_levels, lam, local, pi
from bartizan.policies.lean.calculus.declarations import (
    Constructor,
    Definition,
    Inductive,
    InductiveType,
    Recursor,
    RecursorRule,
    Theorem,
)
from bartizan.policies.lean.calculus.terms import (
    ONE,
    PROP,
    TYPE,
    ZERO,
    App,
    Const,
    Expr,
    Lam,
    Lit,
    Max,
    Param,
    Pi,
    Proj,
    Sort,
    Succ,
    Var,
)
from bartizan.policies.lean.kernel import BudgetError, Environment, KernelError
from bartizan.policies.lean.kernel.infer import Context

from .small import BOOL, NAT, S, base, environment, eq, families, fn, inductive, refl, theorem

U, V = Param("u"), Param("v")
T = Const("T")
A, N = local("α", TYPE), local("n", NAT)


def recursor(target: Environment, name: str) -> Recursor:
    """The derived recursor of a declaration, as the environment keeps it."""
    for declaration in target.declarations:
        if isinstance(declaration, Inductive):
            for each in declaration.recursors or ():
                if each.name == name:
                    return each
    raise KeyError(name)


# --- recursors


def test_the_recursor_of_nat_is_leans() -> None:
    """Type and rules are, to the names and kinds of binders, those that Lean's kernel derives."""
    rec = recursor(base(), "Nat.rec")
    u = Param("u")
    motive = local("motive", pi([local("t", NAT)], Sort(u)))
    zero = local("zero", App(motive, Const("Nat.zero")))
    a = local("a", NAT)
    hypothesis = local("a_ih", App(motive, a))
    succ = local("succ", pi([a, hypothesis], App(motive, App(S, a))))
    t = local("t", NAT)
    expected = pi([motive], pi([zero, succ, t], App(motive, t)), "implicit")
    assert rec.type is expected
    assert (rec.level_params, rec.params, rec.indices, rec.motives, rec.minors, rec.k) == (
        ("u",),
        0,
        0,
        1,
        2,
        False,
    )
    call = app(Const("Nat.rec", (u,)), motive, zero, succ, a)
    assert rec.rules == (
        RecursorRule("Nat.zero", 0, lam([motive, zero, succ], zero)),
        RecursorRule("Nat.succ", 1, lam([motive, zero, succ, a], app(succ, a, call))),
    )


def test_every_derived_recursor_is_well_typed() -> None:
    """The kernel does not check what it derives; here its types and rules are checked by its own rules."""
    target = environment()
    for declaration in list(target.declarations):
        for rec in declaration.recursors or () if isinstance(declaration, Inductive) else ():
            target._checker.sort_of(rec.type, Context())
            family = target[rec.name].eliminator
            assert family is not None
            for rule in rec.rules:
                _check_rule(target, rec, rule)


def _check_rule(target: Environment, rec: Recursor, rule: RecursorRule) -> None:
    """``rhs : forall params motives minors fields, type of (rec params motives minors indices (ctor fields))``."""
    count = rec.params + rec.motives + rec.minors
    type, context = rec.type, Context()
    checker = target._checker
    for _ in range(count):
        assert isinstance(type, Pi)
        context = context.bind(type.name, checker.machine.delay(type.type, context.env))
        type = type.body
    levels = tuple(Param(name) for name in rec.level_params)
    made = Const(rule.constructor, levels[len(levels) - len(target[rule.constructor].level_params) :])
    constructor: Expr = app(made, *(Var(count - 1 - place) for place in range(rec.params)))
    known = checker.typing.of(checker.machine.delay(constructor, context.env))
    for _ in range(rule.fields):
        product = checker.machine.whnf(known)
        context = context.bind("f", product.domain)  # type: ignore[attr-defined]
        known = checker.machine.evaluate(product.term.body, (*product.env, context.env[-1]))  # type: ignore[attr-defined]
    arguments = [Var(count + rule.fields - 1 - place) for place in range(count + rule.fields)]
    family, reduced = checker.typing.family(known) or (None, None)
    assert family is not None and reduced is not None
    machine = checker.machine
    whole = machine.apply(
        machine.delay(Const(rec.name, levels), ()),
        (
            *context.env[:count],
            *reduced.args[rec.params :],
            machine.evaluate(made, (), (*context.env[: rec.params], *context.env[count:])),
        ),
    )
    checker.check(app(rule.rhs, *arguments), checker.typing.of(whole), context)


def test_a_mutual_declaration_has_a_recursor_for_each_type() -> None:
    """Even and odd numbers: two motives, all minor premises in both recursors, and they compute."""
    even, odd = Const("Even"), Const("Odd")
    more = Constructor("Even.succ", arrow(odd, even))
    target = environment()
    target.add(
        Inductive(
            (),
            0,
            (
                InductiveType("Even", TYPE, (Constructor("Even.zero", even), more)),
                InductiveType("Odd", TYPE, (Constructor("Odd.succ", arrow(even, odd)),)),
            ),
        )
    )  # fmt: skip
    rec = recursor(target, "Odd.rec")
    assert (rec.motives, rec.minors, [rule.constructor for rule in rec.rules]) == (2, 3, ["Odd.succ"])
    e, o, ih = local("e", even), local("o", odd), local("ih", NAT)
    count = [
        lam([e], NAT), lam([o], NAT), Const("Nat.zero"), lam([o, ih], app(S, ih)), lam([e, ih], app(S, ih)),
    ]  # fmt: skip
    two = app(Const("Even.succ"), app(Const("Odd.succ"), Const("Even.zero")))
    size = app(Const("Even.rec", (ONE,)), *count, two)
    target.add(theorem(eq(NAT, size, Lit(2)), refl(NAT, Lit(2))))
    for name in ("Even.rec", "Odd.rec"):
        derived = recursor(target, name)
        target._checker.sort_of(derived.type, Context())
        for rule in derived.rules:
            _check_rule(target, derived, rule)


def test_a_field_that_is_a_function_has_a_hypothesis_that_is_one() -> None:
    """Well-founded trees: the induction hypothesis of ``f : Nat -> T`` is ``forall n, motive (f n)``."""
    target = environment()
    target.add(inductive("T", TYPE, {"leaf": T, "node": arrow(arrow(NAT, T), T)}))
    t, f = local("t", T), local("f", arrow(NAT, T))
    ih = local("ih", arrow(NAT, NAT))
    node = App(Const("T.node"), Lam("n", NAT, Const("T.leaf")))
    depth = app(
        Const("T.rec", (ONE,)), lam([t], NAT), Lit(1), lam([f, ih], app(S, app(ih, Lit(7)))), node
    )  # fmt: skip
    target.add(theorem(eq(NAT, depth, Lit(2)), refl(NAT, Lit(2))))
    _check_rule(target, recursor(target, "T.rec"), recursor(target, "T.rec").rules[1])


LARGE = {
    "Nat": True, "Eq": True, "False": True, "True": True, "And": True, "Or": False, "Prod": True, "List": True,
    "Acc": True, "Exists": False,
}  # fmt: skip


@pytest.mark.parametrize("name", LARGE)
def test_which_types_eliminate_into_every_universe(name: str) -> None:
    """Types do; of the Props those with at most one constructor whose data stand in the indices."""
    rec = recursor(base(), f"{name}.rec")
    assert (len(rec.level_params) > len(base()[name].level_params)) == LARGE[name]
    assert rec.k == (name in ("Eq", "True"))


def test_a_type_that_may_be_a_prop_eliminates_like_one() -> None:
    """``Sort u`` may be Prop: two constructors must not be told apart there."""
    target = environment()
    t = Const("T", (U,))
    target.add(inductive("T", Sort(U), {"a": t, "b": t}, levels="u"))
    assert recursor(target, "T.rec").level_params == ("u",)
    target.add(inductive("W", Sort(Max(U, ONE)), {"a": Const("W", (U,)), "b": Const("W", (U,))}, levels="u"))
    assert recursor(target, "W.rec").level_params == ("u_1", "u")


def test_or_cannot_be_eliminated_into_data() -> None:
    """Nothing tells a left proof from a right one."""
    p, q = local("p", PROP), local("q", PROP)
    h = local("h", fn("Or", p, q))
    a, b = local("a", p), local("b", q)
    side = lam(
        [p, q, h],
        app(Const("Or.rec", (ONE,)), p, q, lam([h], NAT), lam([a], Lit(0)), lam([b], Lit(1)), h),
    )
    with pytest.raises(KernelError, match="universe levels"):
        environment().add(Definition("side", (), pi([p, q, h], NAT), side))
    side = lam([p, q, h], app(Const("Or.rec"), p, q, lam([h], NAT), lam([a], Lit(0)), lam([b], Lit(1)), h))
    with pytest.raises(KernelError, match="expected"):
        environment().add(Definition("side", (), pi([p, q, h], NAT), side))


# --- what is refused


def _bad() -> dict[str, tuple[Inductive, str]]:
    x = local("x", T)
    list_t = app(Const("List", (ZERO,)), T)
    box = Const("Box")
    of = app(box, A)
    ta = App(Const("T"), A)
    p = local("p", PROP)
    return {
        "a negative field": (inductive("T", TYPE, {"mk": arrow(arrow(T, NAT), T)}), "left of an arrow"),
        "a negative field of a Prop": (inductive("T", PROP, {"mk": arrow(arrow(T, fn("False")), T)}), "left of an"),
        "a positive but not strictly positive field": (
            inductive("T", TYPE, {"mk": arrow(arrow(arrow(T, NAT), NAT), T)}),
            "left of an arrow",
        ),
        "a deep negative field": (
            inductive("T", TYPE, {"mk": arrow(arrow(NAT, arrow(arrow(NAT, T), T)), T)}),
            "left of an arrow",
        ),
        "a nested field": (inductive("T", TYPE, {"mk": arrow(list_t, T)}), "nested"),
        "a field hidden in a function": (
            inductive("T", TYPE, {"mk": arrow(app(Lam("X", TYPE, arrow(Var(0), NAT)), T), T)}),
            "nested",
        ),
        "a field hidden in an identity": (
            inductive("T", TYPE, {"mk": arrow(app(Const("id", (Succ(ONE),)), TYPE, T), T)}),
            "nested",
        ),
        "the type in its own index": (
            inductive("T", arrow(TYPE, TYPE), {"mk": arrow(App(T, App(T, NAT)), App(T, NAT))}),
            "nested",
        ),
        "another parameter in a field": (
            inductive("T", arrow(TYPE, TYPE), {"mk": pi([A], arrow(App(T, NAT), ta))}, 1),
            "nested",
        ),
        "another parameter in the result": (
            inductive("T", arrow(TYPE, TYPE), {"mk": pi([A], App(T, NAT))}, 1),
            "does not end in T",
        ),
        "a result that is another type": (inductive("T", TYPE, {"mk": NAT}), "does not end in T"),
        "a result that reduces to the type": (
            inductive("T", TYPE, {"mk": app(Const("id", (Succ(ONE),)), TYPE, T)}),
            "does not end in T",
        ),
        "a missing parameter": (inductive("T", arrow(TYPE, TYPE), {"mk": App(T, NAT)}, 1), "parameter"),
        "a parameter of another type": (
            inductive("T", arrow(TYPE, TYPE), {"mk": pi([local("α", PROP)], T)}, 1),
            "where a type must",
        ),
        "a parameter of another domain": (
            inductive("T", arrow(NAT, TYPE), {"mk": pi([local("b", BOOL)], App(T, Lit(0)))}, 1),
            "is not that of the declaration",
        ),
        "too many parameters": (inductive("T", TYPE, {"mk": T}, 1), "fewer than"),
        "a negative number of parameters": (inductive("T", TYPE, {"mk": T}, -1), "natural number"),
        "a field in a larger universe": (inductive("T", TYPE, {"mk": arrow(TYPE, T)}), "above"),
        "a field in a universe that may be larger": (
            inductive("T", Sort(Succ(U)), {"mk": arrow(Sort(V), Const("T", (U, V)))}, levels="u v"),
            "above",
        ),
        "a function field in a larger universe": (
            inductive("T", TYPE, {"mk": arrow(arrow(TYPE, NAT), T)}),
            "above",
        ),
        "a Sort that is not larger when its level is zero": (
            inductive("T", Sort(U), {"mk": arrow(NAT, Const("T", (U,)))}, levels="u"),
            "above",
        ),
        "a type that is no type": (inductive("T", NAT, {}), "does not end in a universe"),
        "a type that is no term": (inductive("T", Lit(3), {}), "where a type must"),
        "an ill-typed field": (inductive("T", TYPE, {"mk": arrow(Lit(3), T)}), "where a type must"),
        "a field that projects out of the type": (
            inductive("T", TYPE, {"mk": pi([x, local("y", Proj("T", 0, x))], T)}),
            "no field",
        ),
        "a constructor twice": (
            Inductive((), 0, (InductiveType("T", TYPE, (Constructor("T.a", T), Constructor("T.a", T))),)),
            "same name",
        ),
        "a constructor with the type's name": (
            Inductive((), 0, (InductiveType("T", TYPE, (Constructor("T", T),)),)),
            "same name",
        ),
        "a constructor with the recursor's name": (inductive("T", TYPE, {"rec": T}), "same name"),
        "a name that is taken": (inductive("Nat", TYPE, {"mk": NAT}), "already declared"),
        "a constructor whose name is taken": (
            Inductive((), 0, (InductiveType("T", TYPE, (Constructor("Nat.add", T),)),)),
            "already declared",
        ),
        "an ill-formed name": (inductive("a..b", TYPE, {}), "not a name"),
        "no name": (inductive("", TYPE, {}), "anonymous"),
        "no types": (Inductive((), 0, ()), "without types"),
        "mutual types in two universes": (
            Inductive((), 0, (InductiveType("T", TYPE, ()), InductiveType("W", Sort(Succ(ONE)), ()))),
            "same universe",
        ),
        "mutual types with other parameters": (
            Inductive((), 1, (InductiveType("T", arrow(TYPE, TYPE), ()), InductiveType("W", arrow(NAT, TYPE), ()))),
            "is not that of the declaration",
        ),
        "a mutual negative field": (
            Inductive(
                (),
                0,
                (
                    InductiveType("T", TYPE, (Constructor("T.mk", arrow(arrow(Const("W"), NAT), T)),)),
                    InductiveType("W", TYPE, (Constructor("W.mk", arrow(T, Const("W"))),)),
                ),
            ),
            "left of an arrow",
        ),
        "a constructor of the wrong mutual type": (
            Inductive(
                (), 0, (InductiveType("T", TYPE, (Constructor("T.mk", Const("W")),)), InductiveType("W", TYPE, ()))
            ),
            "does not end in T",
        ),
        "another universe for itself": (
            inductive("T", Sort(Succ(U)), {"mk": arrow(Const("T", (ZERO,)), Const("T", (U,)))}, levels="u"),
            "nested",
        ),
        "a free variable": (inductive("T", TYPE, {"mk": arrow(of, T)}), "free variable"),
        "an unknown level": (inductive("T", Sort(Succ(U)), {}), "no universe parameter"),
        "a level twice": (inductive("T", Sort(Succ(U)), {}, levels="u u"), "declared twice"),
        "impredicative data with a proof": (
            inductive("T", TYPE, {"mk": pi([p], arrow(TYPE, T))}),
            "above",
        ),
    }  # fmt: skip


BAD = _bad()


@pytest.mark.parametrize("name", BAD)
def test_unsound_declarations_are_refused(name: str) -> None:
    """Each with its reason; afterwards the environment is as before."""
    declaration, reason = BAD[name]
    target = environment()
    before = dict(target.constants)
    with pytest.raises(KernelError, match=reason):
        target.add(declaration)
    assert target.constants == before


@pytest.mark.parametrize("name", ["Nat", "Bool"])
def test_nat_and_bool_are_leans_or_refused(name: str) -> None:
    """Literals and computed functions speak of them by name, so nothing else may have these names."""
    type = Const(name)
    others: list[Inductive | Definition] = [
        inductive(name, TYPE, {"a": type}),
        inductive(name, TYPE, {"succ": arrow(type, type), "zero": type}),
        inductive(name, Sort(Succ(ONE)), {"zero": type, "succ": arrow(type, type)}),
        inductive(name, PROP, {"false": type, "true": type}),
        inductive(name, TYPE, {"true": type, "false": type}),
        Definition(name, (), TYPE, PROP),
        Definition(f"{name}.rec", (), TYPE, PROP),
    ]
    for each in others:
        with pytest.raises(KernelError, match="differently from Lean's"):
            Environment().add(each)


# --- declared recursors


def _changed(rec: Recursor) -> dict[str, Recursor]:
    first, second = rec.rules
    assert isinstance(rec.type, Pi)
    assert isinstance(second.rhs, Lam)
    return {
        "another name": replace(rec, name="Nat.rec'"),
        "another type": replace(rec, type=arrow(NAT, NAT)),
        "a type with one binder less": replace(rec, type=rec.type.body),
        "fixed to Prop": replace(rec, level_params=()),
        "one level more": replace(rec, level_params=("u", "v")),
        "a level without a name, which nothing may be called": replace(
            rec,
            level_params=("",),
            type=instantiate_levels(rec.type, ("u",), (ZERO,)),
            rules=tuple(
                replace(rule, rhs=instantiate_levels(rule.rhs, ("u",), (ZERO,))) for rule in rec.rules
            ),
        ),
        "K": replace(rec, k=True),
        "other indices": replace(rec, indices=1),
        "other parameters": replace(rec, params=1),
        "other motives": replace(rec, motives=2),
        "other minors": replace(rec, minors=1),
        "one rule less": replace(rec, rules=(first,)),
        "rules in another order": replace(rec, rules=(second, first)),
        "rules swapped": replace(rec, rules=(replace(first, rhs=second.rhs), replace(second, rhs=first.rhs))),
        "other fields": replace(rec, rules=(first, replace(second, fields=2))),
        "a rule without the hypothesis": replace(rec, rules=(first, replace(second, rhs=first.rhs))),
    }


CHANGED = _changed(recursor(base(), "Nat.rec"))


@pytest.mark.parametrize("name", CHANGED)
def test_a_declared_recursor_that_is_not_the_derived_one_is_refused(name: str) -> None:
    """The kernel derives recursors itself and compares; it never uses the declared ones."""
    nat = families()[0]
    assert isinstance(nat, Inductive)
    with pytest.raises(KernelError, match=r"recursor|rule|derived"):
        Environment().add(replace(nat, recursors=(CHANGED[name],)))


def test_a_declared_recursor_may_name_its_binders_otherwise() -> None:
    """Names of binders and of level parameters, and kinds of binders, are not compared."""
    nat = families()[0]
    assert isinstance(nat, Inductive)
    rec = recursor(base(), "Nat.rec")
    assert isinstance(rec.type, Pi)
    motive = Pi("x", NAT, Sort(Param("w")))
    renamed = replace(rec, level_params=("w",), type=Pi("P", motive, rec.type.body, "default"))
    rules = tuple(
        replace(rule, rhs=Lam("P", motive, _at_w(rule.rhs))) for rule in rec.rules
    )  # fmt: skip
    Environment().add(replace(nat, recursors=(replace(renamed, rules=rules),)))


def _at_w(rhs: Expr) -> Expr:
    assert isinstance(rhs, Lam)
    return instantiate_levels(rhs.body, ("u",), (Param("w"),))


def test_no_recursor_may_be_left_out() -> None:
    """A file that declares recursors declares all of them."""
    nat = families()[0]
    assert isinstance(nat, Inductive)
    with pytest.raises(KernelError, match="recursors must be"):
        Environment().add(replace(nat, recursors=()))


def test_false_cannot_be_proved_from_a_prop_that_hides_data() -> None:
    """The projection of a witness would tell equal proofs apart; it is refused, so this proof of False fails."""
    sq = Const("Sq")
    n, s = local("n", NAT), local("s", sq)
    target = environment()
    target.add(inductive("Sq", PROP, {"mk": arrow(NAT, sq)}))
    one, two = App(Const("Sq.mk"), Lit(1)), App(Const("Sq.mk"), Lit(2))
    target.add(Theorem("same", (), eq(sq, one, two, ZERO), refl(sq, one, ZERO)))
    by_field = lam([s], Proj("Sq", 0, s))
    with pytest.raises(KernelError, match="takes data out of the Prop"):
        target.add(Definition("get", (), arrow(sq, NAT), by_field))
    by_recursor = lam([s], app(Const("Sq.rec"), lam([s], NAT), lam([n], n), s))
    with pytest.raises(KernelError, match="expected"):
        target.add(Definition("get", (), arrow(sq, NAT), by_recursor))


def test_large_declarations_cost_what_their_recursors_take() -> None:
    """Each recursor names all motives, each rule all minor premises: very many of them are over budget."""
    many: dict[str, Expr] = {f"c{place}": T for place in range(3_000)}
    with pytest.raises(BudgetError, match="more steps"):
        environment().add(inductive("T", TYPE, many))
    wide: Expr = T
    for _ in range(600):
        wide = arrow(NAT, wide)
    with pytest.raises(KernelError, match="more than 500"):
        environment().add(inductive("T", TYPE, {"mk": wide}))
    environment().add(inductive("T", TYPE, {f"c{place}": T for place in range(60)}))
    long: Expr = N
    for _ in range(1_000):
        long = App(S, long)
    mixed = {f"c{place}": pi([N], arrow(eq(NAT, N, long), T)) for place in range(50)}
    with pytest.raises(BudgetError, match="more steps"):
        environment().add(inductive("T", TYPE, mixed))
    empty = tuple(InductiveType(f"T{place}", TYPE, ()) for place in range(3_000))
    with pytest.raises(BudgetError, match="more steps"):
        environment().add(Inductive((), 0, empty))
