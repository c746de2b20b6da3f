"""All implementations of the language agree, what is said to be possible is, and what is not withstands attack."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from bartizan.guard import Outcome
from bartizan.policies.language.values import E

from .decisions import decision_agrees, lists_agree, origins_agree, ranks_agree, relations_hold
from .harness import all_agree, answers_hold, cells_agree
from .scope import ATOMS, MORE, SmallScope, trees
from .terms import charset_agrees, conjunction_agrees, term_agrees
from .texts_together import difference_agrees, length_agrees

FIRST = 100_000
"""Seeds that no other test looks at begin here."""


@pytest.mark.parametrize("chunk", range(4))
def test_six_implementations_agree(chunk: int) -> None:
    """Reference, evaluator, solver, string engines, registers and formulas of events agree on each generated case."""
    seen: Counter[Any] = Counter(all_agree(FIRST + seed) for seed in range(chunk * 45, chunk * 45 + 45))
    assert min(seen[value] for value in (True, False, E)) >= 3, f"the generator is lopsided: {seen}"


def test_symbolic_cells_agree() -> None:
    """After generated histories, the cells of the analyses read what the registers that run do."""
    for seed in range(120):
        cells_agree(FIRST + seed)


@pytest.mark.parametrize("chunk", range(2))
def test_models_evaluate_and_proofs_withstand_attack(chunk: int) -> None:
    """A model of T, F or E evaluates to it; where there is none, no situation near the condition's values has it."""
    impossible = 0
    for seed in range(chunk * 60, chunk * 60 + 60):
        impossible += list(answers_hold(FIRST + seed, 200).values()).count(False)
    assert impossible > 20, "the attack must have something to attack"


@pytest.mark.parametrize("size", range(1, 5))
def test_small_scope(size: int) -> None:
    """Of every expression of at most four nodes, each value is possible exactly if some short texts give it."""
    scope = SmallScope(ATOMS)
    values = [scope.check(tree) for tree in trees(size, ATOMS)]
    assert min(values) >= 1 and max(values) == 3


@pytest.mark.parametrize("part", range(3))
def test_small_scope_of_five_nodes(part: int) -> None:
    """The same of every expression of five nodes."""
    scope = SmallScope(ATOMS)
    for tree in trees(5, ATOMS)[part::3]:
        scope.check(tree)


def test_small_scope_of_more_atoms() -> None:
    """The same of every expression of three nodes over more atoms: literals, sizes, lists of texts, choices."""
    scope = SmallScope(MORE)
    for size in (1, 2, 3):
        for tree in trees(size, MORE):
            scope.check(tree)


def test_policies_decide_as_predicted() -> None:
    """The outcome of generated policies, and the rules that determine it, are what the formulas say."""
    outcomes = Counter(decision_agrees(FIRST + seed) for seed in range(250))
    assert min(outcomes[each] for each in (Outcome.ALLOW, Outcome.ESCALATE, Outcome.DENY)) > 5, outcomes


@pytest.mark.parametrize(
    "check",
    [
        relations_hold, origins_agree, lists_agree, ranks_agree, term_agrees, conjunction_agrees, charset_agrees,
        difference_agrees, length_agrees,
    ],
    ids=lambda check: check.__name__,
)  # fmt: skip
def test_corners(check: Any) -> None:
    """Where an error would hide: windows, origins, lists, floats, loops, characters, differences, lengths."""
    for seed in range(80):
        check(FIRST + seed)
