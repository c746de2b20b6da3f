"""Texts of different lengths as one matrix of tokens, and what a head says of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..probes.errors import BadTrainingData
from ..probes.heads import Head, Kind
from ..probes.metrics import auroc
from .examples import Example, labels
from .features import sequence

TOKENS = 1 << 15  # read at once


class Packed:
    """The tokens of all texts, x[N, D] in float32, as a head of this kind reads them; and where each text begins."""

    def __init__(self, examples: Sequence[Example], kind: Kind) -> None:
        rows = [sequence(example, kind) for example in examples]
        self.labels = labels(examples)
        self.lengths = np.array([len(row) for row in rows])
        self.starts = np.cumsum(self.lengths) - self.lengths
        self.x_ND = np.concatenate(rows)

    def __len__(self) -> int:
        return len(self.lengths)

    def logits(self, head: Head, at_B: NDArray[np.intp]) -> Tensor:
        """logit[B] of these texts. Their tokens are projected as one matrix; only the K numbers of each are padded."""
        lengths_B = self.lengths[at_B]
        rows = [self.x_ND[start : start + n] for start, n in zip(self.starts[at_B], lengths_B, strict=True)]
        mask_BT = torch.from_numpy(np.arange(lengths_B.max()) < lengths_B[:, None])
        y_NK = head.project(torch.from_numpy(np.concatenate(rows)))
        y_BTK = y_NK.new_zeros((*mask_BT.shape, y_NK.shape[1]))
        y_BTK[mask_BT] = y_NK
        return head.pool(y_BTK, mask_BT)

    @torch.inference_mode()
    def scores(self, head: Head) -> NDArray[np.float64]:
        """The head's logit of each text, [N]. Raises :class:`BadTrainingData` where there is none."""
        found = np.full(len(self), np.nan)
        batch: list[int] = []
        order = np.argsort(self.lengths, kind="stable")
        for place, number in enumerate(order):
            batch.append(int(number))
            if place + 1 == len(order) or (len(batch) + 1) * self.lengths[order[place + 1]] > TOKENS:
                found[batch] = self.logits(head, np.array(batch)).numpy()
                batch = []
        if not np.isfinite(found).all():
            raise BadTrainingData(
                "a head gave no score to a text with finite activations: its weights are not finite"
            )
        return found

    def auroc(self, head: Head) -> float:
        """How well the head ranks these texts. Raises :class:`BadTrainingData` where one class is missing."""
        found = auroc(self.scores(head), self.labels)
        if found is None:
            raise BadTrainingData("only one class among the texts to measure on: an AUROC needs both")
        return found
