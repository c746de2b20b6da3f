"""The built-in default: a reader model on PyPI, and an injection probe and named features that ship with Bartizan.

reader       where the model comes from, and the hash that it must have
engine       the reader with the probe and the features
injection/   the probe and its card
features/    columns of an autoencoder, their names and figures
"""

from __future__ import annotations

from .engine import FEATURES, INJECTION, engine, features, injection
from .reader import reader, reader_folder

__all__ = ["FEATURES", "INJECTION", "engine", "features", "injection", "reader", "reader_folder"]
