"""Who answers the approvals: a user who agrees to what the task needs, and to nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bartizan.guard.canonical import canonical_json

from .agent import PlannedCall


@dataclass(slots=True)
class SimulatedUser:
    """Approves a call iff the user's own task needs it and it has not been made as often as that already.

    The comparison is of tool and canonical arguments against the task's ground truth, so a call that an
    injection changed in one character is refused. A ``careless`` user approves whatever is asked: what is stopped
    then, the policy stopped alone. ``asked`` counts the approvals requested.
    """

    needed: tuple[PlannedCall, ...]
    careless: bool = False
    asked: int = 0
    granted: int = 0
    refused: int = 0
    _need: Counter[bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._need = Counter(map(_key, self.needed))

    def approves(self, tool: str, args: Mapping[str, Any], made: Iterable[PlannedCall]) -> bool:
        """Answer one request. ``made`` are the calls that have already run in this conversation."""
        call = _key(PlannedCall(tool, dict(args)))
        needed = self._need[call] > sum(_key(earlier) == call for earlier in made)
        answer = needed or self.careless
        self.asked += 1
        self.granted += answer
        self.refused += not answer
        return answer


def _key(call: PlannedCall) -> bytes:
    return canonical_json({"tool": call.tool, "args": call.args})
