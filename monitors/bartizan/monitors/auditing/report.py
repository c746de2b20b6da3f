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

from .drift import RULE, Drift
from .errors import AuditError
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
    """``n`` top features a token; ``alpha`` the level of the tests; ``rebounds`` of those after ``aligned``."""

    base: str
    hook_point: str
    n: int
    alpha: float
    checkpoints: tuple[CheckpointAudit, ...]
    aligned: str | None
    rebounds: tuple[Rebound, ...]

    def json(self) -> dict[str, Any]:
        """Plain JSON; numbers that do not exist are null."""
        found: dict[str, Any] = _plain(self)
        return found

    def write(self, path: str | Path) -> None:
        path = Path(path)
        temporary = path.with_suffix(path.suffix + ".part")
        temporary.write_text(json.dumps(self.json(), indent=1, allow_nan=False) + "\n", encoding="utf-8")
        temporary.replace(path)

    def tables(self, most: int = 12) -> Iterator[Table]:
        """Checkpoints first, then the features that moved most, then contracts and rebounds if there are any."""
        yield self._overview()
        for one in self.checkpoints:
            if one.drift.shifts:
                yield self._moved(one, most)
        if any(one.survival for one in self.checkpoints):
            table = Table("checkpoint", "probe", "verdict", "why", title="Contracts")
            for one in self.checkpoints:
                if one.survival:
                    table.add_row(one.name, one.survival.probe, one.survival.verdict, one.survival.why)
            yield table
        if self.rebounds:
            table = Table(
                "checkpoint", "reversed", "95% interval", "verdict", title=f"Rebound from {self.aligned}"
            )
            for found in self.rebounds:
                interval = f"{found.low:.0%} to {found.high:.0%}"
                table.add_row(found.checkpoint, f"{found.reversed:.0%}", interval, found.verdict)
            yield table

    def plot(self, path: str | Path) -> None:
        """Overlap and decrease rate by checkpoint. Raises :class:`AuditError` without matplotlib."""
        try:
            from matplotlib.figure import Figure
        except ImportError as error:
            raise AuditError("plots need matplotlib: install bartizan[train]") from error
        figure = Figure(figsize=(max(6, 1.5 * len(self.checkpoints) + 4), 4), layout="constrained")
        left, right = figure.subplots(1, 2)
        names = [one.name for one in self.checkpoints]
        for which in ("general", "specific"):
            common = [getattr(one.drift, which).common for one in self.checkpoints]
            left.plot(names, common, "o-", label=which)
        left.set(title=f"of the top {self.n} features, the same after", ylim=(0, self.n + 0.1))
        left.legend()
        right.bar(names, [one.drift.idr if math.isfinite(one.drift.idr) else 0.0 for one in self.checkpoints])
        right.axhline(RULE, color="grey", linestyle="--", linewidth=1, label="15% rule")
        for place, one in enumerate(self.checkpoints):
            right.annotate(
                f"p = {one.drift.p:.2g}", (place, max(0.0, one.drift.idr)), ha="center", va="bottom"
            )
        right.set(title="intersection decrease rate")
        right.legend()
        for axis in (left, right):
            axis.tick_params(axis="x", rotation=20)
        figure.savefig(path, dpi=120)

    def _overview(self) -> Table:
        table = Table(
            "checkpoint", "general", "specific", "decrease", "p", f"above {RULE:.0%}", "value change", "shifted",
            title=f"Top {self.n} features at {self.hook_point}, in common with {self.base}",
        )  # fmt: skip
        for one in self.checkpoints:
            found = one.drift
            table.add_row(
                one.name if one.differences else f"{one.name} (the same model)",
                f"{found.general.common:.2f} of {found.general.active:.2f}",
                f"{found.specific.common:.2f} of {found.specific.active:.2f}",
                f"{found.idr:.1%}",
                f"{found.p:.2g}",
                "yes" if found.above_rule else "no",
                f"{found.general.value_change:.3f} / {found.specific.value_change:.3f}",
                f"{len(found.shifts)} of {found.tested}",
            )
        return table

    def _moved(self, one: CheckpointAudit, most: int) -> Table:
        table = Table(
            "feature", "prompts", "before", "after", "p", "q", title=f"Features that moved: {one.name}"
        )
        for shift in one.drift.shifts[:most]:
            table.add_row(
                str(shift.feature), shift.prompts, f"{shift.before:.3f}", f"{shift.after:.3f}",
                f"{shift.p:.2g}", f"{shift.q:.2g}",
            )  # fmt: skip
        return table


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
