"""The audit log: append-only, hash-chained, written ahead of what it permits."""

from __future__ import annotations

from .chain import AuditLog, Entry, Receipt
from .file import FileAuditLog
from .index import AuditIndex
from .memory import MemoryAuditLog
from .pruning import Pruned, Segment
from .query import Found, logs, query, recent, search
from .select import Wanted
from .signing import Checkpoint, Signer, Verifier
from .verify import Problem, Verification, verify
from .writer import Durability

__all__ = [
    "AuditIndex",
    "AuditLog",
    "Checkpoint",
    "Durability",
    "Entry",
    "FileAuditLog",
    "Found",
    "MemoryAuditLog",
    "Problem",
    "Pruned",
    "Receipt",
    "Segment",
    "Signer",
    "Verification",
    "Verifier",
    "Wanted",
    "logs",
    "query",
    "recent",
    "search",
    "verify",
]
