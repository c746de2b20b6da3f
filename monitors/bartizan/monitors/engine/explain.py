"""Where a text is loudest, and which named features fire there. To explain; it decides nothing."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from .features import Features

STRETCH = 8
"""Tokens of the loudest stretch."""

MOST = 5
"""Features that are named."""

QUOTED = 200
"""Characters of the stretch that are quoted, where that is asked for."""


def loudest(weight_T: Tensor) -> tuple[int, int]:
    """From which token to before which the mean of what tokens say is largest; T is at least 1."""
    width = min(STRETCH, len(weight_T))
    at = int(weight_T.unfold(0, width, 1).mean(dim=1).argmax())
    return at, at + width


def firing(latents_TK: Tensor, features: Features, stretch: tuple[int, int]) -> dict[str, float]:
    """The features above their level within the stretch, the strongest first, with their largest value there."""
    within_tK = latents_TK[slice(*stretch)]
    at_K = within_tK.abs().argmax(dim=0)
    most_K = within_tK.gather(0, at_K[None])[0]
    above_K = most_K.abs() > torch.tensor(features.levels, dtype=most_K.dtype)
    order = torch.argsort(most_K.abs() * above_K, descending=True, stable=True)[:MOST].tolist()
    return {features.names[k]: round(float(most_K[k]), 4) for k in order if above_K[k]}


def evidence(
    text: str,
    spans: tuple[tuple[int, int], ...],
    stretch: tuple[int, int],
    features: dict[str, float] | None,
    logit: float,
    quote: bool,
) -> dict[str, Any]:
    """``span`` counts characters of the text."""
    start, end = spans[stretch[0]][0], spans[stretch[1] - 1][1]
    found: dict[str, Any] = {"tokens": len(spans), "span": [start, end], "logit": round(logit, 4)}
    if features is not None:
        found["features"] = features
    if quote:
        found["quote"] = text[start:end][:QUOTED]
    return found
