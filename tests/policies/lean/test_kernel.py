"""The typing rules: what the kernel accepts, and what it refuses with which reason."""

from __future__ import annotations

import pytest

from bartizan.policies.lean.calculus.build import app, arrow, lam, let, local, pi
from bartizan.policies.lean.calculus.declarations import Axiom, Declaration, Definition, Opaque, Theorem
from bartizan.policies.lean.calculus.terms import (
    ONE,
    PROP,
    TYPE,
    ZERO,
    App,
    Const,
    Expr,
    IMax,
    Lam,
    Let,
    Lit,
    Max,
    Param,
    Pi,
    Proj,
    Sort,
    Succ,
    Var,
)
from bartizan.policies.lean.kernel import Budget, BudgetError, Environment, KernelError

from .small import BOOL, FALSE, NAT, TRUE, S, base, environment, eq, fn, inductive, nat_rec, refl, theorem

M, N = local("m", NAT), local("n", NAT)
P, Q = local("p", PROP), local("q", PROP)


def prod(left: Expr, right: Expr) -> Expr:
    """The pairs of numbers with numbers."""
    return app(Const("Prod.mk", (ZERO, ZERO)), NAT, NAT, left, right)


PAIR = app(Const("Prod", (ZERO, ZERO)), NAT, NAT)


def equal_in(type: Expr, left: Expr, right: Expr) -> Theorem:
    """A theorem that holds if the kernel finds both sides equal by computation."""
    return theorem(eq(type, left, right), refl(type, left))


def _equations() -> dict[str, Theorem]:
    f, pair, u = local("f", arrow(NAT, NAT)), local("x", PAIR), local("u", Const("Unit"))
    h, k = local("h", P), local("k", P)
    x = local("x", NAT)
    to_nat = arrow(NAT, NAT)
    double = lam([N], fn("Nat.add", N, N))
    nested = lam([N], nat_rec(NAT, N, lam([M, x], app(S, x)), Lit(2)))
    proof = local("e", eq(NAT, M, M))
    cast = app(
        Const("Eq.rec", (ONE, ONE)), NAT, M, lam([N, local("_", eq(NAT, M, N))], NAT), Lit(4), M, proof
    )
    return {
        "beta": equal_in(NAT, app(double, Lit(4)), Lit(8)),
        "zeta": equal_in(NAT, let(x, Lit(4), fn("Nat.mul", x, x)), Lit(16)),
        "iota": equal_in(NAT, app(nested, Lit(7)), Lit(9)),
        "delta": equal_in(NAT, app(Const("id", (ONE,)), NAT, Lit(1)), Lit(1)),
        "eta": theorem(pi([f], eq(to_nat, lam([N], app(f, N)), f)), lam([f], refl(to_nat, f))),
        "projection": equal_in(NAT, Proj("Prod", 1, prod(Lit(1), Lit(2))), Lit(2)),
        "structure eta": theorem(
            pi([pair], eq(PAIR, prod(Proj("Prod", 0, pair), Proj("Prod", 1, pair)), pair)),
            lam([pair], refl(PAIR, pair)),
        ),
        "unit eta": theorem(
            pi([u], eq(Const("Unit"), u, Const("Unit.mk"))), lam([u], refl(Const("Unit"), u))
        ),
        "proof irrelevance": theorem(pi([P, h, k], eq(P, h, k, ZERO)), lam([P, h, k], refl(P, h, ZERO))),
        "K": theorem(pi([M, proof], eq(NAT, cast, Lit(4))), lam([M, proof], refl(NAT, Lit(4)))),
        "iota by eta": theorem(
            pi([pair], eq(NAT, _first(pair), Proj("Prod", 0, pair))),
            lam([pair], refl(NAT, Proj("Prod", 0, pair))),
        ),
        "under binders": theorem(eq(to_nat, lam([N], fn("Nat.add", N, Lit(1))), S), refl(to_nat, S)),
        "symbolic": theorem(
            pi([N], eq(NAT, fn("Nat.add", N, Lit(3)), app(S, app(S, app(S, N))))),
            lam([N], refl(NAT, fn("Nat.add", N, Lit(3)))),
        ),
    }


def _first(pair: Expr) -> Expr:
    a, b = local("a", NAT), local("b", NAT)
    motive = lam([local("_", PAIR)], NAT)
    return app(Const("Prod.rec", (ONE, ZERO, ZERO)), NAT, NAT, motive, lam([a, b], a), pair)


EQUATIONS = _equations()


@pytest.mark.parametrize("name", EQUATIONS)
def test_terms_are_equal_by_computation(name: str) -> None:
    """Each rule of definitional equality, in a theorem that only it proves."""
    environment().add(EQUATIONS[name])


def _wrong() -> dict[str, tuple[Declaration, str]]:
    x = local("x", NAT)
    h = local("h", fn("And", P, Q))
    u, v = Param("u"), Param("v")
    bad_pair = Definition("c", (), PAIR, app(prod(Lit(1), Lit(2)), Lit(3)))
    data = app(Const("Exists", (ONE,)), NAT, lam([N], fn("True")))
    witness = local("w", data)
    return {
        "another value": (equal_in(NAT, Lit(2), Lit(3)), "expected"),
        "another type": (Definition("c", (), NAT, TRUE), "expected Nat"),
        "no function": (bad_pair, "a function is expected"),
        "a function where none is expected": (Definition("c", (), NAT, lam([N], N)), "is a function"),
        "an argument of another type": (Definition("c", (), NAT, app(S, TRUE)), "expected Nat"),
        "an annotation of another type": (
            Definition("c", (), arrow(NAT, NAT), lam([local("b", BOOL)], Lit(1))),
            "argument of type Bool",
        ),
        "a value for a type": (Definition("c", (), pi([local("x", Lit(3))], NAT), Lit(1)), "where a type must"),
        "a loose variable": (Definition("c", (), NAT, Var(0)), "no binder"),
        "a variable too far out": (Definition("c", (), arrow(NAT, NAT), Lam("x", NAT, Var(1))), "no binder"),
        "a free variable": (Definition("c", (), NAT, x), "free variable"),
        "an unknown constant": (Definition("c", (), NAT, Const("later")), "not declared before"),
        "itself": (Definition("c", (), NAT, Const("c")), "not declared before"),
        "a theorem about itself": (theorem(fn("False"), Const("claim")), "not declared before"),
        "data as a theorem": (Theorem("c", (), NAT, Lit(1)), "must be a Prop"),
        "a universe in itself": (Definition("c", (), TYPE, TYPE), "has type Sort 2"),
        "a universe in itself, by a parameter": (Definition("c", ("u",), Sort(u), Sort(u)), "expected"),
        "a missing level": (Definition("c", (), NAT, app(Const("id"), NAT, Lit(1))), "universe levels"),
        "too many levels": (Definition("c", (), NAT, App(Const("Nat.succ", (ONE,)), Lit(1))), "universe levels"),
        "an unknown level": (Definition("c", ("u",), Sort(Succ(v)), Sort(v)), "no universe parameter"),
        "a level of an argument": (Definition("c", (), Sort(ONE), app(Const("id", (u,)), NAT)), "no universe"),
        "a repeated level": (Definition("c", ("u", "u"), NAT, Lit(1)), "declared twice"),
        "an anonymous level": (Definition("c", ("",), NAT, Lit(1)), "anonymous"),
        "a repeated name": (Definition("Nat.add", (), NAT, Lit(1)), "already declared"),
        "no name": (Definition("", (), NAT, Lit(1)), "anonymous"),
        "an ill-formed name": (Definition("a..b", (), NAT, Lit(1)), "not a name"),
        "an axiom": (Axiom("sorry", (), fn("False")), "not allowed"),
        "a field that is not there": (Definition("c", (), NAT, Proj("Prod", 2, prod(Lit(1), Lit(2)))), "no field 2"),
        "a field of another structure": (Definition("c", (), NAT, Proj("And", 0, prod(Lit(1), Lit(2)))), "no field"),
        "a field of no structure": (Definition("c", (), NAT, Proj("Nat", 0, Lit(1))), "no field"),
        "data out of a Prop": (
            Definition("c", (), arrow(data, NAT), lam([witness], Proj("Exists", 0, witness))),
            "takes data out of the Prop",
        ),
        "a proof after data out of a Prop": (
            Theorem("c", (), arrow(data, fn("True")), lam([witness], Proj("Exists", 1, witness))),
            "takes data out of the Prop",
        ),
        "a wrong let": (Definition("c", (), NAT, Let("x", NAT, TRUE, Var(0))), "expected Nat"),
        "a let whose type is no type": (Definition("c", (), NAT, Let("x", Lit(1), Lit(1), Lit(1))), "must"),
        "a wrong half": (
            theorem(pi([P, Q, h], Q), lam([P, Q, h], Proj("And", 0, h))),
            "expected",
        ),
        "a wrong opaque value": (Opaque("c", (), NAT, TRUE), "expected Nat"),
        "something hidden in an argument that is dropped": (
            Definition("c", (), NAT, app(lam([x], Lit(1)), app(S, TRUE))),
            "expected Nat",
        ),
        "something hidden in a motive": (
            Definition("c", (), NAT, nat_rec(app(S, TRUE), Lit(1), lam([M, N], N), Lit(0))),
            "expected Nat",
        ),
    }  # fmt: skip


WRONG = _wrong()


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused(name: str) -> None:
    """The error names the declaration and the reason, and nothing is added."""
    declaration, reason = WRONG[name]
    target = environment()
    before = set(target.constants)
    with pytest.raises(KernelError, match=reason) as caught:
        target.add(declaration)
    assert caught.value.declaration == declaration.name
    assert set(target.constants) == before and target.declarations == base().declarations


def test_products_live_in_the_imax_of_their_parts() -> None:
    """A product into Prop is a Prop, whatever it quantifies over; into ``Sort v`` it is in ``imax``."""
    u, v = Param("u"), Param("v")
    a, b = local("A", Sort(u)), local("B", Sort(v))
    function_space = pi([a, b], Sort(IMax(u, v)))
    environment().add(Definition("space", ("u", "v"), function_space, lam([a, b], arrow(a, b))))
    environment().add(Definition("all", (), PROP, pi([P], arrow(P, P))))
    with pytest.raises(KernelError, match="expected"):
        environment().add(
            Definition("space", ("u", "v"), pi([a, b], Sort(Max(u, v))), lam([a, b], arrow(a, b)))
        )


PROPEXT = Axiom("propext", (), pi([P, Q], arrow(fn("Iff", P, Q), eq(PROP, P, Q))))
IFF = inductive(
    "Iff", arrow(PROP, PROP, PROP), {"intro": pi([P, Q], arrow(arrow(P, Q), arrow(Q, P), fn("Iff", P, Q)))}, 2
)


def test_an_axiom_of_leans_is_allowed_by_name() -> None:
    """What it says, and the types that it speaks of, are Lean's or it is refused."""
    target = environment(axioms=("propext",))
    target.add_all([IFF, PROPEXT])
    assert target.axioms == ["propext"]
    with pytest.raises(KernelError, match="not allowed"):
        environment().add_all([IFF, PROPEXT])
    with pytest.raises(KernelError, match="says something else"):
        environment(axioms=("propext",)).add(Axiom("propext", (), fn("False")))
    always = inductive("Iff", arrow(PROP, PROP, PROP), {"intro": pi([P, Q], fn("Iff", P, Q))}, 2)
    with pytest.raises(KernelError, match="Iff is declared differently"):
        environment(axioms=("propext",)).add_all([always, PROPEXT])
    everything = Definition("Iff", (), arrow(PROP, PROP, PROP), lam([P, Q], fn("True")))
    with pytest.raises(KernelError, match="Iff is declared differently"):
        environment(axioms=("propext",)).add_all([everything, PROPEXT])


def test_another_axiom_is_allowed_with_its_statement() -> None:
    """Its name alone is not enough, and a file cannot change what it says."""
    choice = Axiom("choice", (), fn("True"))
    target = Environment([choice]).add_all(base().declarations)
    target.add(choice)
    assert target.axioms == ["choice"]
    with pytest.raises(KernelError, match="but with their statement"):
        environment(axioms=("choice",)).add(choice)
    with pytest.raises(KernelError, match="says something else"):
        Environment([choice]).add_all(base().declarations).add(Axiom("choice", (), fn("False")))
    with pytest.raises(KernelError, match="where a type must"):
        environment(axioms=("choice",)).add(Axiom("choice", (), Lit(1)))


def test_an_opaque_constant_does_not_unfold() -> None:
    """Its value is checked and forgotten."""
    target = environment()
    target.add(Opaque("secret", (), NAT, Lit(4)))
    with pytest.raises(KernelError, match="expected"):
        target.add(equal_in(NAT, Const("secret"), Lit(4)))


def test_a_theorem_unfolds_where_it_is_eliminated() -> None:
    """A proof by accessibility computes although the accessibility is a theorem."""
    target = environment()
    x, y = local("x", NAT), local("y", NAT)
    never = lam([x, y], fn("False"))
    acc = app(Const("Acc", (ONE,)), NAT, never)
    h = local("h", fn("False"))
    body = lam([y, h], app(Const("False.rec", (ZERO,)), lam([h], app(acc, y)), h))
    intro = app(Const("Acc.intro", (ONE,)), NAT, never, x, body)
    target.add(theorem(pi([x], app(acc, x)), lam([x], intro), "reach"))
    a = local("a", app(acc, x))
    motive = lam([x, a], NAT)
    ih = local("ih", pi([y, local("h", app(never, y, x))], NAT))
    step = lam([x, local("h", pi([y, local("h", app(never, y, x))], app(acc, y))), ih], app(S, x))
    value = app(Const("Acc.rec", (ONE, ONE)), NAT, never, motive, step, Lit(6), app(Const("reach"), Lit(6)))
    target.add(equal_in(NAT, value, Lit(7)))


def test_a_fork_goes_its_own_way() -> None:
    """What is added to a copy is not in the original, nor in another copy."""
    one, other = environment(), environment()
    one.add(Definition("c", (), NAT, Lit(1)))
    other.add(Definition("c", (), BOOL, FALSE))
    assert "c" not in base() and one["c"].type is NAT and other["c"].type is BOOL


def test_arguments_that_were_evaluated_are_still_different() -> None:
    """``D g x`` and ``D g y`` unfold to ``g`` of one term under two environments, which are compared twice."""
    target = environment()
    g, x, y = local("g", arrow(NAT, NAT)), local("x", NAT), local("y", NAT)
    of_both = arrow(arrow(NAT, NAT), NAT, NAT)
    target.add(Definition("F", (), of_both, lam([g, N], app(g, N))))
    target.add(Definition("D", (), of_both, lam([g, N], fn("F", g, app(S, N)))))
    claim = pi([g, x, y], eq(NAT, fn("D", g, x), fn("D", g, y)))
    with pytest.raises(KernelError, match="expected"):
        target.add(theorem(claim, lam([g, x, y], refl(NAT, fn("D", g, x)))))


@pytest.mark.parametrize("kind", ["redex", "let", "redex of a let", "redex of redexes"])
def test_a_function_may_come_out_of_a_redex(kind: str) -> None:
    """As proofs with ``have`` and ``let`` do it: the function is checked against the type that the whole must have."""
    x, y, to_nat = local("x", NAT), local("y", NAT), arrow(NAT, NAT)
    constant = lam([y], lam([x], fn("Nat.add", x, y)))
    term = {
        "redex": app(constant, Lit(2)),
        "let": let(y, Lit(2), lam([x], fn("Nat.add", x, y))),
        "redex of a let": app(let(local("z", NAT), Lit(5), constant), Lit(2)),
        "redex of redexes": app(lam([local("z", NAT)], app(constant, Lit(2))), Lit(7)),
    }[kind]
    target = environment()
    target.add(Definition("plus", (), to_nat, term))
    target.add(theorem(eq(NAT, fn("plus", Lit(3)), Lit(5)), refl(NAT, Lit(5))))
    target.add(theorem(eq(to_nat, term, Const("plus")), refl(to_nat, term), "same"))
    with pytest.raises(KernelError, match="expected"):
        target.add(Definition("wrong", (), arrow(NAT, BOOL), term))
    with pytest.raises(KernelError, match=r"expected Nat|a function is expected|has type"):
        target.add(Definition("wrong", (), NAT, term))


def test_induction() -> None:
    """``0 + n = n``, by the recursor, with a rewriting step."""
    goal = lam([N], eq(NAT, fn("Nat.add", Lit(0), N), N))
    left = fn("Nat.add", Lit(0), N)
    h, k = local("h", eq(NAT, left, N)), local("k", NAT)
    e = local("e", eq(NAT, left, k))
    step = lam(
        [N, h],
        app(
            Const("Eq.rec", (ZERO, ONE)), NAT, left, lam([k, e], eq(NAT, app(S, left), app(S, k))),
            refl(NAT, app(S, left)), N, h,
        ),
    )  # fmt: skip
    proof = lam([N], app(Const("Nat.rec", (ZERO,)), goal, refl(NAT, Lit(0)), step, N))
    environment().add(theorem(pi([N], app(goal, N)), proof))


# --- depth and budgets


def _deep_argument(depth: int) -> Expr:
    term: Expr = Const("Nat.zero")
    for _ in range(depth):
        term = App(S, term)
    return term


def _deep_function(depth: int) -> Expr:
    term: Expr = Lit(0)
    for _ in range(depth):
        term = App(Lam("x", NAT, Var(0)), term)
    return term


def _deep_domain(depth: int) -> Expr:
    term: Expr = PROP
    for _ in range(depth):
        term = Pi("x", term, PROP)
    return term


def test_deep_terms_are_checked() -> None:
    """A term many times deeper than Python's stack is checked like any other."""
    target = environment()
    target.add(theorem(eq(NAT, _deep_argument(5_000), Lit(5_000)), refl(NAT, Lit(5_000))))
    target.add(Definition("deep", (), NAT, _deep_function(3_000)))
    target.add(Definition("type", (), TYPE, _deep_domain(3_000)))
    target.add(theorem(eq(NAT, Const("deep"), Lit(0)), refl(NAT, Lit(0)), "computed"))


@pytest.mark.parametrize("kind", ["binders", "lets", "products"])
def test_too_many_binders_are_refused(kind: str) -> None:
    """Contexts are bounded: thousands of binders inside one another are refused with a reason."""
    term: Expr = {"binders": Lit(1), "lets": Lit(1), "products": NAT}[kind]
    type: Expr = NAT
    for _ in range(5_000):
        if kind == "lets":
            term = Let("x", NAT, Lit(1), term)
        elif kind == "binders":
            term, type = Lam("x", NAT, term), Pi("x", NAT, type)
        else:
            term, type = Pi("x", NAT, term), TYPE
    with pytest.raises(BudgetError, match="binders inside one another"):
        environment().add(Definition("c", (), type, term))


def test_a_budget_ends_an_endless_computation() -> None:
    """A number that would be computed one by one costs more steps than there are."""
    slow = lam([M, N], nat_rec(NAT, M, lam([local("k", NAT), (ih := local("ih", NAT))], app(S, ih)), N))
    target = environment(steps=20_000)
    with pytest.raises(BudgetError, match="more steps than the budget"):
        target.add(equal_in(NAT, app(slow, Lit(1), Lit(10**9)), Lit(10**9 + 1)))


def test_variables_that_are_computed_in_are_paid_for() -> None:
    """Each ``let`` copies what the others around it stand for, whenever it is computed."""
    term: Expr = Var(0)
    for _ in range(1_500):
        term = Let("x", NAT, Var(0), term)
    target = environment()
    target.add(Definition("lets", (), arrow(NAT, NAT), Lam("x", NAT, term)))
    claim = theorem(eq(NAT, fn("lets", Lit(3)), Lit(3)), refl(NAT, Lit(3)))
    with pytest.raises(BudgetError, match="more steps"):
        target.fork(Budget(steps=20_000)).add(claim)
    target.add(claim)


@pytest.mark.parametrize("kind", ["Definition", "Opaque"])
def test_a_term_is_paid_for_by_each_declaration(kind: str) -> None:
    """Its levels and its height are looked for every time, though its type is found once."""
    deep: Expr = Let("x", Sort(Succ(Param("u"))), Sort(Param("u")), Lit(0))
    for _ in range(2_000):
        deep = App(S, deep)
    make = {"Definition": Definition, "Opaque": Opaque}[kind]
    target = environment(steps=200_000)
    with pytest.raises(BudgetError, match="more steps"):
        target.add_all(make(f"c{place}", ("u",), NAT, deep) for place in range(200))
    assert "c0" in target


def test_a_budget_bounds_depth() -> None:
    """What waits for something else to be checked is counted."""
    target = Environment(budget=Budget(depth=100)).add_all(base().declarations)
    with pytest.raises(BudgetError, match="levels deep"):
        target.add(Definition("deep", (), NAT, _deep_argument(300)))


def test_what_is_no_declaration_is_refused() -> None:
    """Anything else than a declaration raises the same error."""
    with pytest.raises(KernelError, match="does not understand"):
        environment().add("def x := 1")  # type: ignore[arg-type]


def test_the_environment_after_a_refusal_is_the_one_before() -> None:
    """A refused declaration leaves nothing behind that a later one could use."""
    target = environment()
    bad = inductive("T", TYPE, {"mk": arrow(arrow(Const("T"), NAT), Const("T"))})
    with pytest.raises(KernelError, match="left of an arrow"):
        target.add(bad)
    with pytest.raises(KernelError, match="not declared before"):
        target.add(Definition("c", (), TYPE, Const("T")))
    target.add(inductive("T", TYPE, {"mk": Const("T")}))
