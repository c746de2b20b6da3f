"""The fifteen questions of ``examples/analysis`` are all answered."""

from __future__ import annotations

from pathlib import Path

from bartizan.policies import check_policy, read_source
from bartizan.policies.analysis import Options, Proved, prove

QUESTIONS = Path(__file__).parents[2] / "examples" / "analysis" / "questions.yaml"


def test_every_question_is_answered() -> None:
    """None stays unknown: what is said to hold does, and what is said to be possible is shown by a call."""
    policy = check_policy(read_source(QUESTIONS))
    proofs = list(prove(policy, Options(isolated=False)))
    assert len(proofs) == 15
    for proof in proofs:
        assert isinstance(proof.answer, Proved), proof
        assert (proof.answer.witness is not None) == (proof.invariant.kind == "possible")
