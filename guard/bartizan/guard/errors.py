"""Every exception the kernel raises on purpose.

::

    BartizanError
    ├── MalformedJSON               a text or value that strict JSON cannot say exactly
    ├── MalformedCall               a tool call that cannot be made canonical
    ├── StoreError                  the session store
    │   ├── VersionConflict         somebody committed another version first: load and decide again
    │   └── StoreUnavailable        no answer, or an answer that cannot be trusted: deny
    ├── AuditError                  the audit log
    │   ├── AuditLocked             another process is writing this log
    │   └── AuditTampered           the log on disk does not verify: refuse to append to it
    ├── StreamError                 a model's stream that cannot be guarded (guard.stream.errors)
    │   ├── UnknownFrame            a frame, or a part of one, that might say or call anything
    │   └── BrokenStream            frames in an order that makes no sense
    ├── VerdictError                a verdict by which an executor may not run a call
    │   ├── VerdictForged           not signed with a key that it knows, or changed on the way
    │   ├── VerdictExpired          its time is over
    │   ├── VerdictMismatch         it is about another call, session or policy
    │   └── VerdictSpent            it was used before
    ├── InternalError               a bug in the program or the guard, where there is nothing to deny
    └── ApprovalError               an answer to an approval that cannot be taken
        ├── ApprovalNotFound        no such approval in this session
        ├── ApprovalResolved        it was approved, rejected or used before (double answer, replay)
        ├── ApprovalExpired         its time is over
        └── ApprovalSuperseded      the policy changed since: the call is decided anew

A denied call is not an exception: it is a :class:`~bartizan.guard.decision.Decision`. Exceptions
that a tool raises pass through the guard unchanged.
"""

from __future__ import annotations


class BartizanError(Exception):
    """The root: catching it catches whatever the kernel raises on purpose."""


class MalformedJSON(BartizanError):
    """Not strict JSON, or a value JSON cannot say exactly."""


class MalformedCall(BartizanError):
    """A tool call that cannot be made canonical, and so can neither be decided nor executed."""


class StoreError(BartizanError):
    """The session store failed."""


class VersionConflict(StoreError):
    """The session moved on: ``expected`` is the version the change was based on, ``found`` the stored one."""

    def __init__(self, session: str, expected: int, found: int | None) -> None:
        self.session = session
        self.expected = expected
        self.found = found
        stored = "another version" if found is None else f"version {found}"
        super().__init__(
            f"session {session!r}: the change was based on version {expected}, but {stored} is stored; "
            "load it and decide again"
        )


class StoreUnavailable(StoreError):
    """The store gave no answer, or one that cannot be trusted."""


class AuditError(BartizanError):
    """The audit log could not take a record durably; nothing that waited for it may run."""


class AuditLocked(AuditError):
    """Another process holds the log's lock."""


class AuditTampered(AuditError):
    """The log on disk does not verify; it must be examined, not continued."""


class InternalError(BartizanError):
    """The program or the guard failed while observing something; the caller must not go on."""


class VerdictError(BartizanError):
    """The executor must not run the call: it has no verdict for it."""


class VerdictForged(VerdictError):
    """Not signed with a known key, or changed on the way."""


class VerdictExpired(VerdictError):
    """The verdict's time is over: propose the call again."""


class VerdictMismatch(VerdictError):
    """The verdict is about another call, session or policy."""


class VerdictSpent(VerdictError):
    """The verdict was used before."""


class ApprovalError(BartizanError):
    """An answer to an approval was refused; nothing was recorded as approved."""


class ApprovalNotFound(ApprovalError):
    """There is no such approval in this session."""


class ApprovalResolved(ApprovalError):
    """The approval was answered or used before."""


class ApprovalExpired(ApprovalError):
    """The approval's time is over: propose the call again."""


class ApprovalSuperseded(ApprovalError):
    """The policy changed since the approval was asked for: propose the call again."""
