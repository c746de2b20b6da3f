"""Benign texts that look like attacks count more in a second fit.

They are found among the training texts alone, so a source that is left out has no say in them: those that are
marked (quotations of attacks, requests between people), and those that the first fit scores highest.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .examples import Example
from .features import Array


def hardest(examples: Sequence[Example], scores_N: NDArray[np.float64], share: float) -> list[int]:
    """The numbers of the benign examples that are marked as hard, and of the ``share`` with the highest scores."""
    benign = [number for number, example in enumerate(examples) if not example.label]
    highest = sorted(benign, key=lambda number: (-scores_N[number], number))[: round(share * len(benign))]
    return sorted({*highest, *(number for number in benign if examples[number].hard)})


def weights_of(
    examples: Sequence[Example], scores_N: NDArray[np.float64], share: float, weight: float
) -> Array:
    """A weight for each example: ``weight`` for the hardest, with a mean of 1 over the benign texts.

    So the classes stay balanced: what the hard ones gain, the other benign texts lose.
    """
    weights_N = np.ones(len(examples), np.float32)
    weights_N[hardest(examples, scores_N, share)] = weight
    benign_N = np.array([not example.label for example in examples])
    weights_N[benign_N] /= weights_N[benign_N].mean()
    return weights_N
