"""The kernel: calls, decisions, sessions, approvals, the audit log, and the guard that enforces.

::

    guard = Guard(program, store=SqliteStore("sessions.db"), audit=FileAuditLog("audit/"))
    outcome = await guard.enforce(ToolCall.of("1", "send_money", {...}), execute, session="thread-1")
    if outcome.result is None:
        tell_the_model(guard.denial_message(outcome))
"""

from __future__ import annotations

from .approvals import Answer, Approval, ApprovalState
from .audit import (
    AuditIndex,
    AuditLog,
    Checkpoint,
    Durability,
    Entry,
    FileAuditLog,
    MemoryAuditLog,
    Problem,
    Receipt,
    Signer,
    Verification,
    Verifier,
    Wanted,
    query,
    verify,
)
from .authorise import Enforcement
from .canonical import JSON, canonical_json, digest_of, parse_json
from .clock import now_us
from .correction import Adviser, Correction, Proposer, Refused
from .decision import Decision, Inspection, Outcome, Program, Reason, Request
from .errors import (
    ApprovalError,
    ApprovalExpired,
    ApprovalNotFound,
    ApprovalResolved,
    ApprovalSuperseded,
    AuditError,
    AuditLocked,
    AuditTampered,
    BartizanError,
    InternalError,
    MalformedCall,
    MalformedJSON,
    StoreError,
    StoreUnavailable,
    VerdictError,
    VerdictExpired,
    VerdictForged,
    VerdictMismatch,
    VerdictSpent,
    VersionConflict,
)
from .gate import Proposal
from .gatekeeper import Gatekeeper
from .gather import Monitor
from .guard import Execute, Guard
from .session import InMemoryStore, Retention, SessionStore
from .sqlite import SqliteStore
from .telemetry import DecisionRecord, Telemetry
from .types import (
    ANONYMOUS,
    Event,
    EventKind,
    Label,
    Labels,
    Missing,
    Principal,
    Raised,
    Session,
    Signal,
    ToolCall,
    ToolResult,
    Trace,
)
from .verdict import Verdict, Verdicts

__all__ = [
    "ANONYMOUS",
    "JSON",
    "Adviser",
    "Answer",
    "Approval",
    "ApprovalError",
    "ApprovalExpired",
    "ApprovalNotFound",
    "ApprovalResolved",
    "ApprovalState",
    "ApprovalSuperseded",
    "AuditError",
    "AuditIndex",
    "AuditLocked",
    "AuditLog",
    "AuditTampered",
    "BartizanError",
    "Checkpoint",
    "Correction",
    "Decision",
    "DecisionRecord",
    "Durability",
    "Enforcement",
    "Entry",
    "Event",
    "EventKind",
    "Execute",
    "FileAuditLog",
    "Gatekeeper",
    "Guard",
    "InMemoryStore",
    "Inspection",
    "InternalError",
    "Label",
    "Labels",
    "MalformedCall",
    "MalformedJSON",
    "MemoryAuditLog",
    "Missing",
    "Monitor",
    "Outcome",
    "Principal",
    "Problem",
    "Program",
    "Reason",
    "Proposal",
    "Proposer",
    "Receipt",
    "Refused",
    "Request",
    "Retention",
    "Session",
    "SessionStore",
    "Signal",
    "Signer",
    "SqliteStore",
    "StoreError",
    "StoreUnavailable",
    "Telemetry",
    "ToolCall",
    "Raised",
    "ToolResult",
    "Trace",
    "Verdict",
    "VerdictError",
    "VerdictExpired",
    "VerdictForged",
    "VerdictMismatch",
    "VerdictSpent",
    "Verdicts",
    "Verification",
    "Verifier",
    "VersionConflict",
    "Wanted",
    "canonical_json",
    "digest_of",
    "now_us",
    "parse_json",
    "query",
    "verify",
]
