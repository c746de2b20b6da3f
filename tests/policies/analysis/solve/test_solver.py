"""What the solver knows about texts: equality, difference, length, and every character there is."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from bartizan.policies.analysis.answers import Budget, Unknown
from bartizan.policies.analysis.formula import FALSE, TRUE, Formula, Formulas, Model, Text
from bartizan.policies.analysis.solve import EASY, Disagreement, Solver, Unsat, cvc5, solver
from bartizan.policies.regular import contains, literal, one_of, prefix, regex, suffix

from .rulesets import ruleset


class Question:
    """A solver of its own, and short names for what is asked of it."""

    def __init__(self, budget: Budget | None = None) -> None:
        self.make = Formulas()
        self.solver = Solver(self.make, replace(budget or Budget(), seconds=600, second_opinion="never"))

    def texts(self, names: str, limit: int = 100) -> list[Text]:
        return [self.make.text(name, limit) for name in names]

    def model(self, *asked: Formula) -> Model:
        found = self.solver.check(*asked)
        assert isinstance(found, Model), found
        assert all(map(found.holds, asked))
        return found

    def refused(self, *asked: Formula) -> set[Formula]:
        found = self.solver.check(*asked)
        assert isinstance(found, Unsat), found
        return set(found.core)

    def different(self, *texts: Text) -> list[Formula]:
        return [self.make.neg(self.make.same(x, y)) for x, y in itertools.combinations(texts, 2)]


def test_nothing_asked_has_a_model() -> None:
    """No formula, or only true ones, are satisfied; false is refused and is its own core."""
    q = Question()
    assert isinstance(q.solver.check(), Model)
    assert isinstance(q.solver.check(TRUE), Model)
    assert q.refused(TRUE, FALSE) == {FALSE}


def test_what_is_added_is_not_in_the_core() -> None:
    """The core names assumptions only."""
    q = Question()
    (x,) = q.texts("x")
    q.solver.add(q.make.member(x, prefix("a")))
    starts_with_b = q.make.member(x, prefix("b"))
    assert q.refused(starts_with_b, q.make.flag("p")) == {starts_with_b}
    q.solver.add(q.make.member(x, suffix("b")))
    assert q.model().text(x) == "ab"


def test_equal_texts_share_a_word() -> None:
    """Texts that are equal to each other satisfy what is said of any of them."""
    q = Question()
    x, y, z = q.texts("xyz")
    make = q.make
    chain = [make.same(x, y), make.same(y, z)]
    found = q.model(*chain, make.member(x, prefix("a")), make.member(z, suffix("c")))
    assert found.text(x) == found.text(y) == found.text(z) == "ac"
    clash = [make.member(x, prefix("a")), make.member(z, prefix("b"))]
    assert q.refused(*chain, *clash) == {*chain, *clash}


def test_equality_is_transitive() -> None:
    """Two texts that are both equal to a third are not different."""
    q = Question()
    x, y, z = q.texts("xyz")
    asked = [q.make.same(x, y), q.make.same(y, z), q.make.neg(q.make.same(x, z))]
    assert q.refused(*asked) == set(asked)


def test_more_texts_than_words() -> None:
    """Three texts of a two-word language are not all different; two are; and any number of a large one."""
    q = Question()
    texts = q.texts("uvwxyz")
    two = [q.make.member(text, one_of(["a", "b"])) for text in texts]
    found = q.model(*two[:2], *q.different(*texts[:2]))
    assert {found.text(text) for text in texts[:2]} == {"a", "b"}
    assert q.refused(*two, *q.different(*texts[:3])) == {*two[:3], *q.different(*texts[:3])}
    large = [q.make.member(text, regex("[a-z]", "full")) for text in texts]
    found = q.model(*large, *q.different(*texts))
    assert len({found.text(text) for text in texts}) == 6


def test_difference_reaches_into_equalities() -> None:
    """What is different from one of two equal texts is different from both."""
    q = Question()
    x, y, z = q.texts("xyz")
    only_a = [q.make.member(text, literal("a")) for text in (x, z)]
    asked = [q.make.same(x, y), q.make.neg(q.make.same(y, z)), *only_a]
    assert q.refused(*asked) == set(asked)


def test_a_limit_is_a_bound() -> None:
    """No text is longer than its limit, nor one that is equal to it."""
    q = Question()
    short, long = q.make.text("short", 3), q.make.text("long", 50)
    four = q.make.member(long, regex("a{4,}", "full"))
    assert q.refused(q.make.same(short, long), four) == {q.make.same(short, long), four}
    bound = q.make.less(q.make.constant(3), q.make.length(long))
    assert q.refused(q.make.same(short, long), bound) == {q.make.same(short, long), bound}
    assert q.model(four).text(long) == "aaaa"


def test_lengths_are_compared() -> None:
    """Texts of unlike languages may be equally long, and then are not equal, unless both are empty."""
    q = Question()
    x, y = q.texts("xy")
    make = q.make
    asked = [
        make.equal(make.length(x), make.length(y)),
        make.member(x, regex("a*", "full")),
        make.member(y, regex("b*", "full")),
    ]
    found = q.model(*asked, make.less(make.constant(6), make.length(x)))
    assert len(found.text(x)) == len(found.text(y)) > 6
    assert q.model(*asked, make.same(x, y)).text(x) == ""
    assert q.refused(*asked, make.same(x, y), make.less(make.constant(0), make.length(y)))


def test_lengths_with_a_period() -> None:
    """Even lengths are never odd, however many there are."""
    q = Question()
    (x,) = q.texts("x", limit=4_000)
    make = q.make
    even = make.member(x, regex("(..)*", "full"))
    odd = make.equal(make.length(x), make.plus(make.constant(1), make.times(2, make.whole("k"))))
    assert q.refused(even, odd) == {even, odd}
    assert q.solver.rounds < 30
    assert len(q.model(even, make.less(make.constant(101), make.length(x))).text(x)) % 2 == 0


def test_lengths_in_sums_and_choices() -> None:
    """Lengths take part in sums, and in numbers that depend on what a text is."""
    q = Question()
    x, y = q.texts("xy")
    make = q.make
    price = make.pick(make.member(x, prefix("a")), make.constant(10), make.times(3, make.length(y)))
    found = q.model(make.equal(price, make.constant(21)), make.less(make.length(x), make.length(y)))
    assert len(found.text(y)) == 7
    assert not found.text(x).startswith("a")


@pytest.mark.parametrize("text", [r"\u{41}", "\\", '"', "\U00030000\U0010ffff", "é\x00\n", "\U0002ff01"])
def test_texts_mean_themselves(text: str) -> None:
    """No character is an escape, and none is out of range: a text is found as it was asked for."""
    q = Question()
    (x,) = q.texts("x")
    found = q.model(q.make.member(x, literal(text)))
    assert found.text(x) == text
    size = q.make.equal(q.make.length(x), q.make.constant(len(text)))
    assert q.model(q.make.member(x, literal(text)), size).text(x) == text
    assert q.refused(q.make.member(x, literal(text)), q.make.neg(size))


def test_backslash_u_is_six_characters() -> None:
    """The text \\u{41} is not the letter that SMT-LIB reads it as."""
    q = Question()
    (x,) = q.texts("x")
    assert q.refused(q.make.member(x, literal(r"\u{41}")), q.make.member(x, literal("A")))


def test_many_equations_of_one_text_need_few_rounds() -> None:
    """Rules that compare one argument with different constants are not refuted pair by pair."""
    q = Question()
    (x,) = q.texts("x")
    words = [q.make.member(x, literal(f"word {index}")) for index in range(60)]
    pairs = [q.make.both(a, b) for a, b in itertools.combinations(words, 2)]
    assert isinstance(q.solver.check(q.make.some(pairs)), Unsat)
    assert q.solver.rounds < 60


def test_too_large_automata_are_unknown() -> None:
    """A conjunction beyond the budget of states is unknown, with the reason, and nothing else is."""
    q = Question(Budget(steps=1_200))
    (x,) = q.texts("x")
    hard = q.make.member(x, regex("(a|b)*a(a|b){14}", "full"))
    hard = q.make.both(hard, q.make.member(x, regex("(a|b)*b(a|b){13}", "full")))
    hard = q.make.both(hard, q.make.member(x, regex("((a|b)(a|b)(a|b))*", "full")))
    found = q.solver.check(hard)
    assert isinstance(found, Unknown)
    assert "1200 steps" in found.reason
    other = q.make.flag("p")
    found = q.solver.check(q.make.either(hard, other))
    assert isinstance(found, Model)
    assert found.flags[other]


def test_rounds_are_limited() -> None:
    """A question whose proposals are refuted too often is unknown."""
    q = Question(Budget(rounds=1))
    (x,) = q.texts("x")
    found = q.solver.check(q.make.member(x, prefix("a")), q.make.member(x, prefix("b")))
    assert found == Unknown("the strings refuted 1 proposals")


def test_a_busy_machine_makes_no_easy_question_a_hard_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the process stands still meanwhile, what little effort finds it finds."""
    moments = itertools.count(0.0, 1e6)
    monkeypatch.setattr(solver, "monotonic", lambda: next(moments))
    q = Question()
    (x,) = q.texts("x")
    asked = [q.make.member(x, prefix("a")), q.make.member(x, prefix("b"))]
    assert isinstance(q.solver.check(*asked, effort=EASY), Unsat) and q.solver.rounds > 1
    found = Question().solver.check(*asked)
    assert isinstance(found, Unknown) and "the question took more than" in found.reason


def test_a_contradiction_between_solvers_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """If cvc5 says the opposite, neither answer is given."""
    make = Formulas()
    solver = Solver(make, Budget(second_opinion="always"))
    asked = make.member(make.text("x", 9), contains("a"))
    assert isinstance(solver.check(asked), Model)
    monkeypatch.setattr(cvc5, "second_opinion", lambda asked, budget, seconds: "unsat")
    with pytest.raises(Disagreement, match="cvc5 finds"):
        solver.check(asked)


def test_cvc5_is_asked_where_we_do_not_know() -> None:
    """A question that overruns our budget is answered by cvc5, if it can."""
    make = Formulas()
    budget = Budget(rounds=0)
    x = make.text("x", 9)
    asked = [make.member(x, prefix("ab")), make.member(x, suffix("c"))]
    found = Solver(make, budget).check(*asked)
    assert isinstance(found, Model)
    assert all(map(found.holds, asked))
    assert isinstance(Solver(make, budget).check(*asked, make.member(x, literal("ab"))), Unsat)
    assert isinstance(Solver(make, replace(budget, second_opinion="never")).check(*asked), Unknown)


def test_deep_formulas_need_no_deep_stack() -> None:
    """Chains of thousands of nested nodes are solved without recursion to that depth."""
    q = Question()
    make = q.make
    (x,) = q.texts("x")
    number = make.constant(0)
    for index in range(1_200):
        step = make.member(x, prefix("a")) if index == 0 else make.less(number, make.whole(f"n{index}"))
        number = make.pick(step, make.plus(number, make.constant(1)), make.whole(f"m{index}"))
    found = q.model(make.less(make.constant(5), number))
    assert found.number(number) > 5


@pytest.mark.parametrize("seed", range(3))
def test_rulesets_are_decided(seed: int) -> None:
    """A policy of a hundred rules is equal to itself with a redundant rule more, and every rule is asked about."""
    rules = ruleset(100, seed)
    make = rules.make
    solver = Solver(make, Budget(seconds=600, second_opinion="never"))
    solver.add(rules.well_formed)
    more = rules.allowed(allow=[*rules.allow, make.both(rules.allow[0], rules.condition())])
    assert isinstance(solver.check(more, make.neg(rules.allowed())), Unsat)
    for rule in rules.allow[:20]:
        others = [make.neg(other) for other in rules.allow if other is not rule]
        denied = [make.neg(other) for other in rules.deny]
        found = solver.check(rule, *others, *denied)
        assert not isinstance(found, Unknown)
        if isinstance(found, Model):
            assert all(map(found.holds, (rule, *others, *denied)))
