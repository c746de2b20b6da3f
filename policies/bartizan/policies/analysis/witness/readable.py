"""Sessions that a search has found, made easy to read while the search can still be asked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...language.types import ToolDecl
from ..formula import Formula, Model
from .simplest import Point, simplest_session

if TYPE_CHECKING:
    from ..sequences.search import Search
    from ..sequences.unroll import Option


def readable(search: Search, model: Model, asked: Iterable[Formula], last: Option) -> Model:
    """A model of ``asked`` with the same events as in ``model``, easy to read. ``last`` is the call at the end."""
    steps = search.unrolling.steps
    chosen = [next(o for o in step.options if model.holds(o.happens)) for step in steps[:-1]]
    nothing = ToolDecl("none")
    tools = search.policy.tools
    points = [
        Point(tools.get(option.happening.tool or "", nothing), search.encoder, option.moment, search.check)
        for option in (last, *reversed(chosen))
    ]
    return simplest_session(points, model, [*asked, *(option.happens for option in chosen)])
