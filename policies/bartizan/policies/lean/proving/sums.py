"""Sums that are not negative: facts about leaves that follow from what the policy lets go.

``session.sum`` adds up an argument of calls that were let go. If of every such call the argument is at least 0, which
is a question for a decision tree, no sum is negative. The fact names only the sum: who checks it searches again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any as Json

from ...policy import CheckedPolicy, canonical_text
from ..encoding.model import Comparison, Expr, Number, Variable
from ..encoding.restore import Restorer
from ..encoding.translate import Translation, translated
from . import facts
from .facts import Found, Part
from .limits import always, only_true, question
from .search import TooLarge
from .trees import verdict


def comparisons(made: Translation) -> list[Expr]:
    """``0 <= sum``, for each sum that the policy reads."""
    found: list[Expr] = []
    for index, leaf in enumerate(made.policy.leaves):
        if json.loads(leaf)["node"] == "Sum":
            found.append(Comparison("le", Number(0), Variable(index)))
    return found


def contradiction(parts: Sequence[Part], policy: CheckedPolicy) -> Found | None:
    """A sum among these that is said to be negative, and is not."""
    for part in parts:
        if _negative(part) is not None and objection((part,), policy) is None:
            return Found((part,), "sum")
    return None


def objection(parts: Sequence[Part], policy: CheckedPolicy) -> str | None:
    """Why this is no such fact; None if it is one."""
    node = _negative(parts[0]) if len(parts) == 1 else None
    if node is None:
        return "it is not about a sum below 0"
    made = translated(policy)
    field = canonical_text(node["field"])
    if node["field"]["node"] != "Input" or field not in made.policy.leaves:
        return "no rule asks how much is added up"
    tool, condition = node["tool"], Comparison("le", Number(0), Variable(made.policy.leaves.index(field)))
    restorer = Restorer(made.policy)
    asked = question(tool, made.allowed.get(tool, len(made.policy.leaves)), condition, made)
    try:
        found = always(
            asked, condition, lambda expr: Part(restorer.condition(expr), True),
            lambda known: facts.contradiction(known, tool, policy),
        )  # fmt: skip
    except (TooLarge, RecursionError):
        found = None
    if found is None or len(found[1]) > 1:
        return f"calls of {tool} may be let go with less than 0"
    return verdict(found[0], asked, [only_true(condition)])


def _negative(part: Part) -> Json | None:
    """The sum that a part says is below 0."""
    node = part.condition
    if part.value or node["node"] != "Compare" or node["op"] != "<=":
        return None
    left, right = node["left"], node["right"]
    return right if left["node"] == "Const" and left["value"] == 0 and right["node"] == "Sum" else None
