"""The rows of an evaluation, as a card carries them: one method on one source of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from ..calibration.binomial import clopper_pearson

_STRICT = ConfigDict(frozen=True, extra="forbid")
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]

PROBE = "probe"


class Rate(BaseModel):
    """``hits`` of ``n``, with the exact 95% interval (Clopper-Pearson)."""

    model_config = _STRICT

    hits: Count
    n: Annotated[int, Field(ge=1)]
    low: Share
    high: Share

    @classmethod
    def of(cls, hits: int, n: int) -> Rate | None:
        """None where there is nothing to count."""
        if n == 0:
            return None
        _, low, high = clopper_pearson(hits, n)
        return cls(hits=hits, n=n, low=low, high=high)

    @model_validator(mode="after")
    def _possible(self) -> Rate:
        if self.hits > self.n or not self.low <= self.hits / self.n <= self.high:
            raise ValueError(f"{self.hits} of {self.n} cannot lie in [{self.low}, {self.high}]")
        return self

    @property
    def rate(self) -> float:
        return self.hits / self.n

    def __str__(self) -> str:
        return f"{self.rate:.3f} [{self.low:.3f}, {self.high:.3f}]"


class Row(BaseModel):
    """One method on one source that it was not trained on.

    ``auroc``, ``recall_1`` and ``recall_01`` say how well the source's own texts are ranked: recall where 1% and 0.1%
    of its benign texts raise an alarm (None without both classes, or with too few benign texts for that rate).
    ``caught`` and ``false_alarms`` say what happens in use: the threshold is the one at 1% of the benign texts of the
    *training* sources, and the source had no say in it. ``spread`` is the standard deviation of the AUROC over seeds.
    """

    model_config = _STRICT

    method: Annotated[str, Field(min_length=1)]
    source: Annotated[str, Field(min_length=1)]
    attacks: Count
    benign: Count
    auroc: Share | None = None
    recall_1: Rate | None = None
    recall_01: Rate | None = None
    caught: Rate | None = None
    false_alarms: Rate | None = None
    spread: Annotated[FiniteFloat, Field(ge=0)] | None = None


def beats(rows: list[Row] | tuple[Row, ...], method: str = PROBE) -> dict[str, bool]:
    """For each other method: whether ``method`` has the higher mean AUROC over the sources that both were tried on."""
    found = {(row.method, row.source): row.auroc for row in rows if row.auroc is not None}
    verdicts = {}
    for other in dict.fromkeys(row.method for row in rows if row.method != method):
        both = [source for (name, source) in found if name == other and (method, source) in found]
        if both:
            ours = sum(found[method, source] or 0.0 for source in both)
            verdicts[other] = ours > sum(found[other, source] or 0.0 for source in both)
    return verdicts


def verdict(rows: Sequence[Row], method: str = PROBE) -> list[str]:
    """A sentence for each other method: on which sources ``method`` has the higher AUROC, and on which not."""
    found = {(row.method, row.source): row.auroc for row in rows if row.auroc is not None}
    sentences = []
    for other in dict.fromkeys(row.method for row in rows if row.method != method):
        both = [source for name, source in found if name == method and (other, source) in found]
        won = [source for source in both if found[method, source] > found[other, source]]
        lost = [
            f"{source} ({found[method, source]:.3f} against {found[other, source]:.3f})"
            for source in both
            if source not in won
        ]
        if both:
            text = f"The {method} beats the {other} on {len(won)} of {len(both)} sources"
            sentences.append(text + (f"; it does not on {', '.join(lost)}." if lost else "."))
    return sentences
