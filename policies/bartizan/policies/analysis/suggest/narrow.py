"""Narrowing one allow rule: which tools it keeps, under which conditions, and how the file says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any as Json

from ...document.fields import is_slug
from ...document.loading import Located
from ...language.types import Record
from ...policy import CheckedPolicy, CheckedRule
from .edit import Edit, RuleText
from .hull import Conjunct, hull
from .observed import Usage
from .options import Options


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that the suggestion changes. ``why`` is a sentence; ``observations`` the calls it rests on."""

    rule: str
    tools: tuple[str, ...]
    change: str
    why: str
    observations: int


@dataclass(frozen=True, slots=True)
class Group:
    """Tools of one rule that get the same conditions."""

    id: str
    tools: tuple[str, ...]
    conjuncts: tuple[Conjunct, ...]

    @property
    def texts(self) -> list[str]:
        return [conjunct.text for conjunct in self.conjuncts]


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What becomes of a rule: the groups of its tools, first the one that keeps the rule's id."""

    rule: CheckedRule
    groups: tuple[Group, ...]
    changes: tuple[Change, ...]


def narrow(
    policy: CheckedPolicy, rule: CheckedRule, usage: Usage, options: Options, taken: set[str]
) -> Narrowed:
    """The narrowest form of an allow rule. ``taken`` are the ids of all rules; new ones are added."""
    by_tool = {tool: usage.let_go.get((rule.id, tool), []) for tool in rule.conditions}
    kept = [tool for tool, calls in by_tool.items() if calls or not options.drop_unused]
    dropped = [tool for tool in by_tool if tool not in kept]
    found = {tool: _hull(policy, tool, by_tool[tool], options) for tool in kept}
    sorts: dict[tuple[str, ...], list[str]] = {}
    for tool in kept:
        sorts.setdefault(tuple(c.text for c in found[tool]), []).append(tool)
    order = sorted(sorts.items(), key=lambda sort: (sort[0] != (), -len(sort[1]), sort[1]))
    groups = []
    for number, (_, tools) in enumerate(order):
        id = rule.id if number == 0 else _new_id(rule.id, tools[0], taken)
        groups.append(Group(id, tuple(tools), found[tools[0]]))
    return Narrowed(rule, tuple(groups), tuple(_changes(rule, groups, dropped, by_tool, usage)))


def _hull(
    policy: CheckedPolicy, tool: str, calls: Sequence[Mapping[str, Json]], options: Options
) -> tuple[Conjunct, ...]:
    declared = policy.tools[tool].args
    return hull(declared, calls, options) if isinstance(declared, Record) else ()


def _new_id(rule: str, tool: str, taken: set[str]) -> str:
    """A free id for the part of a rule that is about one tool."""
    word = "".join(c if c.isascii() and (c.isalnum() or c in "_.-") else "-" for c in tool)
    stem = f"{rule}-{word}"[:120]
    id, number = stem, 2
    while id in taken:
        id, number = f"{stem}-{number}", number + 1
    assert is_slug(id)
    taken.add(id)
    return id


def _changes(
    rule: CheckedRule,
    groups: Sequence[Group],
    dropped: Sequence[str],
    by_tool: Mapping[str, Sequence[Json]],
    usage: Usage,
) -> list[Change]:
    changes = []
    if dropped and not groups:
        made = sum(usage.seen.get(tool, 0) for tool in dropped)
        why = f"it let none of the {made} observed calls of its tools go; consider removing it"
        changes.append(Change(rule.id, tuple(dropped), "never holds", why, 0))
    else:
        for tool in dropped:
            made = usage.seen.get(tool, 0)
            why = (
                f"{made} calls were observed, and this rule let none of them go"
                if made
                else "it was never called"
            )
            changes.append(Change(rule.id, (tool,), f"no longer names {tool}", why, 0))
    for group in groups:
        calls = sum(len(by_tool[tool]) for tool in group.tools)
        if group.id != rule.id:
            why = f"{', '.join(group.tools)} of `{rule.id}` had other arguments than its other tools"
            changes.append(Change(group.id, group.tools, f"was split off `{rule.id}`", why, calls))
        for conjunct in group.conjuncts:
            why = f"{conjunct.why} ({conjunct.count} observed)"
            changes.append(Change(group.id, group.tools, f"requires {conjunct.text}", why, conjunct.count))
    return changes


def edits(located: Located, index: int, narrowed: Narrowed) -> list[Edit]:
    """How the file says it. Raises :class:`.edit.Uneditable`."""
    text = RuleText(located, index)
    if not narrowed.groups:
        return text.never() if narrowed.changes else []
    first, *others = narrowed.groups
    whole = not others and len(first.tools) == len(narrowed.rule.conditions)
    made = [] if whole else text.scope(first.tools)
    made += text.when(first.texts) if first.texts else []
    for group in others:
        inside = text.scope(group.tools) + (text.when(group.texts) if group.texts else [])
        made.append(text.copy(group.id, inside))
    return made
