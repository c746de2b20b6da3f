"""Why a service did not take an answer to an approval, as the kernel says it."""

from __future__ import annotations

from bartizan.guard import ApprovalNotFound, ApprovalResolved, BartizanError, MalformedCall
from bartizan.integrations import wire

from .errors import Refused


def refusal(error: Refused, approval_id: str) -> BartizanError:
    """The exception that :meth:`Guard.resolve <bartizan.guard.Guard.resolve>` raises for the same reason."""
    if error.status == 404:
        return ApprovalNotFound(f"the service has no approval {approval_id!r}: {error.detail}")
    if error.status == 409:
        return wire.NOT_TAKEN.get(error.type, ApprovalResolved)(error.detail)
    return MalformedCall(error.detail) if error.status == 422 else error
