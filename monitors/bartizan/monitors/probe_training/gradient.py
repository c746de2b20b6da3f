"""Heads fitted by Adam on their own logits, so that what is trained is what will be read.

The same examples, setting and seed give the same heads, on the same number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from ..probes.errors import BadTrainingData
from ..probes.heads import Head, Kind, build_head
from .examples import Example, labels, width
from .features import Array, Standard, pooled
from .packed import Packed
from .setting import Setting


def statistics(examples: Sequence[Example], packed: Packed, kind: Kind) -> Standard:
    """Of what the head is linear in: pooled vectors where it has one direction and no maximum, else tokens."""
    benign_N = labels(examples) == 0
    if kind in ("last", "mean", "shift"):
        found = Standard.of(pooled([example for example in examples if not example.label], kind))
        return Standard(np.zeros_like(found.mean_D), found.std_D) if kind == "shift" else found
    return Standard.of(packed.x_ND[np.repeat(benign_N, packed.lengths)])


def batches(lengths: NDArray[np.intp], size: int, rng: np.random.Generator) -> list[NDArray[np.intp]]:
    """Each text once, in batches of about the same length, in random order."""
    noisy = lengths * rng.uniform(0.8, 1.25, len(lengths))
    order = np.argsort(noisy, kind="stable")
    found = [order[at : at + size] for at in range(0, len(order), size)]
    return [found[number] for number in rng.permutation(len(found))]


def descend(
    examples: Sequence[Example], setting: Setting, seed: int, weights: Array | None
) -> Iterator[tuple[Head, float]]:
    """After each epoch: the head for raw activations (a copy), and the mean loss of the epoch. Without an end."""
    rng, torch_rng = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    packed = Packed(examples, setting.kind)
    standard = statistics(examples, packed, setting.kind)
    packed.x_ND = standard(packed.x_ND)
    y_N = labels(examples)
    balance_N = np.where(y_N == 1, len(y_N) / (2 * y_N.sum()), len(y_N) / (2 * (1 - y_N).sum()))
    weight_N = torch.from_numpy(balance_N * (1.0 if weights is None else weights))
    target_N = torch.from_numpy(y_N).double()
    head = initialised(setting, width(examples), torch_rng)
    penalised = [head.weight, *([head.weight_out] if setting.hidden else [])]
    optimiser = torch.optim.Adam(
        [parameter for parameter in head.parameters() if parameter.requires_grad],
        lr=setting.descent.learning_rate,
    )
    while True:
        total = 0.0
        for at_B in batches(packed.lengths, setting.descent.batch, rng):
            logit_B = packed.logits(head, at_B)
            loss_B = functional.binary_cross_entropy_with_logits(logit_B, target_N[at_B], reduction="none")
            loss = (weight_N[at_B] * loss_B).mean()
            penalty = sum(
                (weight.double().square().sum() for weight in penalised), start=torch.zeros(()).double()
            )
            optimiser.zero_grad()
            (loss + penalty / (2 * setting.strength * len(packed))).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total += float(loss.detach()) * len(at_B)
        if not np.isfinite(total):
            raise BadTrainingData(f"{setting}: the loss is not finite; try a smaller learning rate")
        yield folded(head, setting, standard), total / len(packed)


def initialised(setting: Setting, d_in: int, rng: torch.Generator) -> Head:
    """Zero where that breaks no symmetry; else small random weights. Biases start at zero."""
    head = build_head(setting.head(d_in))
    if setting.n_heads > 1 or setting.hidden or setting.kind in ("rolling", "attention"):
        for weight in (head.weight, *([head.weight_out] if setting.hidden else [])):
            nn.init.normal_(weight, std=0.1 * weight.shape[1] ** -0.5, generator=rng)
    # Bias and offset say the same, except in a shift head, whose bias cancels.
    (head.bias if setting.kind == "shift" else head.offset).requires_grad_(False)
    return head


def folded(head: Head, setting: Setting, standard: Standard) -> Head:
    copy = build_head(head.config)
    copy.load_state_dict(head.state_dict())
    copy.fold(*standard.tensors)
    return copy.requires_grad_(False).eval()
