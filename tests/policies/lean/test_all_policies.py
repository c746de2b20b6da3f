"""Every pack and every example has a certificate that the kernel accepts."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.policies.lean.shipped import example_policies

from bartizan.policies import check_policy, packs, read_source
from bartizan.policies.analysis import prove
from bartizan.policies.lean.certificates.certify import analysed, certify
from bartizan.policies.lean.certificates.levels import Requirement, check

ROOT = Path(__file__).parents[3]
EXAMPLES = example_policies(ROOT)
COVERED = {
    "payments": (2, 0),
    "examples/agentdojo/policies/banking.yaml": (1, 0),
    "examples/agentdojo/policies/banking-limits.yaml": (1, 0),
    "examples/analysis/questions.yaml": (7, 8),
    "examples/stages/mail.yaml": (3, 2),
    "examples/stages/release.yaml": (2, 3),
}
"""How many invariants theorems prove, and how many rest on a session or a solver's answer."""


@pytest.mark.parametrize("name", [*packs(), *EXAMPLES])
def test_it_is_certified_and_checked(name: str) -> None:
    """The certificate is made, and the kernel accepts theory and proof of the constant that decodes to the policy."""
    policy = check_policy(read_source(ROOT / name if name in EXAMPLES else name))
    made = certify(policy, lambda asked: analysed(asked, prove(asked), "z3 test"))
    assert made.certificate is not None, made.unproved
    found = check(policy, made.certificate, made.proof, Requirement("kernel", weaker="accept"))
    proved = sum(bool(each.theorems) for each in made.certificate.invariants)
    assert (proved, len(policy.invariants) - proved) == COVERED.get(name, (0, 0))
    assert found.level == "kernel"
    assert made.certificate.axioms == ()
