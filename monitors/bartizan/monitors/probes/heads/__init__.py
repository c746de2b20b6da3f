"""Probe heads: a token-local projection, then one logit a sequence, in a batch or as a stream."""

from __future__ import annotations

from .base import Head
from .config import KINDS, LINEAR, HeadConfig, Kind
from .multi import Attention, MultiMax, Rolling
from .single import EMA, Last, Mean, Shift

_KINDS: dict[Kind, type[Head]] = {
    "last": Last,
    "mean": Mean,
    "ema": EMA,
    "shift": Shift,
    "multimax": MultiMax,
    "rolling": Rolling,
    "attention": Attention,
}


def build_head(config: HeadConfig) -> Head:
    """A head with zero weights: fill them by training or from a file."""
    return _KINDS[config.kind](config)


__all__ = ["KINDS", "LINEAR", "Head", "HeadConfig", "Kind", "build_head"]
