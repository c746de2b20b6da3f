"""The solver agrees with enumeration, and its models and cores are what they claim to be."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from .enumeration import answer_agrees, core_agrees, memory_agrees

SEEDS = st.integers(0, 2**40)


@settings(max_examples=400)
@given(SEEDS)
def test_answers_are_those_of_enumeration(seed: int) -> None:
    """A problem has a model for the solver exactly if enumeration finds one."""
    answer_agrees(seed)


@settings(max_examples=200)
@given(SEEDS)
def test_cores_are_assumptions_that_have_no_model(seed: int) -> None:
    """The core of an unsatisfiable problem is a part of the assumptions, and has no model by itself."""
    core_agrees(seed)


@settings(max_examples=200)
@given(SEEDS)
def test_earlier_questions_change_no_answer(seed: int) -> None:
    """What a solver learned from some assumptions holds of others."""
    memory_agrees(seed)
