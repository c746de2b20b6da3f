"""The audit log: append-only, hash-chained, written ahead of what it permits."""

from __future__ import annotations

from .chain import AuditLog, Entry, Receipt
from .file import FileAuditLog
from .memory import MemoryAuditLog
from .query import query
from .verify import Problem, Verification, verify

__all__ = [
    "AuditLog",
    "Entry",
    "FileAuditLog",
    "MemoryAuditLog",
    "Problem",
    "Receipt",
    "Verification",
    "query",
    "verify",
]
