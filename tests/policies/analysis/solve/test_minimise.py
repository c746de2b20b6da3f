"""Counterexamples are as simple as they can be."""

from __future__ import annotations

from bartizan.policies.analysis.formula import Formulas, Model
from bartizan.policies.analysis.solve import Solver, Unsat, minimise
from bartizan.policies.regular import contains, literal, regex


def test_optional_parts_are_left_out() -> None:
    """Flags are made false in their order, as far as what is asked allows."""
    make = Formulas()
    a, b, c = (make.flag(name) for name in "abc")
    found = minimise(Solver(make), [make.either(a, b), make.either(make.neg(c), a, b)], flags=[a, b, c])
    assert isinstance(found, Model)
    assert [found.holds(flag) for flag in (a, b, c)] == [False, True, False]


def test_numbers_are_small() -> None:
    """Numbers are as near to zero as they can be, those named first before the others."""
    make = Formulas()
    n, m = make.whole("n"), make.whole("m")
    asked = make.at_most(make.plus(n, m), make.constant(-1_000_000))
    apart = make.less(make.constant(12_345), m)
    found = minimise(Solver(make), [asked, apart], numbers=[m, n])
    assert isinstance(found, Model)
    assert (found.number(m), found.number(n)) == (12_346, -1_012_346)


def test_texts_are_short_and_readable() -> None:
    """A text is readable if it can be, and then as short as it can be."""
    make = Formulas()
    x, y = make.text("x", 4_096), make.text("y", 4_096)
    member = make.member(x, regex("\\x00|a{40}|[a-z]{60}", "full"))
    found = minimise(Solver(make), [member, make.less(make.length(x), make.length(y))], texts=[x, y])
    assert isinstance(found, Model)
    assert found.text(x) == "a" * 40
    assert len(found.text(y)) == 41


def test_what_has_no_model_stays_so() -> None:
    """An unsatisfiable question is passed on with its core."""
    make = Formulas()
    x = make.text("x", 10)
    asked = [make.member(x, contains("a")), make.member(x, literal("b"))]
    found = minimise(Solver(make), asked, texts=[x])
    assert isinstance(found, Unsat)
    assert set(found.core) == set(asked)


def test_checks_are_bounded() -> None:
    """With no checks to spend, the first model is the answer."""
    make = Formulas()
    n = make.whole("n")
    found = minimise(Solver(make), [make.less(make.constant(7), n)], numbers=[n], checks=0)
    assert isinstance(found, Model)
    assert found.number(n) > 7
