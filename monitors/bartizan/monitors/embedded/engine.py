"""The built-in engine: the embedded reader, the injection probe and the named features that ship beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..engine import Features, ReaderEngine, load_features
from ..probes.probe import Probe
from ..probes.storage import load_probe
from .reader import reader

INJECTION = Path(__file__).with_name("injection")
"""``card.yaml`` and ``probe.safetensors``; monitors/training makes them."""

FEATURES = Path(__file__).with_name("features")
"""``features.yaml`` beside a slice of an autoencoder; monitors/training/name_features.py makes them."""


def injection() -> Probe:
    """The probe ``injection``: does a tool's result tell the agent to do something?"""
    return load_probe(INJECTION)


def features() -> Features:
    """What the evidence of a measurement names, where the text is loudest. Explains a score, and is none."""
    return load_features(FEATURES)


def engine(probes: Mapping[str, Probe] | None = None, *, quote: bool = False) -> ReaderEngine:
    """Reader, probe and features, ready to measure; ``probes`` are served beside it. Takes a second or two.

    Raises :class:`ReaderError` without the reader.
    """
    return ReaderEngine(
        reader(),
        {"injection": injection(), **(probes or {})},
        features(),
        quote=quote,
    )
