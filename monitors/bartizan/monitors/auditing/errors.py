"""What stops an audit."""

from __future__ import annotations

from bartizan.guard.errors import BartizanError


class AuditError(BartizanError):
    """An audit that cannot be made of what was given; the message says what to change."""
