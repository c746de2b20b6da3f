"""Sessions that a search has found, made easy to read while the search can still be asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...language.types import ToolDecl
from ..answers import Unknown
from ..formula import Formula, Model
from ..sequences.unroll import Option, Unrolling
from ..solve import Unsat
from .simplest import Point, simplest_session


def readable(
    unrolling: Unrolling,
    check: Callable[..., Model | Unsat | Unknown],
    model: Model,
    asked: Iterable[Formula],
    last: Option,
) -> Model:
    """A model of ``asked`` with the same events as in ``model``, easy to read. ``last`` is the call at the end."""
    chosen = [next(o for o in step.options if model.holds(o.happens)) for step in unrolling.steps[:-1]]
    nothing = ToolDecl("none")
    tools = unrolling.policy.tools
    points = [
        Point(tools.get(option.happening.tool or "", nothing), unrolling.encoder, option.moment, check)
        for option in (last, *reversed(chosen))
    ]
    return simplest_session(points, model, [*asked, *(option.happens for option in chosen)])
