"""Every planted fault is found with a witness, nothing else is, and nothing stays unknown."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from bartizan.guard import Outcome
from bartizan.policies import CheckedPolicy, Program, check_policy, read_source
from bartizan.policies.analysis import (
    Counterexample,
    Difference,
    Finding,
    Options,
    Proof,
    Proved,
    Refuted,
    diff,
    lint,
    prove,
    refines,
)
from bartizan.policies.analysis.justifications import apply_justifications
from bartizan.policies.analysis.witness.replay import stage

from .planted import Pair, Planted, cases, name, pairs, sound, widenings

HERE = Options(isolated=False)
WITH_WITNESS = {"may-error", "conflict", "races"}
LINTED = [c for c in cases() if c.code != "sequence"]
SEQUENCES = [c for c in cases() if c.code == "sequence"]
STATING = [path for path in sound() if check_policy(read_source(path)).invariants]


@cache
def policy(path: Path) -> CheckedPolicy:
    return check_policy(read_source(path))


def findings(path: Path) -> tuple[Finding, ...]:
    return apply_justifications(lint(policy(path), HERE), policy(path))


def serious(found: tuple[Finding, ...]) -> list[tuple[str, str | None]]:
    return [(f.code, f.rule or f.tool) for f in found if f.severity != "note"]


def replayed(checked: CheckedPolicy, witness: Counterexample) -> Outcome | None:
    """What the real evaluator makes of a witness that assumes nothing."""
    assert not witness.assumed
    program = Program(checked)
    return stage(program, witness.case).happen(program).outcome


@pytest.mark.parametrize("case", LINTED, ids=lambda c: c.name)
def test_a_planted_fault_is_the_only_finding(case: Planted) -> None:
    """The planted fault is found at its rule, and no other warning or error is given."""
    found = findings(case.path)
    here = [f for f in found if f.code == case.code and case.rule in (None, f.rule)]
    assert here, [(f.code, f.rule) for f in found]
    others = [s for s in serious(found) if s[0] != case.code]
    assert others == []
    if case.code in WITH_WITNESS:
        for finding in here:
            assert isinstance(finding.answer, Refuted) and finding.witness is not None
            if not finding.witness.assumed:
                assert replayed(policy(case.path), finding.witness) is finding.witness.outcome


@pytest.mark.parametrize("path", sound(), ids=name)
def test_a_sound_policy_has_no_finding(path: Path) -> None:
    """Nothing but notes is said of a policy without a fault."""
    assert serious(findings(path)) == []


@pytest.mark.parametrize("case", SEQUENCES, ids=lambda c: c.name)
def test_a_planted_sequence_bug_violates_its_invariant_and_no_other(case: Planted) -> None:
    """The violated invariant is refuted by calls that the policy really lets go; the others are proved."""
    for index, proof in enumerate(prove(policy(case.path), HERE)):
        if index != case.invariant:
            assert isinstance(proof.answer, Proved), proof
            continue
        assert isinstance(proof.answer, Refuted), proof
        if case.kind != "possible":
            assert proof.answer.counterexample is not None
            assert replayed(policy(case.path), proof.answer.counterexample) is not Outcome.DENY
    assert serious(findings(case.path)) == []


@pytest.mark.parametrize("path", STATING, ids=name)
def test_the_invariants_of_a_sound_policy_are_proved(path: Path) -> None:
    """Every invariant of a policy without a fault is proved for every session."""
    proofs: list[Proof] = list(prove(policy(path), HERE))
    assert [p.invariant.written for p in proofs if not isinstance(p.answer, Proved)] == []
    assert len(proofs) == len(policy(path).invariants)


@pytest.mark.parametrize("case", widenings(), ids=lambda c: c.name)
def test_a_widening_is_shown_by_a_call(case: Planted) -> None:
    """The difference names calls that the new version decides less strictly than the old one, each replayed in both."""
    new, old = policy(case.path), policy(case.path.with_name("old.yaml"))
    found: Difference = diff(old, new, HERE)
    assert found.newly_allowed and not found.unknown
    for change in found.newly_allowed:
        assert change.new < change.old
        if change.witness.outcome is not None and not change.witness.assumed:
            assert replayed(new, change.witness) is change.new
            assert replayed(old, change.witness) is change.old
    assert isinstance(refines(new, old, options=HERE), Refuted)


@pytest.mark.parametrize("pair", [*pairs("narrowing"), *pairs("equivalent")], ids=lambda p: p.name)
def test_a_refinement_is_proved(pair: Pair) -> None:
    """A narrower or rewritten version is proved to let nothing more go, and an equivalent one nothing less."""
    new, old = policy(pair.new), policy(pair.old)
    assert isinstance(refines(new, old, options=HERE), Proved)
    found = diff(old, new, HERE)
    assert not found.newly_allowed and not found.unknown
    assert bool(found.newly_denied) == (pair.relation == "narrowing")
