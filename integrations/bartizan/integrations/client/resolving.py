"""Why a service did not take an answer to an approval, as the kernel says it."""

from __future__ import annotations

from bartizan.guard import (
    ApprovalError,
    ApprovalExpired,
    ApprovalNotFound,
    ApprovalResolved,
    ApprovalSuperseded,
    BartizanError,
    MalformedCall,
)

from .errors import Refused

_BY_TYPE: dict[str, type[ApprovalError]] = {
    "approval-expired": ApprovalExpired,
    "approval-resolved": ApprovalResolved,
    "approval-superseded": ApprovalSuperseded,
}


def refusal(error: Refused, approval_id: str) -> BartizanError:
    """The exception that :meth:`Guard.resolve <bartizan.guard.Guard.resolve>` raises for the same reason."""
    if error.status == 404:
        return ApprovalNotFound(f"the service has no approval {approval_id!r}: {error.detail}")
    if error.status == 409:
        return _BY_TYPE.get(error.type, ApprovalResolved)(error.detail)
    return MalformedCall(error.detail) if error.status == 422 else error
