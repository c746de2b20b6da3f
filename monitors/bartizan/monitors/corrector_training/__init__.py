"""Training a corrector: examples in, scripts out. What a script is worth the caller says; no policy is read here.

config, trainer    one run: stages, an average of the weights, checkpoints that resume exactly
examples           what is learned from, and batches of it in a fixed order
answers            what a network writes for many examples; its own best attempts
abstaining         when it should say nothing
"""

from __future__ import annotations

from . import abstaining, answers, examples
from .config import CorrectorTrainingConfig
from .trainer import StepRecord, Trainer, config_of

__all__ = [
    "CorrectorTrainingConfig",
    "StepRecord",
    "Trainer",
    "abstaining",
    "answers",
    "config_of",
    "examples",
]
