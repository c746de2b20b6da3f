"""What an engine or a host answered, held to the contract: numbers from 0 to 1, or missing, and JSON beside them."""

from __future__ import annotations

from bartizan.guard.evidence import evidence_of
from bartizan.guard.types import Missing
from bartizan.monitors.types import Measurement

from . import reasons

MAX_REASON = 80
"""How long a reason may be. It is meant to be a word or two."""


def checked(answer: object) -> Measurement:
    """The answer as a proper measurement: what is none is missing, evidence that is no JSON is left out."""
    if not isinstance(answer, Measurement):
        return Measurement.missing(reasons.NOT_A_MEASUREMENT)
    value = unit(answer.value)
    if isinstance(value, Missing):
        return Measurement(value, value, evidence_of(answer.evidence))
    return Measurement(value, unit(answer.p_value), evidence_of(answer.evidence))


def unit(value: object) -> float | Missing:
    """A number from 0 to 1 or missing; anything else is missing, NaN included."""
    if isinstance(value, Missing):
        return Missing(reason_text(value.reason))
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        return Missing(reasons.NOT_A_MEASUREMENT)
    return float(value)


def reason_text(reason: object) -> str:
    """A reason that may be counted and logged: short, printable ASCII; what is not is replaced."""
    if (
        isinstance(reason, str)
        and 0 < len(reason) <= MAX_REASON
        and reason.isascii()
        and reason.isprintable()
    ):
        return reason
    return "missing"
