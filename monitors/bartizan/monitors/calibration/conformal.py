"""Split-conformal p-values against benign episodes.

An episode is what a false alarm is counted for: one task of the agent, with all its measurements. The calibration
set holds, for each benign episode, its *largest* score. So when a new episode is benign and exchangeable with those,
the chance that *any* of its measurements has p <= alpha is at most alpha, however many there are.

Scores grow with a text's length and differ by tool, so episodes are kept by bins of both (Mondrian conformal
prediction: the promise holds within each bin). An episode counts in every bin in which it has a measurement, with its
largest score there. A bin with fewer than ``minimum`` episodes is not kept, and a coarser one answers: tool and
length, then length, then all. Which one answers is fixed at calibration and never depends on a score.

The promise is per episode *and bin*: an episode whose measurements fall into m bins has the chance m alpha at
most. A contract over whole episodes, whatever bins they touch, is :func:`.contract.arm_on_episodes`.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from .errors import BadCalibrationData

_STRICT = ConfigDict(frozen=True, extra="forbid")
_Key = tuple[str | None, int | None]  # tool and length bin


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement of a benign episode. ``length`` is in tokens of what was scored; higher scores are worse."""

    episode: str
    score: float
    length: int = 0
    tool: str = ""


class Bin(BaseModel):
    """The largest scores of benign episodes, ascending. ``tool`` None: any; ``length`` None: any."""

    model_config = _STRICT

    tool: str | None = None
    length: Annotated[int, Field(ge=0)] | None = None
    scores: Annotated[tuple[FiniteFloat, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _ascending(self) -> Bin:
        if any(one > other for one, other in pairwise(self.scores)):
            raise ValueError("the scores of a bin must ascend")
        return self

    @property
    def n(self) -> int:
        return len(self.scores)

    def p_value(self, score: float) -> float:
        """(1 + number of episodes that scored at least as high) / (n + 1): ties count against the score."""
        if not math.isfinite(score):
            raise BadCalibrationData(f"there is no p-value for the score {score}: it is a missing signal")
        return (1 + self.n - bisect_left(self.scores, score)) / (self.n + 1)


class Calibration(BaseModel):
    """Bins of benign episodes. ``edges`` cut the lengths: bin i holds edges[i-1] <= length < edges[i]."""

    model_config = _STRICT

    edges: tuple[Annotated[int, Field(ge=1)], ...] = ()
    minimum: Annotated[int, Field(ge=1)] = 59
    bins: tuple[Bin, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Calibration:
        if any(one >= other for one, other in pairwise(self.edges)):
            raise ValueError("the edges of the length bins must ascend")
        keys = [(bin.tool, bin.length) for bin in self.bins]
        if keys.count((None, None)) != 1 or len(set(keys)) != len(keys):
            raise ValueError("expected each bin once, and among them the one for any tool and any length")
        for bin in self.bins:
            if bin.length is not None and bin.length > len(self.edges):
                raise ValueError(f"there is no length bin {bin.length} with {len(self.edges)} edges")
            if bin.length is None and bin.tool is not None:
                raise ValueError(
                    "a bin of one tool is also one of a length: coarser bins leave the tool out first"
                )
            if bin.n < self.minimum and (bin.tool, bin.length) != (None, None):
                raise ValueError(f"a bin of {bin.n} episodes is below the minimum of {self.minimum}")
        return self

    @property
    def n(self) -> int:
        """Benign episodes in all."""
        return next(bin.n for bin in self.bins if bin.tool is None and bin.length is None)

    def find(self, tool: str = "", length: int = 0) -> Bin:
        """The finest bin there is for this tool and length."""
        at = bisect_right(self.edges, length)
        found = {(bin.tool, bin.length): bin for bin in self.bins}
        return found.get((tool, at)) or found.get((None, at)) or found[None, None]

    def p_value(self, score: float, tool: str = "", length: int = 0) -> float:
        """In (0, 1]. Raises :class:`BadCalibrationData` for a score that is not finite."""
        return self.find(tool, length).p_value(score)

    def episodes(self, measured: Iterable[Measured]) -> dict[str, float]:
        """Each episode's smallest p-value: what contracts are armed on and verified with."""
        smallest: dict[str, float] = {}
        for one in measured:
            p = self.p_value(one.score, one.tool, one.length)
            smallest[one.episode] = min(p, smallest.get(one.episode, 1.0))
        return smallest


def calibrate(measured: Iterable[Measured], edges: Sequence[int] = (), minimum: int = 59) -> Calibration:
    """Bins from the measurements of benign episodes.

    ``edges`` are lengths in tokens; empty for no bins by length. Raises :class:`BadCalibrationData` where there is
    no episode, or a score that is not finite: a benign episode that cannot be scored must be repaired, not dropped.
    """
    if list(edges) != sorted(set(edges)) or any(edge < 1 for edge in edges) or minimum < 1:
        raise BadCalibrationData(
            f"expected ascending positive edges and a positive minimum, found {edges}, {minimum}"
        )
    most: dict[_Key, dict[str, float]] = defaultdict(dict)
    for one in measured:
        if not math.isfinite(one.score):
            raise BadCalibrationData(
                f"episode {one.episode!r} has the score {one.score}: score it again, or leave it out knowingly"
            )
        at = bisect_right(edges, one.length)
        keys: tuple[_Key, ...] = ((one.tool, at), (None, at), (None, None))
        for key in keys:
            most[key][one.episode] = max(one.score, most[key].get(one.episode, -math.inf))
    if not most:
        raise BadCalibrationData("there is no benign episode to calibrate on")
    kept: dict[_Key, dict[str, float]] = {(None, None): most[None, None]}
    for (tool, length), found in most.items():
        coarser = most[None, None if tool is None else length]
        if len(found) >= minimum and found != coarser:  # the same episodes again are no finer bin
            kept[tool, length] = found
    order = sorted(kept, key=lambda key: (key[1] is not None, key[0] is not None, key[1] or 0, key[0] or ""))
    bins = [Bin(tool=key[0], length=key[1], scores=tuple(sorted(kept[key].values()))) for key in order]
    return Calibration(edges=tuple(edges), minimum=minimum, bins=tuple(bins))
