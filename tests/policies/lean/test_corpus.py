"""The kernel refuses every file of the hostile corpus, for the right kind of reason, and accepts the valid twins."""

from __future__ import annotations

import pytest
from tests.policies.lean.corpus import girard
from tests.policies.lean.corpus.family import Member
from tests.policies.lean.corpus.forge import lam, nat
from tests.policies.lean.corpus.kinds import WORDS, kind_of
from tests.policies.lean.corpus.lines import prefixes, whole, without_each
from tests.policies.lean.corpus.members import FAMILIES, MEMBERS, TWINS
from tests.policies.lean.corpus.prelude import BINARY, NAT, recurse, start
from tests.policies.lean.corpus.referee import Referee
from tests.policies.lean.corpus.universes import EQUATIONS, SLIPS, cast, same, small_levels

from bartizan.policies.lean.calculus.declarations import Definition, Theorem
from bartizan.policies.lean.calculus.terms import PROP, TYPE
from bartizan.policies.lean.check import check_file
from bartizan.policies.lean.kernel import Budget, BudgetError, Environment, KernelError
from bartizan.policies.lean.ndjson import read


def small() -> Budget:
    """A budget with which every right answer comes, and what is made to run long is cut off soon."""
    return Budget(steps=100_000, depth=20_000, bits=1 << 20)


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.id)
def test_a_hostile_file_is_refused(member: Member) -> None:
    """The kernel refuses the file with an error of its own, whose kind is that of what is wrong with the file."""
    with pytest.raises(KernelError) as caught:
        check_file(member.source(), member.axioms, budget=small())
    assert kind_of(caught.value) in member.kinds, f"{member.sentence} The kernel says: {caught.value}"


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.id)
def test_a_valid_twin_is_accepted(twin: Member) -> None:
    """A file of the same making without the fault is accepted, so that the fault is what is refused."""
    environment = check_file(twin.source(), twin.axioms)
    assert len(environment.declarations) > 0


def test_the_corpus_is_large_and_deterministic() -> None:
    """Every family has members and twins, no two members have one name, and each is made the same way twice."""
    assert len(MEMBERS) > 600
    assert len({member.id for member in MEMBERS + TWINS}) == len(MEMBERS + TWINS)
    assert all(family.members and family.twins for family in FAMILIES)
    assert {kind for member in MEMBERS for kind in member.kinds} == set(WORDS)
    light = [member for member in MEMBERS if member.family != "deep"]
    assert all(member.source() == member.source() for member in light[::7])


def test_no_two_members_are_one_file() -> None:
    """No file stands in the corpus under two names."""
    seen: dict[str | bytes, str] = {}
    for member in MEMBERS:
        if member.family != "deep":
            other = seen.setdefault(member.source(), member.id)
            assert other == member.id


def test_a_paradox_is_one_but_for_its_forbidden_step() -> None:
    """Where that step is in a type or a definition, the second checker, which believes those, gets False proved."""
    believable = {"type-in-type", "type-in-type-higher-up", "prop-as-a-set", "boxed-types",
                  "boxed-types-by-imax", "lowered-by-a-cast"}  # fmt: skip
    members = [member for member in girard.FAMILY.members if member.name in believable]
    assert len(members) == len(believable)
    for member in members:
        referee = Referee()
        for _, declaration in read(member.source()):
            if isinstance(declaration, Theorem):
                assert referee.accepts(declaration), f"{member.id}: {declaration.name}"
            referee.believe(declaration)
        assert "paradox" in referee.values


def test_a_file_cut_after_a_line_proves_less() -> None:
    """A file that ends early, at the end of a line, is refused or lacks the theorem that stood last."""
    for prefix in prefixes():
        try:
            environment = check_file(prefix)
        except KernelError:
            continue
        assert "last" not in environment


def test_a_file_without_one_line_is_refused_or_proves_less() -> None:
    """A file that lacks any one of its lines is refused or has one declaration less."""
    complete = len(check_file(whole().text()).declarations)
    for shortened in without_each():
        try:
            environment = check_file(shortened)
        except KernelError:
            continue
        assert len(environment.declarations) < complete


def test_the_slips_and_the_equations_are_what_they_say() -> None:
    """Levels that members call equal differ for some parameters, and those of the twins for none."""
    for name, left, right, parameters in SLIPS:
        assert not same(left, right, parameters), name
    for name, left, right, parameters in EQUATIONS:
        assert same(left, right, parameters), name


def test_levels_are_equal_where_numbers_are() -> None:
    """A cast between the sorts of two small levels is accepted exactly where the levels are equal as numbers."""
    levels = small_levels()
    pairs = [(left, right) for place, left in enumerate(levels) for right in levels[:place]]
    for left, right in pairs[::13]:
        try:
            check_file(cast(left, right, "u", "v").text())
            accepted = True
        except KernelError:
            accepted = False
        assert accepted == same(left, right, ("u", "v")), f"{left} and {right}"


def test_a_refusal_leaves_the_environment_as_it_was() -> None:
    """Nothing of a refused declaration is left, and a valid one is accepted after it."""
    for member in MEMBERS[::9]:
        environment = Environment(budget=small())
        before: tuple[object, object] = ({}, [])
        try:
            for _, declaration in read(member.source()):
                environment.add(declaration)
                before = (dict(environment.constants), list(environment.declarations))
        except KernelError:
            pass
        assert (environment.constants, environment.declarations) == before
        assert "Rest" not in environment
        environment.budget.steps = 1_000
        environment.add(Definition("Rest", (), TYPE, PROP))


def test_an_addition_that_takes_too_long_is_not_added() -> None:
    """A definition with the name of addition is compared with addition; if that takes too long, it is not there."""
    idle = lam("k", NAT, lambda _: lam("ih", NAT, lambda ih: ih))
    slow = lam("n", NAT, lambda n: lam("m", NAT, recurse(nat(10**9), n, idle)))
    numbers, addition = (each for _, each in read(start("Nat").define("Nat.add", BINARY, slow).text()))
    environment = Environment(budget=small())
    environment.add(numbers)
    with pytest.raises(BudgetError):
        environment.add(addition)
    assert "Nat.add" not in environment
    assert environment.declarations == [numbers]


def test_an_allowed_axiom_is_reported() -> None:
    """The environment tells which axioms it has taken."""
    twin = next(twin for twin in TWINS if twin.axioms)
    assert check_file(twin.source(), twin.axioms).axioms == list(twin.axioms)
