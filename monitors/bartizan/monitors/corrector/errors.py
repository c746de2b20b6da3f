"""What goes wrong with correctors, on purpose.

::

    MonitorError
    └── CorrectorError
        ├── NoScript         bytes that are no edit script, or do not fit what they should edit
        ├── Unanswered       a correction that did not come: too long, too late, cancelled, or the model failed
        └── CorrectorFiles   a folder that holds no corrector
"""

from __future__ import annotations

from bartizan.monitors.errors import MonitorError


class CorrectorError(MonitorError):
    """The root of what this package raises."""


class NoScript(CorrectorError):
    """Bytes that are no edit script, or do not fit what they should edit."""


class Unanswered(CorrectorError):
    """A correction that did not come. ``reason`` says it in a word or two."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"no correction: {reason}")


class CorrectorFiles(CorrectorError):
    """A folder that holds no corrector, or a damaged one; the message says what is wrong with it."""
