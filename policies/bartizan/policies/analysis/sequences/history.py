"""Concrete pasts for a question about one call: sessions of growing length in place of an arbitrary one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...language import ast
from ...policy import CheckedPolicy
from ..answers import Budget, Unknown
from ..encode.decision import Verdict
from ..encode.expressions import Encoder, Moment
from ..formula import Formula
from .search import NotFound, Search
from .settle import deep_enough
from .trace import Trace
from .unroll import Option, Unrolling

Wanted = Callable[[Encoder, Moment, Verdict], Formula]
"""What is wanted of the call at hand: its moment, whose past is explicit, and what the policy makes of it."""


def find_history(
    policy: CheckedPolicy,
    tool: str,
    wanted: Wanted,
    budget: Budget,
    *,
    about: Iterable[ast.Expr] = (),
    depth: int | None = None,
) -> Trace | NotFound | Unknown:
    """A shortest session of ``policy`` that ends in a call of ``tool`` of which ``wanted`` holds.

    Args:
        about: what ``wanted`` reads, beside the rules about the tool: the conditions of another policy, say.
        depth: how many events before the call to look at; if not given, what the policy's own limits suggest.

    Whether the call is let go is up to ``wanted``. Texts in provenance questions are free, as everywhere.
    """
    about = tuple(about)

    def question(unrolling: Unrolling, option: Option) -> Formula:
        assert option.verdict is not None
        return wanted(unrolling.encoder, option.moment, option.verdict)

    search = Search(policy, (tool,), budget, about=about)
    return search.run(question, deep_enough(policy, about) if depth is None else depth)
