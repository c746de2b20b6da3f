"""Training sparse autoencoders on activations that were collected before.

activations      the folder of float16 shards: ``ActivationWriter``, ``Activations``
order            which rows come when: shuffled, bounded memory, resumable at any step
config           ``SAETrainingConfig``: every choice of a run
statistics       scale and (geometric) median of the inputs
surrogates       gradients for thresholds
model            the autoencoder while it is trained
trainer          ``Trainer``: steps, held-out quality, exact checkpoints
checkpoint       the file behind them
export           ``finished``: folded into a ``SparseAutoencoder`` for ``formats.save``

``monitors/training/train_sae.py`` is the runnable file around it.
"""

from __future__ import annotations

from .activations import Activations, ActivationWriter, MalformedActivations
from .config import SAETrainingConfig, TrainingError
from .export import finished
from .trainer import Quality, StepRecord, Trainer

__all__ = [
    "ActivationWriter",
    "Activations",
    "MalformedActivations",
    "Quality",
    "SAETrainingConfig",
    "StepRecord",
    "Trainer",
    "TrainingError",
    "finished",
]
