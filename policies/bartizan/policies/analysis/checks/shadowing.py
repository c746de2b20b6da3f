"""``shadowed``: taking the rule away changes no decision, of no call, in no session, approved or not."""

from __future__ import annotations

from collections.abc import Iterator

from ...policy import CheckedRule
from ..answers import Proved, Unknown
from ..encode.decision import Hit
from ..findings import Finding
from ..formula import FALSE, TRUE, Formula, Model
from ..solve import Unsat
from .places import at_rule
from .study import Study, ToolStudy


def shadowed(study: Study, rule: CheckedRule) -> Iterator[Finding]:
    covering: set[str] = set()
    for tool, hit in study.hits(rule):
        for assumptions, remaining in _differences(tool, hit):
            found = tool.check(*assumptions)
            if isinstance(found, Model) and not found.holds(remaining):
                found = tool.check(*assumptions, remaining)
            if isinstance(found, Model):
                return
            if isinstance(found, Unknown):
                yield at_rule("unknown", rule, f"whether `{rule.id}` matters: {found.reason}", answer=found)
                return
            covering |= _named(tool, rule.id, found)
    if rule.conditions:
        core = tuple(sorted(covering))
        by = f", by {', '.join(f'`{id}`' for id in core)}" if core else ""
        message = f"every call that `{rule.id}` is about is decided already{by}"
        yield at_rule("shadowed", rule, message, answer=Proved(core=core), related=core)


def _differences(tool: ToolStudy, hit: Hit) -> Iterator[tuple[tuple[Formula, ...], Formula]]:
    """The ways in which the rule can matter, each as assumptions, and one more that is seldom needed."""
    fires = tool.fires[hit.id]
    if hit.rule.effect == "allow":  # otherwise denied by default, and not asked about
        yield (fires, *tool.others(hit.id, "allow", "deny", "escalate")), TRUE
    elif hit.rule.effect == "escalate":  # otherwise allowed or denied
        yield (fires, *tool.others(hit.id, "deny", "escalate")), TRUE
    else:  # otherwise asked about or allowed; denied by default is denied all the same
        yield (fires, *tool.others(hit.id, "deny")), _otherwise(tool, hit)
        if hit.softened is not FALSE:  # asks for want of a signal: otherwise allowed or denied
            yield (tool.softens[hit.id], *tool.others(hit.id, "deny", "escalate")), TRUE


def _otherwise(tool: ToolStudy, hit: Hit) -> Formula:
    """Without this deny rule the call would go, at least once approved."""
    f = tool.inquiry.formulas
    asking = [soft for id, soft in tool.softens.items() if id != hit.id]
    firing = [tool.fires[h.id] for h in tool.verdict.hits if h.rule.effect in ("allow", "escalate")]
    return f.some((*asking, *firing))


def _named(tool: ToolStudy, rule: str, found: Unsat) -> set[str]:
    """Rules whose not firing was needed for the contradiction; of several that fire alike, the first."""
    neg = tool.inquiry.formulas.neg
    ids: dict[Formula, str] = {}
    for names in (tool.fires, tool.softens):
        for id, formula in names.items():
            if id != rule:
                ids.setdefault(neg(formula), id)
    return {ids[formula] for formula in found.core if formula in ids}
