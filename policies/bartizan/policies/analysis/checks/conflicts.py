"""``conflict``: an allow rule and a deny or escalate rule that both match a call. The stricter one wins: a note.

A bare ``allow`` of a tool is the idiom for "but for what follows" and conflicts with nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..answers import Unknown
from ..encode.decision import Hit
from ..findings import Finding
from ..formula import Formula, Model
from .places import at_rule, written
from .study import ToolStudy
from .witnesses import Witnesses

MAX_EACH = 5
MAX_OF_TOOL = 60


def conflicts(witnesses: Witnesses, tool: ToolStudy, reported: set[tuple[str, str]]) -> Iterator[Finding]:
    """For each rule that stops calls of the tool, the first few allow rules that it overrides, with a call each.

    ``reported`` are the pairs of rules that were shown to conflict already, about other tools. Notes of which there
    are very many are read by nobody: after ``MAX_OF_TOOL`` there is one more, which says so.
    """
    shown = 0
    allowing = [h for h in tool.verdict.of("allow") if written(h.rule.conditions[tool.inquiry.tool])]
    for effect in ("deny", "escalate"):
        for hit in tool.verdict.of(effect):
            if written(hit.rule.conditions[tool.inquiry.tool]):
                waiting = [h for h in allowing if (h.id, hit.id) not in reported]
                for finding in _overridden(witnesses, tool, hit, waiting):
                    reported.add((finding.rule or "", hit.id))
                    yield finding
                    shown += 1
                    if shown == MAX_OF_TOOL:
                        yield _more(tool)
                        return


def _more(tool: ToolStudy) -> Finding:
    name = tool.inquiry.tool
    return Finding.of("conflict", f"`{name}` has more conflicts than the {MAX_OF_TOOL} shown", tool=name)


def _overridden(witnesses: Witnesses, tool: ToolStudy, hit: Hit, waiting: list[Hit]) -> Iterator[Finding]:
    f = tool.inquiry.formulas
    for _ in range(min(len(waiting), MAX_EACH)):
        wanted: Formula = f.both(hit.condition.true, f.some(h.condition.true for h in waiting))
        found = tool.check(wanted)
        if isinstance(found, Unknown):
            yield at_rule("unknown", hit.rule, f"what `{hit.id}` overrides: {found.reason}", answer=found)
        if not isinstance(found, Model):
            return
        met = next(h for h in waiting if found.holds(h.condition.true))
        waiting.remove(met)
        both = f.both(hit.condition.true, met.condition.true)
        yield at_rule(
            "conflict",
            met.rule,
            f"a call of `{tool.inquiry.tool}` matches `{met.id}`, and `{hit.id}` ({hit.rule.effect}), which wins",
            tool=tool.inquiry.tool,
            answer=witnesses.of(tool.inquiry, both, found, history=False),
            related=(hit.id,),
        )
