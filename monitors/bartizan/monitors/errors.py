"""What goes wrong with readers and engines, on purpose.

::

    BartizanError
    └── MonitorError
        ├── ReaderError      a model that cannot be loaded, or a text that cannot be read
        └── EngineError      features or settings that do not fit the reader's model

Taps, probes, SAEs and hosts have trees of their own, in their packages.
"""

from __future__ import annotations

from bartizan.guard.errors import BartizanError


class MonitorError(BartizanError):
    """The root of what this package raises."""


class ReaderError(MonitorError):
    """A model that cannot be loaded, or a text that cannot be read. ``reason`` says it in a word or two."""

    def __init__(self, message: str, reason: str = "not readable") -> None:
        self.reason = reason
        super().__init__(message)


class EngineError(MonitorError):
    """Features or settings that do not fit the reader's model."""
