"""Making a certificate: what can be proved in the kernel is, and for the rest other evidence is asked for.

For each invariant, in this order: a decision tree for every tool (``never``), two for a limit over time
(``always-within``), the theorem on missing information (``without``), a session that shows it (``possible``), and
otherwise the answer of the analyses. What nothing speaks for is told, and no certificate is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any as Json

from bartizan.guard.canonical import digest_of

from ...policy import SEMANTICS, CheckedPolicy
from ..calculus.build import app
from ..calculus.declarations import Declaration, Definition, Theorem
from ..calculus.digests import Digester
from ..calculus.terms import Const
from ..encoding.emit import ours, reflexivity, tree_term
from ..encoding.model import Expr
from ..encoding.tree import Tree
from ..proving import facts, limits, shown, sums
from ..proving.claims import NAMESPACE, POLICY, Claim, Claims, theory_digest, wording
from ..proving.facts import Found, Part
from ..proving.search import Search, TooLarge
from . import certificate as form
from .binding import schema_digest
from .proofs import behind_theory, checked_theory

Evidence = form.Answer | form.Shown
Answers = Callable[[CheckedPolicy], Iterator[tuple[int, "Evidence | str"]]]
"""What the analyses say of each invariant that is asked about: evidence, or why there is none."""


@dataclass(frozen=True, slots=True)
class Made:
    """A certificate with its proof. ``unproved`` says why there is none, by the invariants' positions."""

    certificate: form.Certificate | None
    proof: bytes = b""
    unproved: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Further:
    """Declarations from elsewhere that go into the proof, with the theorems among them that are worth telling."""

    declarations: Sequence[Declaration] = ()
    theorems: Sequence[form.Theorem] = ()


def certify(policy: CheckedPolicy, answers: Answers, further: Further | None = None) -> Made:
    """The certificate of a policy. Deterministic, but for what the solver's answers say of themselves.

    Raises:
        KernelError: the kernel refuses what was made: an internal error, or a bad declaration in ``further``.
    """
    return _Certifier(Claims.of(policy), answers, further or Further()).made()


class _Certifier:
    def __init__(self, claims: Claims, answers: Answers, further: Further) -> None:
        self.claims, self.answers, self.further = claims, answers, further
        self.policy, self.restorer = claims.policy, claims.restorer
        self.facts: list[form.Fact] = []
        self.theorems: list[form.Theorem] = []
        self.declarations: list[Declaration] = []
        self.digester = Digester()

    def made(self) -> Made:
        self.declarations.append(Definition(POLICY, (), Const("Bartizan.Policy"), self.claims.term))
        for claim in self.claims.general():
            self._declare(claim, app(Const(claim.theorem), Const(POLICY)))
        covered = {index: self._theorems(index) for index in range(len(self.policy.invariants))}
        left = [index for index, names in covered.items() if not names]
        evidence: dict[int, Evidence] = {}
        unproved: dict[int, str] = {}
        for index, found in self.answers(self.policy) if left else ():
            if index in left and isinstance(found, str):
                unproved[index] = found
            elif index in left and not isinstance(found, str):
                evidence[index] = found
        for index in left:
            if index not in evidence:
                unproved.setdefault(index, "nothing was said of it")
        if unproved:
            return Made(None, b"", unproved)
        invariants = tuple(
            form.Covered(
                index=index,
                kind=self.policy.invariants[index].kind,
                written=wording(self.policy, index),
                theorems=names,
                evidence=() if names else (evidence[index],),
            )
            for index, names in covered.items()
        )
        return self._certified(invariants)

    def _certified(self, invariants: tuple[form.Covered, ...]) -> Made:
        theory = checked_theory()
        environment = theory.fork()
        environment.add_all([*self.declarations, *self.further.declarations])
        proof = behind_theory(environment.declarations[len(theory.declarations) :])
        certificate = form.Certificate(
            policy=form.About(name=self.policy.name, hash=self.policy.hash),
            schema=schema_digest(self.policy),
            semantics=SEMANTICS,
            theory=theory_digest(),
            proof=form.Proof(digest=digest_of(proof), bytes=len(proof), constant=POLICY),
            theorems=(*self.theorems, *self.further.theorems),
            facts=tuple(self.facts),
            invariants=invariants,
            checkers=(form.Checked(name="bartizan", version=_version(), verdict="accepted"),),
        )
        return Made(certificate, proof)

    # --- theorems

    def _theorems(self, index: int) -> tuple[str, ...]:
        """The names of the theorems that prove an invariant for every tool; none if one of them is missing."""
        kind = self.policy.invariants[index].kind
        if kind == "without":
            return (f"{NAMESPACE}.info_monotone",)
        if kind == "always-within":
            return self._limited(index)
        if kind != "never":
            return ()
        found: list[tuple[str, Tree, list[Found]]] = []
        for tool in sorted(self.policy.invariants[index].conditions):
            tree, needed = self._tree(index, tool)
            if tree is None:
                return ()
            found.append((tool, tree, needed))
        return tuple(self._never(index, *each) for each in found)

    def _limited(self, index: int) -> tuple[str, ...]:
        """The name of the theorem that proves a limit over time, if there is one."""
        limit = self.claims.limit(index)
        if limit is None:
            return ()
        made, contradiction = None, partial(self._contradiction, tool=limit.tool)
        for further in ([], self.claims.sums):
            try:
                made = made or limits.search(
                    limit, self.claims.translation, self._part, contradiction, further
                )
            except (TooLarge, RecursionError):
                break
        if made is None:
            return ()
        trees, needed = made
        claim = self.claims.within(index, [found.parts for found in needed])
        numbers = tuple(self._fact(found, limit.tool) for found in needed)
        return (self._declare(claim, limit.proof(claim.arguments, trees), numbers),)

    def _tree(self, index: int, tool: str) -> tuple[Tree | None, list[Found]]:
        question, contradiction = self.claims.question(index, tool), partial(self._contradiction, tool=tool)
        for further in ([], self.claims.sums):  # whether sums are negative is asked only where it must be
            search = Search(question, contradiction, self._part, further=further)
            try:
                if (tree := search.tree()) is not None:
                    return tree, search.facts
            except (TooLarge, RecursionError):
                break
        return None, []

    def _part(self, expr: Expr) -> Part:
        return Part(self.restorer.condition(expr), True)

    def _contradiction(self, parts: tuple[Part, ...], tool: str) -> Found | None:
        return facts.contradiction(parts, tool, self.policy) or sums.contradiction(parts, self.policy)

    def _never(self, index: int, tool: str, tree: Tree, needed: list[Found]) -> str:
        claim = self.claims.never(index, tool, [found.parts for found in needed])
        numbers = tuple(self._fact(found, tool) for found in needed)
        proof = app(ours("check_sound"), *claim.arguments, tree_term(tree), reflexivity())
        return self._declare(claim, proof, numbers)

    def _fact(self, found: Found, tool: str) -> int:
        made = form.Fact(
            english=found.english,
            tool=tool,
            parts=tuple(form.Part(condition=part.condition, value=part.value) for part in found.parts),
            reason=found.reason,
            states=found.states,
            closed=found.closed,
            derivatives=found.derivatives,
        )
        if made not in self.facts:
            self.facts.append(made)
        return self.facts.index(made)

    def _declare(self, claim: Claim, proof: Json, numbers: tuple[int, ...] = ()) -> str:
        self.declarations.append(Theorem(claim.name, (), claim.statement, proof))
        digest = self.digester.term(claim.statement).hex()
        self.theorems.append(
            form.Theorem(
                name=claim.name, constant=POLICY, statement=digest, english=claim.english, facts=numbers
            )
        )
        return claim.name


def _version() -> str:
    try:
        return version("bartizan")
    except PackageNotFoundError:
        return "unknown"


def analysed(
    policy: CheckedPolicy, proofs: Iterator[Json], solver: str
) -> Iterator[tuple[int, Evidence | str]]:
    """What the analyses say (``prove``), as evidence. ``solver`` is its name and version."""
    name, _, release = solver.partition(" ")
    for index, proof in enumerate(proofs):
        answer = proof.answer
        invariant = policy.invariants[index]
        if type(answer).__name__ != "Proved":
            yield (
                index,
                "it is refuted" if type(answer).__name__ == "Refuted" else f"unknown: {answer.reason}",
            )
        elif invariant.kind != "possible":
            yield index, form.Answer(solver=name, version=release, how=answer.how)
        elif answer.witness is None or answer.witness.assumed:
            yield index, "no session shows it"
        elif (reason := shown.objection(policy, invariant, answer.witness.case)) is not None:
            yield index, f"its session shows nothing: {reason}"
        else:
            yield index, form.Shown(case=dict(answer.witness.case))
