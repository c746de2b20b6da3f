"""From scores to promises: p-values, false positive contracts, evidence over time, drift. No torch, no numpy.

conformal        p-values against the maxima of benign episodes, by length and tool
contract         thresholds with a stated false positive rate and confidence; refuse to arm on too few episodes
eprocess         evidence gathered over a stream, valid whenever one looks
drift            a conformal test martingale, and the population stability index
platt            a logit shown as a probability; for display only
binomial         the binomial tail and Clopper-Pearson intervals that these rest on
"""

from __future__ import annotations

from .binomial import Interval, clopper_pearson, upper_bound
from .conformal import Bin, Calibration, Measured, calibrate
from .contract import Contract, Verification, arm, arm_on_episodes, episodes_needed, verify
from .drift import DriftReference, Martingale, Ranks, StabilityIndex, drift_reference, stability_index
from .eprocess import EProcess, evidence
from .errors import BadCalibrationData, CalibrationError, NotArmed
from .platt import Platt, fit_platt

__all__ = [
    "Interval", "clopper_pearson", "upper_bound",
    "Bin", "Calibration", "Measured", "calibrate",
    "Contract", "Verification", "arm", "arm_on_episodes", "episodes_needed", "verify",
    "DriftReference", "Martingale", "Ranks", "StabilityIndex", "drift_reference", "stability_index",
    "EProcess", "evidence",
    "BadCalibrationData", "CalibrationError", "NotArmed",
    "Platt", "fit_platt",
]  # fmt: skip
