"""An audit as JSON, as tables for a terminal, and as a plot."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from rich.table import Table
from rich.text import Text

from .drift import RULE, Drift
from .errors import AuditError
from .page import page, replace_text, sections, shown
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

    def write(self, path: str | Path) -> None:
        """As JSON, whole or not at all."""
        replace_text(Path(path), json.dumps(self.json(), indent=1, allow_nan=False) + "\n")

    def tables(self, most: int = 12) -> Iterator[Table]:
        """Checkpoints first, then the features that moved most, then contracts and rebounds if there are any."""
        for part in sections(self, most):
            table = Table(*part.heads, title=Text(part.title))
            for row in part.rows:
                table.add_row(*map(Text, row))
            yield table

    def markdown(self, most: int = 50) -> str:
        """A page for people: the tables, with what was found above them."""
        return page(self, most)

    def plot(self, path: str | Path) -> None:
        """Overlap and decrease rate by checkpoint. Raises :class:`AuditError` without matplotlib."""
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise AuditError("plots need matplotlib: install bartizan[train]") from error
        figure = Figure(figsize=(max(6, 1.5 * len(self.checkpoints) + 4), 4), layout="constrained")
        left, right = figure.subplots(1, 2)
        places = range(len(self.checkpoints))
        for which in ("general", "specific"):
            common = [getattr(one.drift, which).common for one in self.checkpoints]
            left.plot(places, common, "o-", label=which)
        left.set(title=f"of the top {self.n} features, the same after", ylim=(0, self.n + 0.1))
        left.legend()
        right.bar(
            places, [one.drift.idr if math.isfinite(one.drift.idr) else 0.0 for one in self.checkpoints]
        )
        right.axhline(RULE, color="grey", linestyle="--", linewidth=1, label="15% rule")
        for place, one in enumerate(self.checkpoints):
            height = one.drift.idr if one.drift.idr > 0 else 0.0
            right.annotate(f"p = {one.drift.p:.2g}", (place, height), ha="center", va="bottom")
        right.set(title="intersection decrease rate")
        right.legend()
        for axis in (left, right):
            names = [ascii(shown(one.name))[1:-1] for one in self.checkpoints]  # no font has every letter
            axis.set_xticks(places, names, rotation=20, parse_math=False)
        figure.savefig(path, dpi=120)


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
