"""Random inductive declarations: right ones are accepted with their recursors, and one fault is enough to refuse."""

from __future__ import annotations

from random import Random

import pytest
from tests.policies.lean.corpus.kinds import kind_of
from tests.policies.lean.corpus.prelude import start
from tests.policies.lean.corpus.shapes import FAULTS, Shaper

from bartizan.policies.lean.check import check_file
from bartizan.policies.lean.kernel import KernelError

SEEDS = range(50)


def test_right_declarations_have_the_recursors_that_were_worked_out_elsewhere() -> None:
    """The kernel derives, for fifty declarations, the very recursors that the corpus derives on its own."""
    for seed in SEEDS:
        made = Shaper(Random(seed)).block()
        assert made is not None
        assert "T0.rec" in check_file(start("Nat", "Bool").block(made).text())


@pytest.mark.parametrize("fault", FAULTS[1:])
def test_one_fault_is_enough(fault: str) -> None:
    """A declaration like the right ones, but for one fault in one place, is refused for its form."""
    refused = 0
    for seed in SEEDS:
        made = Shaper(Random(seed), fault).block()
        if made is not None:
            with pytest.raises(KernelError) as caught:
                check_file(start("Nat", "Bool").block(made).text())
            assert kind_of(caught.value) == "inductive", seed
            refused += 1
    assert refused >= 20
