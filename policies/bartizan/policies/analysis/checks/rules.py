"""Each rule by itself: can it fire at all, does its condition say anything, can it be E on a clean call?"""

from __future__ import annotations

from collections.abc import Iterator

from ...language import ast
from ...policy import CheckedRule
from ..answers import Answer, Proved, Unknown
from ..encode.decision import result_moment
from ..encode.expressions import Encoder
from ..encode.past import FreePast
from ..encode.room import room_for
from ..encode.symbols import Condition
from ..findings import Finding
from ..formula import Formula, Formulas, Model
from ..solve import Solver, Unsat
from .places import at_rule, written
from .study import Study
from .witnesses import Witnesses


def fires_never(study: Study, plain: Study, rule: CheckedRule) -> Iterator[Finding]:
    """``vacuous``, and ``unreachable``: it could fire only in a session that the policy never lets come about.

    ``plain`` is the study without what was established of all sessions.
    """
    if not rule.conditions:  # about tags that no tool has yet
        return
    answer = _never(study, rule)
    if isinstance(answer, Unknown):
        yield at_rule("unknown", rule, f"whether `{rule.id}` can fire: {answer.reason}", answer=answer)
    elif answer is not None:
        everywhere = _never(plain, rule)
        if isinstance(everywhere, Proved):
            yield at_rule(
                "vacuous",
                rule,
                f"`{rule.id}` never fires: no call satisfies its condition",
                answer=everywhere,
            )
        else:
            yield at_rule(
                "unreachable",
                rule,
                f"`{rule.id}` never fires: it waits for something that this policy never lets happen",
                answer=answer,
            )


def _never(study: Study, rule: CheckedRule) -> Answer | None:
    """Proved if the condition is T for no call of any tool in scope; None if it is for some."""
    for tool, hit in study.hits(rule):
        found = tool.check(hit.condition.true)
        if isinstance(found, Model):
            return None
        if isinstance(found, Unknown):
            return found
    return Proved()


def says_nothing(study: Study, rule: CheckedRule) -> Iterator[Finding]:
    """``always``: a condition was written, and every clean call satisfies it."""
    if not any(written(node) for node in rule.conditions.values()):
        return
    for tool, hit in study.hits(rule):
        found = tool.check(tool.clean, tool.inquiry.formulas.neg(hit.condition.true))
        if isinstance(found, Model):
            return
        if isinstance(found, Unknown):
            yield at_rule("unknown", rule, f"whether `{rule.id}` always holds: {found.reason}", answer=found)
            return
    yield at_rule("always", rule, f"the condition of `{rule.id}` holds for every call", answer=Proved())


def may_fail(study: Study, witnesses: Witnesses, rule: CheckedRule) -> Iterator[Finding]:
    """``may-error``: on a call with nothing wrong but an absent optional field the condition is E."""
    for tool, hit in study.hits(rule):
        f = tool.inquiry.formulas
        wanted = f.both(tool.clean, f.neg(hit.condition.true), f.neg(hit.condition.false))
        found = tool.check(wanted)
        if isinstance(found, Model):
            message = f"`{rule.id}` cannot be evaluated when an optional argument of `{tool.inquiry.tool}` is absent"
            yield at_rule(
                "may-error",
                rule,
                message,
                tool=tool.inquiry.tool,
                answer=witnesses.of(tool.inquiry, wanted, found),
            )
            return
        if isinstance(found, Unknown):
            yield at_rule("unknown", rule, f"whether `{rule.id}` can be E: {found.reason}", answer=found)
            return


def about_results(study: Study, rule: CheckedRule) -> Iterator[Finding]:
    """``vacuous`` and ``always`` for a rule about results."""
    possible = False
    exceptions = False
    for tool in rule.conditions:
        never, always = _result_questions(study, rule, tool)
        for found in (never, always):
            if isinstance(found, Unknown):
                yield at_rule("unknown", rule, f"whether `{rule.id}` can fire: {found.reason}", answer=found)
                return
        possible |= isinstance(never, Model)
        exceptions |= isinstance(always, Model)
    if not possible and rule.conditions:
        yield at_rule(
            "vacuous", rule, f"`{rule.id}` never fires: no result satisfies its condition", answer=Proved()
        )
    elif not exceptions and any(written(node) for node in rule.conditions.values()):
        yield at_rule("always", rule, f"the condition of `{rule.id}` holds for every result", answer=Proved())


def _result_questions(
    study: Study, rule: CheckedRule, tool: str
) -> tuple[Model | Unsat | Unknown, Model | Unsat | Unknown]:
    """A result for which the condition is T, and a clean one for which it is not."""
    node: ast.Expr = rule.conditions[tool]
    formulas = Formulas()
    encoder = Encoder(formulas, room_for([node]))
    moment = result_moment(encoder, study.policy.tools[tool], study.policy.tools, FreePast(study.established))
    condition: Condition = encoder.condition(node, moment)
    solver = Solver(formulas, study.budget)
    for fact in encoder.new_facts():
        solver.add(fact)
    clean: Formula = formulas.all(encoder.known)
    return solver.check(condition.true), solver.check(clean, formulas.neg(condition.true))
