"""What is answered of a call that is on its way: the word of the guard, as the stream stages need it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..decision import Outcome
from ..gate import Patch
from ..types import ToolCall


@dataclass(frozen=True, slots=True)
class Ruling:
    """``call`` may leave if the outcome is ALLOW (it is the call that was asked about) or CORRECT (it is another).

    ``rules`` and ``message`` say why; ``patch`` what was changed.
    """

    outcome: Outcome
    call: ToolCall
    rules: tuple[str, ...] = ()
    message: str = ""
    patch: Patch = ()

    def concerns(self, call: ToolCall) -> bool:
        """Whether this can be an answer about ``call``."""
        if not isinstance(self.outcome, Outcome) or not isinstance(self.call, ToolCall):
            return False
        if (self.call.id, self.call.tool) != (call.id, call.tool):
            return False
        return self.outcome is not Outcome.ALLOW or self.call.canonical == call.canonical


Decide: TypeAlias = Callable[[ToolCall], Awaitable[Ruling]]
"""Decides a whole call. It is cancelled when its time is over, and the call is then as denied."""

Possible: TypeAlias = Callable[[str, Mapping[str, Any], Collection[str]], bool]
"""``possible(tool, known, sent)``: whether a call of the tool could still be let go, corrected or not.

``known`` are the arguments that are complete; those in ``sent`` have left already and can no longer be corrected. It
is asked on the event loop, after each argument: it must be quick. What it says is no decision: a wrong True costs
time, a wrong False a call.
"""
