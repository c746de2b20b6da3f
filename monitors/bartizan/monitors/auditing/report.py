"""What an audit found, and what it means: objections, and what stays undecided."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from pydantic import BaseModel

from .drift import Drift
from .rebound import Rebound
from .survival import Survival


@dataclass(frozen=True, slots=True)
class CheckpointAudit:
    """One checkpoint against the base. ``differences`` of the fingerprints; none means that it is the same model."""

    name: str
    differences: tuple[str, ...]
    drift: Drift
    survival: Survival | None


@dataclass(frozen=True, slots=True)
class AuditReport:
    """``n`` top features a token; ``alpha`` the level of the tests; ``rebounds`` of those after ``aligned``.

    ``probe_mismatch``: how the base differs from the model that the probe was fitted on.
    """

    base: str
    hook_point: str
    n: int
    alpha: float
    checkpoints: tuple[CheckpointAudit, ...]
    aligned: str | None
    rebounds: tuple[Rebound, ...]
    probe_mismatch: tuple[str, ...] = ()

    def objections(self, *, drift: bool = True) -> list[str]:
        """What speaks against a checkpoint: contracts that do not survive, rebounds, and ``drift`` if it counts."""
        found = []
        for one in self.checkpoints:
            if drift:
                found += [f"{one.name}: {finding}" for finding in one.drift.findings(self.alpha)]
            if one.survival is not None and one.survival.verdict == "does not survive":
                found.append(
                    f"{one.name}: the contract of {one.survival.probe} does not survive: {one.survival.why}"
                )
        found += [
            f"{one.checkpoint}: rebounds, {one.reversed:.0%} of the move is reversed"
            for one in self.rebounds
            if one.verdict == "rebounds"
        ]
        return found

    def undecided(self) -> list[str]:
        """What could not be told, and why: never a yes."""
        found = [
            f"{one.name}: {one.survival.verdict} to tell whether the contract of {one.survival.probe} survives: "
            f"{one.survival.why}"
            for one in self.checkpoints
            if one.survival is not None and one.survival.verdict == "not enough episodes"
        ]
        found += [
            f"{one.checkpoint}: between {one.low:.0%} and {one.high:.0%} of the move is reversed, which decides nothing"
            for one in self.rebounds
            if one.verdict == "undecided"
        ]
        return found

    def json(self) -> dict[str, Any]:
        """Plain JSON; numbers that do not exist are null."""
        found: dict[str, Any] = _plain(self)
        return {**found, "objections": self.objections(), "undecided": self.undecided()}


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _plain(value.model_dump())
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(getattr(value, name)) for name in (field.name for field in fields(value))}
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
