"""Terms: interned, rebuilt without recursion, named one way."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator

import pytest

from bartizan.policies.lean.calculus.build import (
    abstract,
    app,
    arrow,
    bottom_up,
    constants,
    instantiate,
    instantiate_levels,
    lam,
    lift,
    local,
    pi,
    spine,
    subterms,
)
from bartizan.policies.lean.calculus.names import join, split
from bartizan.policies.lean.calculus.show import show
from bartizan.policies.lean.calculus.terms import (
    ONE,
    PROP,
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
    _interned,
)

F, A = Const("f"), Const("A")


def test_equal_terms_are_one_object() -> None:
    """Building a term twice gives the same object, whatever locals it was built with."""

    def build() -> Expr:
        x, y = local("x", A), local("y", A)
        return lam([x, y], Let("z", A, Proj("S", 1, x), app(F, y, x, Lit(3), Var(0))))

    assert build() is build()
    assert Sort(Max(ONE, Param("u"))) is Sort(Max(Succ(ZERO), Param("u")))
    assert Lam("x", A, Var(0)) is not Lam("y", A, Var(0))
    assert Lam("x", A, Var(0)) is not Lam("x", A, Var(0), "implicit")


@pytest.fixture
def switching() -> Iterator[None]:
    """Threads take turns as often as possible."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("switching")
def test_threads_that_build_a_term_at_a_time_get_one_object() -> None:
    """Policies are checked in threads: what one of them builds is what another one compares it with."""
    threads = 4
    start = threading.Barrier(threads)
    made: list[list[Expr]] = [[] for _ in range(threads)]

    def build(into: list[Expr]) -> None:
        for turn in range(50):
            start.wait()
            term: Expr = Const(f"turn.{turn}")
            for _ in range(30):
                term = App(term, Lam("x", term, Var(0)))
            into.append(term)

    running = [threading.Thread(target=build, args=(into,)) for into in made]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    assert all(each is mine for mine, *others in zip(*made, strict=True) for each in others)


def test_unused_terms_are_forgotten() -> None:
    """The table of terms holds only what somebody still holds."""
    gc.collect()
    before = len(_interned)
    deep: Expr = Const("only.here")
    for _ in range(50_000):
        deep = App(F, deep)
    assert len(_interned) >= before + 50_000
    del deep
    gc.collect()
    assert len(_interned) <= before


@pytest.mark.parametrize("value", [-1, True, 1.0])
def test_literals_are_natural_numbers(value: int) -> None:
    """No other number is a literal, and True is not 1."""
    with pytest.raises(ValueError, match="natural number"):
        Lit(value)


def test_a_bound_variable_has_an_index_from_zero() -> None:
    """A negative index is refused where it is made."""
    with pytest.raises(ValueError, match="at least 0"):
        Var(-1)


def test_binders_abstract_their_locals_from_the_outside_in() -> None:
    """The last of several locals is the innermost variable, and types see the locals before them."""
    x = local("x", A)
    y = local("y", app(F, x))
    assert pi([x, y], app(F, x, y)) is Pi("x", A, Pi("y", App(F, Var(0)), app(F, Var(1), Var(0))))
    assert arrow(A, PROP, A) is Pi("a", A, Pi("a", PROP, A))


def test_instantiation_undoes_abstraction() -> None:
    """Opening a term under binders and closing it again gives the term."""
    x, y = local("x", A), local("y", A)
    body = app(F, Var(1), Lam("z", A, app(Var(0), Var(1), Var(2), Var(3))))
    opened = instantiate(body, [x, y])
    assert opened is app(F, x, Lam("z", A, app(Var(0), y, x, Var(1))))
    assert abstract(opened, [x, y]) is body


def test_instantiation_lifts_what_it_puts_under_binders() -> None:
    """A value with loose variables keeps pointing at the same binders."""
    assert instantiate(Lam("x", A, app(Var(1), Var(2))), [Var(4)]) is Lam("x", A, app(Var(5), Var(1)))
    assert lift(Lam("x", A, app(Var(0), Var(1))), 3) is Lam("x", A, app(Var(0), Var(4)))


def test_levels_are_instantiated_everywhere() -> None:
    """Sorts and constants change, at any depth; parameters that are not named stay."""
    u, v = Param("u"), Param("v")
    before = Lam("x", Sort(IMax(u, v)), Const("c", (Succ(u), v)))
    after = Lam("x", Sort(IMax(ONE, v)), Const("c", (Succ(ONE), v)))
    assert instantiate_levels(before, ("u",), (ONE,)) is after


def test_deep_terms_need_no_deep_stack() -> None:
    """Every function works on terms deeper than Python's recursion limit."""
    x = local("x", A)
    deep: Expr = x
    for _ in range(20_000):
        deep = Pi("y", App(F, deep), A)
    closed = lam([x], deep)
    assert not closed.has_locals and closed.loose == 0
    assert instantiate(closed.body, [x]) is deep  # type: ignore[attr-defined]
    assert constants([closed]) == {"f", "A"}
    assert len(show(closed)) < 1000


def test_a_term_is_shown_as_people_write_it() -> None:
    """Messages read like Lean; what is shared is cut, not multiplied."""
    x = local("x", A)
    assert show(pi([x], app(F, x, arrow(A, PROP)))) == "forall (x : A), f x (A -> Prop)"
    wide: Expr = A
    for _ in range(100):
        wide = app(F, wide, wide, wide, wide)
    assert len(show(wide)) < 1000


def test_parts_come_once_after_what_is_inside_them() -> None:
    """From left to right, without those that are known; a shared part comes where it is first needed."""
    pair = app(F, A, A)
    whole = Lam("x", App(pair, Const("g")), app(F, A, Var(0)))
    known: dict[Expr, int] = {A: 0}
    for part in bottom_up(whole, subterms, known):
        assert all(each in known for each in subterms(part))
        known[part] = len(known)
    expected = [A, F, App(F, A), pair, Const("g"), App(pair, Const("g")), Var(0), app(F, A, Var(0)), whole]
    assert list(known) == expected


def test_spine_takes_applications_apart() -> None:
    """Head and arguments in order."""
    assert spine(app(F, A, PROP)) == (F, [A, PROP])


@pytest.mark.parametrize(
    "components",
    [[], ["Nat", "add"], ["_private", "A", 0, "b"], ["a.b"], ["1"], [1], [""], ["", ""], ["a", "", 0], ["α"]],
    ids=range(10),
)
def test_names_are_strings_one_to_one(components: list[str | int]) -> None:
    """Splitting what was joined gives the components: no two names share a string."""
    assert split(join(components)) == components


@pytest.mark.parametrize("text", ["a.", ".a", "a..b", "«a", "a»", "«a»b", "«a».", "«»x", "01", "«b»"])
def test_strings_that_name_nothing_are_refused(text: str) -> None:
    """A string that `join` would not make is no name."""
    with pytest.raises(ValueError, match="name"):
        split(text)
