"""A probe that can be armed: head, card and calibration together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bartizan.guard.types import Missing

from ..calibration import Calibration
from ..capture.fingerprint import Fingerprint
from ..capture.hook_point import HookPoint
from ..types import Measurement
from .card import Card
from .errors import FingerprintMismatch
from .heads import Head

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Probe:
    """``calibration`` None: the probe has a score but no p-value."""

    head: Head
    card: Card
    calibration: Calibration | None = None

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def hook_point(self) -> HookPoint:
        return HookPoint.parse(self.card.hook_point)

    def arm(self, fingerprint: Fingerprint | Mapping[str, Any]) -> Probe:
        """This probe, if the model is the one of its card; else :class:`FingerprintMismatch` with all differences."""
        found = fingerprint if isinstance(fingerprint, Fingerprint) else Fingerprint.of(fingerprint)
        if differences := Fingerprint.of(self.card.fingerprint).mismatch(found):
            raise FingerprintMismatch(self.name, differences)
        return self

    def measure(
        self, logit: float, tool: str = "", length: int = 0, evidence: Mapping[str, Any] = _NOTHING
    ) -> Measurement:
        """A logit of this head as a measurement. ``length`` counts the scored tokens; with ``tool`` it picks the bin.

        A logit that is NaN (nothing scored, or not finite) is missing, and never a low score.
        """
        if not math.isfinite(logit):
            return Measurement.missing("no score: no token to score, or activations that are not finite")
        p_value: float | Missing = Missing("not calibrated")
        if self.calibration is not None:
            p_value = self.calibration.p_value(logit, tool, length)
        return Measurement(self.card.display(logit), p_value, evidence)
