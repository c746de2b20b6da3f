"""When a corrector should say nothing: the lowest threshold above which its proposals are nearly all right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Threshold:
    """Proposals at or above ``threshold`` are made: ``accepted`` on the calibration's data, ``right`` of them right."""

    threshold: float
    accepted: int
    right: int


def chosen(scored: Sequence[tuple[float, bool]], precision: float) -> Threshold:
    """The threshold that accepts most of ``scored`` (log-probability, whether right) with at least this precision.

    If there is none, that which accepts nothing that was seen. The precision is that on these data, not a bound.
    """
    if not 0 < precision <= 1:
        raise ValueError(f"expected a precision in (0, 1], found {precision}")
    ordered = sorted(scored, key=lambda pair: -pair[0])
    best = Threshold(0.0 if not ordered else max(0.0, ordered[0][0] + 1e-9), 0, 0)
    right = 0
    for accepted, (score, good) in enumerate(ordered, 1):
        right += good
        last = accepted == len(ordered) or ordered[accepted][0] < score  # equal scores are accepted together
        if last and right >= precision * accepted:
            best = Threshold(score, accepted, right)
    return best
