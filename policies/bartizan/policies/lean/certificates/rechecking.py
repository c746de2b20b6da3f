"""Level ``recheck``: facts, decision trees and sessions, checked again in Python, without a solver or a kernel."""

from __future__ import annotations

from collections.abc import Sequence

from ..calculus.build import spine
from ..calculus.declarations import Theorem
from ..calculus.terms import Const
from ..encoding.constructors import CannotDecode
from ..encoding.model import Clause
from ..proving import facts, shown, sums
from ..proving.claims import POLICY, Asked, Claim, Claims
from ..proving.facts import Found
from ..proving.trees import read_tree, verdict
from .binding import assumed, parts_of
from .certificate import Certificate, Mismatch, Shown
from .proofs import Declared


def check(claims: Claims, certificate: Certificate, declared: Declared) -> None:
    """Raises :class:`Mismatch`. What is here was found to be about this policy before."""
    policy = claims.policy
    for number, fact in enumerate(certificate.facts):
        if fact.reason == "sum":
            found: str | Found = sums.objection(parts_of(fact), policy) or Found(parts_of(fact), "sum")
        else:
            found = facts.objection(parts_of(fact), fact.reason, fact.tool, policy)
        if isinstance(found, str):
            raise Mismatch(f"fact {number} is none: {found}")
        shown_by = found.states, found.closed, found.derivatives
        if shown_by != (fact.states, fact.closed, fact.derivatives):
            raise Mismatch(f"fact {number} rests on another set of derivatives")
    for covered in certificate.invariants:
        for evidence in covered.evidence:
            if isinstance(evidence, Shown):
                reason = shown.objection(policy, policy.invariants[covered.index], evidence.case)
                if reason is not None:
                    raise Mismatch(f"the session that shows `{covered.written[:200]}` does not: {reason}")
    _trees(claims, certificate, declared)


def _trees(claims: Claims, certificate: Certificate, declared: Declared) -> None:
    """The decision tree of each theorem about an invariant."""
    wanted = {theorem.name: theorem for theorem in certificate.theorems if theorem.constant == POLICY}
    found = {each.name: each for _, each in declared if isinstance(each, Theorem)}
    for covered in certificate.invariants:
        for tool in claims.tools(covered.index) if covered.theorems else ():
            bare = claims.about(covered.index, tool, [])
            facts_ = assumed(certificate, wanted[bare.name].facts, tool)
            clauses = [claims.clause(parts) for parts in facts_]
            for asked in claims.asked(covered.index, tool):
                reason = _objection(found.get(bare.name), bare, asked, clauses)
                if reason is not None:
                    raise Mismatch(f"the proof of {bare.name} shows nothing: {reason}")


def _objection(theorem: Theorem | None, claim: Claim, asked: Asked, clauses: Sequence[Clause]) -> str | None:
    if theorem is None:
        return "it is not there"
    head, args = spine(theorem.value)
    if not isinstance(head, Const) or head.name != claim.theorem or len(args) <= asked.place:
        return "it is no decision tree"
    try:
        return verdict(read_tree(args[asked.place]), asked.question, [*asked.hypotheses, *clauses])
    except (CannotDecode, RecursionError) as error:
        return str(error)
