"""What expressions mean: the reference interpreter, closures, registers, redaction."""

from __future__ import annotations
