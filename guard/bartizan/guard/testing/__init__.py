"""For tests of what stands on the kernel: a tiny real program, and parts that fail on purpose."""

from __future__ import annotations

from .faults import (
    DISK_FULL,
    HANG,
    UNAVAILABLE,
    After,
    FailingAuditLog,
    FailingStore,
    Fault,
    FaultyMonitor,
    GarbageMonitor,
    HangingMonitor,
)
from .program import StaticProgram

__all__ = [
    "DISK_FULL",
    "HANG",
    "UNAVAILABLE",
    "After",
    "Fault",
    "FailingAuditLog",
    "FailingStore",
    "FaultyMonitor",
    "GarbageMonitor",
    "HangingMonitor",
    "StaticProgram",
]
