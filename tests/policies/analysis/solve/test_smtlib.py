"""The SMT-LIB export says the same: cvc5 reads it, and agrees."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.waiting import PATIENCE

from bartizan.policies.analysis.answers import Budget, Unknown
from bartizan.policies.analysis.formula import Formulas, Model
from bartizan.policies.analysis.solve import Solver
from bartizan.policies.analysis.solve.cvc5 import second_opinion
from bartizan.policies.analysis.solve.smtlib import Script, script, string
from bartizan.policies.analysis.solve.z3 import pure_z3
from bartizan.policies.regular import contains, email_domain, literal, path_under, regex

from .problems import problem


@settings(max_examples=60)
@given(st.integers(0, 2**40))
def test_cvc5_agrees(seed: int) -> None:
    """cvc5 finds a model, which holds, of the same problems as we do (a contradiction would be raised)."""
    question = problem(seed)
    solver = Solver(question.formulas, Budget(second_opinion="always"))
    for formula in question.domain:
        solver.add(formula)
    assert not isinstance(solver.check(*question.asked), Unknown)


@settings(max_examples=30)
@given(st.integers(0, 2**40))
def test_the_export_is_read_by_z3_alone(seed: int) -> None:
    """Z3's own string solver, the peer of the benchmarks, reads the text and does not contradict enumeration."""
    question = problem(seed, texts=2)
    written = script(question.every)
    assert isinstance(written, Script)
    found = pure_z3(written.text, milliseconds=2_000, rlimit=10_000_000)
    assert found in ("unknown", "sat" if question.has_model(question.asked) else "unsat")


@pytest.mark.parametrize(
    "text", [r"\u{41}", r"\u0041", "\\", 'say "hi"', "é\x00\n\x7f", "\U0002fe00", "/srv/\u202e"]
)
def test_literals_come_back_as_they_were(text: str) -> None:
    """Quotes, backslashes and other characters than ASCII survive the way to cvc5 and back."""
    make = Formulas()
    x = make.text("x", 20)
    size = make.equal(make.length(x), make.constant(len(text)))
    found = second_opinion([make.member(x, literal(text)), size], Budget(), PATIENCE)
    assert isinstance(found, Model)
    assert found.text(x) == text


def test_strings_are_escaped() -> None:
    """Every backslash and all but printable ASCII is written as a code point."""
    assert string('a"\\é\U0002ffff') == r'"a""\u{5c}\u{e9}\u{2ffff}"'


def test_characters_beyond_the_standard_are_refused() -> None:
    """A question that tells high characters apart is not exported; one that does not is."""
    make = Formulas()
    x = make.text("x", 20)
    found = script([make.member(x, literal("\U00030000"))])
    assert isinstance(found, Unknown)
    assert "U+30000" in found.reason
    assert isinstance(script([make.member(x, regex("[^a]", "full"))]), Script)
    assert isinstance(script([make.neg(make.member(x, path_under("/srv")))]), Script)


def test_texts_are_scalar_values() -> None:
    """No surrogate, which is a character for SMT-LIB, is found for a text."""
    make = Formulas()
    x = make.text("x", 1)
    not_below = make.neg(make.member(x, regex("[\\x00-\ud7ff]?", "full")))
    found = second_opinion(
        [not_below, make.neg(make.member(x, regex("[\ue000-\U0002fe00]", "full")))], Budget(), PATIENCE
    )
    assert isinstance(found, Model)
    assert ord(found.text(x)) > 0x2FE00


def test_ordinary_questions_agree() -> None:
    """Paths, addresses and lengths: the questions that policies ask."""
    make = Formulas()
    x = make.text("x", 60)
    for asked in (
        [make.member(x, path_under("/srv/data")), make.member(x, contains("/../"))],
        [make.member(x, email_domain(["corp.com"])), make.neg(make.member(x, contains("@corp.com")))],
        [make.member(x, regex("[a-z]{3,}", "full")), make.at_most(make.length(x), make.constant(2))],
    ):
        assert not isinstance(Solver(make, Budget(second_opinion="always")).check(*asked), Unknown)
