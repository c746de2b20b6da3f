"""The built-in engine: the embedded reader and the injection probe that ships beside this file."""

from __future__ import annotations

from pathlib import Path

from ..engine import ReaderEngine
from ..probes.probe import Probe
from ..probes.storage import load_probe
from .reader import reader

INJECTION = Path(__file__).with_name("injection")
"""``card.yaml`` and ``probe.safetensors``; monitors/training makes them."""


def injection() -> Probe:
    """The probe ``injection``: does a tool's result tell the agent to do something?"""
    return load_probe(INJECTION)


def engine() -> ReaderEngine:
    """Reader and probe, ready to measure. Takes a second or two. Raises :class:`ReaderError` without the reader."""
    return ReaderEngine(reader(), {"injection": injection()})
