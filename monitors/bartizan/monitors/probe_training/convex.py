"""L2 logistic regression: heads with one direction, or with one direction that is read with a window."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

from ..probes.heads import Head, build_head
from .examples import Example, labels
from .features import Array, Standard, pooled, tokens
from .setting import Setting

STEPS = 300  # of L-BFGS: the ranking of texts is settled long before the weights are


@dataclass(frozen=True, slots=True)
class Direction:
    """A weight [D] and a bias on standardised activations."""

    weight_D: NDArray[np.float64]
    bias: float
    standard: Standard


def direction(examples: Sequence[Example], setting: Setting, seed: int, weights: Array | None) -> Direction:
    """Fit the convex part of a setting. ``weights`` [N] weigh texts; the classes are balanced in any case."""
    if setting.method == "tokens":
        x_ND, y_N, of_N = tokens(examples, seed)
        weights_N = None if weights is None else weights[of_N]
    else:
        x_ND, y_N, weights_N = pooled(examples, setting.kind), labels(examples), weights
    standard = Standard.of(x_ND[y_N == 0])
    model = LogisticRegression(C=setting.strength, max_iter=STEPS, class_weight="balanced", random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(standard(x_ND), y_N, weights_N)
    return Direction(model.coef_[0].astype(np.float64), float(model.intercept_[0]), standard)


def read_with(found: Direction, setting: Setting) -> Head:
    """The setting's head with this direction, for raw activations."""
    head = build_head(setting.head(len(found.weight_D)))
    with torch.no_grad():
        # A rolling head's query, row 0, stays zero: a plain mean.
        head.weight[-1] = torch.from_numpy(found.weight_D)
        if setting.kind == "shift":  # its bias cancels
            shift = found.weight_D @ (found.standard.mean_D / found.standard.std_D)
            head.offset.fill_(found.bias - float(shift))
        else:
            head.bias[-1] = found.bias
    mean_D, std_D = found.standard.tensors
    head.fold(torch.zeros_like(mean_D) if setting.kind == "shift" else mean_D, std_D)
    return head.requires_grad_(False).eval()


def alike(setting: Setting) -> tuple[object, ...]:
    """Settings with the same key have the same direction: window and averaging only read it."""
    kind = setting.kind if setting.method == "pooled" else ""
    hard = (
        (setting.hard, setting.hard_weight, setting.kind, setting.window, setting.alpha)
        if setting.hard
        else ()
    )
    return (setting.hook_point, setting.method, kind, setting.strength, hard)
