"""What a certificate claims of a policy: statements as kernel terms, with their names and in English.

Everything here follows from the loaded policy and the facts that a certificate names; so a certificate that says
anything else of the same policy is refused without looking at its proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from bartizan.guard.canonical import digest_of

from ...language import ast
from ...policy import CheckedPolicy, canonical_text
from ..calculus import names
from ..calculus.build import app, instantiate
from ..calculus.declarations import Declaration, Theorem
from ..calculus.terms import Const, Pi
from ..calculus.terms import Expr as Term
from ..calculus.terms import Lit as Number
from ..encoding.emit import bool_term, clauses_term, expr_term, ours, policy_term, text_term
from ..encoding.model import Clause, Expr, Lit, tested
from ..encoding.restore import Restorer
from ..encoding.spelling import Unspeakable, spell
from ..encoding.translate import Translation, translated
from ..theory import text, theory
from . import limits, sums
from .facts import Part
from .search import Question

NAMESPACE = "Certified"
POLICY = f"{NAMESPACE}.policy"
_GENERAL = {
    "deny_overrides": "A rule that denies a call decides it, whatever other rules say.",
    "default_deny": "A call of which no rule says anything is denied.",
    "allow_needs_permit": "A call is allowed only if an allow rule is true of it.",
    "info_monotone": "A value that is not known allows nothing: what is allowed without it is allowed with it.",
    "index_slice_sound": "The rules of a call's tool decide it as all rules do.",
    "gate_sound": "Only a call that the policy allows leaves the gate, the proposed one or a permitted edit of it.",
    "gate_transparent": "A call that the policy allows leaves the gate as it was proposed.",
}
"""Theorems of the theory about every policy, which a certificate states of its own."""
_TREE = 6
"""Where the tree stands among the arguments of ``check_sound``."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A statement. ``arguments`` are those of ``theorem`` before its trees; empty for what holds of every policy."""

    name: str
    english: str
    statement: Term
    theorem: str
    arguments: tuple[Term, ...] = ()
    tool: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, where among a theorem's arguments its tree stands, and the hypotheses that only this tree has."""

    place: int
    question: Question
    hypotheses: tuple[Clause, ...] = ()


@cache
def _theory() -> Mapping[str, Declaration]:
    return {declaration.name: declaration for declaration in theory()}


@cache
def theory_digest() -> str:
    """What a certificate names the theory by: the digest of its file."""
    return digest_of(text().encode())


@dataclass(frozen=True, slots=True)
class Claims:
    """Statements about one policy. ``tested``: the conditions that it and its invariants test, by their JSON."""

    policy: CheckedPolicy
    translation: Translation
    tested: Mapping[str, Expr]

    @classmethod
    def of(cls, policy: CheckedPolicy) -> Claims:
        made = translated(policy)
        conditions = [*(rule.condition for rule in made.policy.rules), *made.conditions.values()]
        parts = (part for condition in conditions for part in tested(condition))
        found: dict[Expr, None] = dict.fromkeys((*sums.comparisons(made), *parts))
        restorer = Restorer(made.policy)
        return cls(policy, made, {canonical_text(restorer.condition(part)): part for part in found})

    @property
    def term(self) -> Term:
        """The value of the constant ``Certified.policy``."""
        return policy_term(self.translation.policy)

    def general(self) -> Iterator[Claim]:
        """What holds of every policy, said of this one."""
        for name, english in _GENERAL.items():
            theorem = _theory()[f"Bartizan.{name}"]
            assert isinstance(theorem, Theorem)
            assert isinstance(theorem.type, Pi)
            statement = instantiate(theorem.type.body, [Const(POLICY)])
            yield Claim(f"{NAMESPACE}.{name}", english, statement, theorem.name)

    def never(self, index: int, tool: str, facts: Sequence[Sequence[Part]]) -> Claim:
        """That an invariant holds of a tool's calls, given facts. Raises ``KeyError`` for parts that nothing tests."""
        condition = self.translation.conditions[index, tool]
        every = self.mentions_allowed(index, tool)
        arguments = (
            Const(POLICY),
            clauses_term([self.clause(parts) for parts in facts]),
            text_term(tool),
            Number(self.translation.allowed[tool]),
            bool_term(every),
            expr_term(condition),
        )
        written = said(self.policy.invariants[index].conditions[tool])
        which = "proposed" if every else "let go"
        english = f"Of no call of {tool} that is {which} it is true that {written}"
        english += f", given {len(facts)} facts." if facts else "."
        name = names.join([NAMESPACE, f"invariant_{index}", tool])
        return Claim(name, english, app(ours("Never"), *arguments), "Bartizan.check_sound", arguments, tool)

    def within(self, index: int, facts: Sequence[Sequence[Part]]) -> Claim:
        """That a limit over time holds in every session, given facts. Raises ``KeyError`` like :meth:`never`."""
        limit = self.limit(index)
        assert limit is not None, "no rule reads what is limited: there is nothing to claim"
        hypotheses = clauses_term([self.clause(parts) for parts in facts])
        arguments = (Const(POLICY), hypotheses, text_term(limit.tool), *limit.terms)
        english = limit.english + (f", given {len(facts)} facts." if facts else ".")
        name = names.join([NAMESPACE, f"invariant_{index}", limit.tool])
        return Claim(name, english, limit.statement(arguments), limit.theorem, arguments, limit.tool)

    def limit(self, index: int) -> limits.Limit | None:
        """The limit over time that an invariant is, if a theorem can be about it."""
        if self.policy.invariants[index].kind != "always-within":
            return None
        return limits.limit_of(self.policy, index, self.translation)

    def tools(self, index: int) -> list[str]:
        """The tools of whose calls a theorem must be shown so that the invariant holds; none if there is no theorem."""
        limit = self.limit(index)
        if limit is not None:
            return [limit.tool]
        invariant = self.policy.invariants[index]
        return sorted(invariant.conditions) if invariant.kind == "never" else []

    def about(self, index: int, tool: str, facts: Sequence[Sequence[Part]]) -> Claim:
        """What an invariant says of one of its tools, given facts. Raises ``KeyError`` like :meth:`never`."""
        return self.within(index, facts) if self.limit(index) is not None else self.never(index, tool, facts)

    def asked(self, index: int, tool: str) -> list[Asked]:
        """What the decision trees of :meth:`about` must show."""
        limit = self.limit(index)
        if limit is None:
            return [Asked(_TREE, self.question(index, tool))]
        return [
            Asked(
                place,
                limits.question(tool, limit.allowed, condition, self.translation),
                (limits.only_true(condition),),
            )
            for place, condition in enumerate(limit.conditions, limits.FIRST)
        ]

    def question(self, index: int, tool: str) -> Question:
        """What a decision tree for :meth:`never` must answer."""
        made = self.translation
        every = self.mentions_allowed(index, tool)
        return Question(made.policy, tool, made.allowed[tool], every, made.conditions[index, tool])

    def mentions_allowed(self, index: int, tool: str) -> bool:
        """Whether the condition says itself which calls it means."""
        condition = self.policy.invariants[index].conditions[tool]
        return any(isinstance(node, ast.Allowed) for node in ast.walk(condition))

    @property
    def sums(self) -> list[Expr]:
        """What may be asked besides the conditions themselves: whether sums are at least 0."""
        return sums.comparisons(self.translation)

    @property
    def restorer(self) -> Restorer:
        """Reads the policy's conditions back."""
        return Restorer(self.translation.policy)

    def clause(self, parts: Sequence[Part]) -> Clause:
        """The hypothesis that the parts are not all so. Raises ``KeyError`` for a condition that nothing tests."""
        return tuple(Lit(self.tested[canonical_text(part.condition)], part.value) for part in parts)


def said(node: ast.Expr) -> str:
    """A condition in the policy language, as far as it can be written."""
    try:
        return f"`{spell(ast.to_json(node))}`"
    except Unspeakable:
        return "its condition"


def wording(policy: CheckedPolicy, index: int) -> str:
    """An invariant in words that depend on what it means, not on how its file is laid out."""
    invariant = policy.invariants[index]
    if invariant.conditions:
        texts = dict.fromkeys(said(condition) for condition in invariant.conditions.values())
        return f"{invariant.kind}: {'; '.join(texts)}"
    return f"{invariant.kind}: {canonical_text(dict(invariant.parameters))}"
