"""Approvals: a person's answer to one escalated call, bound to exactly that call.

An approval is bound to the digest of the canonical call, the call's id, the policy's hash and an expiry,
and is good for one execution. It never grants by itself: the call is decided again with ``approved``
true, and deny rules still win. Life of an approval::

    pending ──approve──> approved ──enforce──> used
       │ └────edit─────> approved (bound to the edited call from now on)
       ├──────reject───> rejected        (the same call, proposed again, is denied)
       └─time / policy─> expired         (the same call, proposed again, is decided anew)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from .canonical import canonical_json, digest_of, parse_json
from .errors import (
    ApprovalExpired,
    ApprovalNotFound,
    ApprovalResolved,
    ApprovalSuperseded,
    MalformedCall,
)
from .types import Principal, Session, ToolCall

ApprovalState = Literal["pending", "approved", "rejected", "used", "expired"]
Answer = Literal["approve", "reject", "edit"]

MAX_APPROVALS = 64
"""How many approvals a session holds, open and closed: the oldest closed ones make room for new ones."""


@dataclass(frozen=True, slots=True)
class Approval:
    """One question to a person and, later, its answer. Times are microseconds since the epoch.

    ``proposed`` is the canonical text of the call the agent proposed; ``granted`` that of the call which may
    run: the same, or the edited one. ``reasons`` are the rules that asked, with their author's texts.
    """

    id: str
    call_id: str
    tool: str
    digest: str
    policy: str
    created: int
    expires: int
    proposed: str
    granted: str
    reasons: tuple[tuple[str, str], ...] = ()
    state: ApprovalState = "pending"
    resolved: int = 0
    by: str = ""

    @property
    def call(self) -> ToolCall:
        """The call this approval is about: the one proposed, or the one it was edited to."""
        return ToolCall.of(self.call_id, self.tool, parse_json(self.granted)["args"])

    @property
    def edited(self) -> bool:
        return self.granted != self.proposed

    def at(self, now: int) -> Approval:
        """This approval as it stands at a time: an open one whose time is over is expired."""
        if self.state in ("pending", "approved") and now >= self.expires:
            return replace(self, state="expired")
        return self

    def to_json(self) -> dict[str, Any]:
        record = asdict(self)
        record["reasons"] = [list(reason) for reason in self.reasons]
        return record

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Approval:
        reasons = tuple((str(rule), str(text)) for rule, text in record["reasons"])
        return cls(**{**record, "reasons": reasons})


def ask(
    session: Session, call: ToolCall, policy: str, reasons: tuple[tuple[str, str], ...], now: int, ttl: int
) -> Approval:
    """A new pending approval for an escalated call. ``ttl`` is in microseconds."""
    identity = canonical_json([session.id, session.version, call.id, call.digest, policy, now])
    text = call.canonical.decode()
    return Approval(
        digest_of(identity), call.id, call.tool, call.digest, policy, now, now + ttl, text, text, reasons
    )


def find(session: Session, call: ToolCall, policy: str, now: int) -> Approval | None:
    """The latest approval of exactly this call under this policy, as it stands ``now``."""
    matches = [
        record
        for record in session.approvals.values()
        if record["digest"] == call.digest and record["call_id"] == call.id and record["policy"] == policy
    ]
    if not matches:
        return None
    return Approval.from_json(max(matches, key=lambda record: int(record["created"]))).at(now)


def granted(approval: Approval | None) -> ToolCall | None:
    """The call that an approval lets go: the one proposed or, after an edit, the edited one."""
    return approval.call if approval is not None and approval.state == "approved" else None


def resolve(
    session: Session,
    approval_id: str,
    answer: Answer,
    *,
    by: Principal,
    args: Mapping[str, Any] | None,
    policy: str,
    now: int,
) -> Approval:
    """The approval after a person's answer. Raises a subclass of ``ApprovalError`` if it cannot be taken."""
    record = session.approvals.get(approval_id)
    if record is None:
        raise ApprovalNotFound(f"session {session.id!r} has no approval {approval_id!r}")
    approval = Approval.from_json(record).at(now)
    if approval.state == "expired":
        raise ApprovalExpired(f"approval {approval_id} has expired: let the agent propose the call again")
    if approval.state != "pending":
        raise ApprovalResolved(
            f"approval {approval_id} is {approval.state} already, answered by {approval.by!r}"
        )
    if approval.policy != policy:
        raise ApprovalSuperseded(
            f"approval {approval_id} was asked for under policy {approval.policy[:12]}, now {policy[:12]} decides: "
            "let the agent propose the call again"
        )
    answered = replace(approval, resolved=now, by=by.id)
    if answer == "reject":
        return replace(answered, state="rejected")
    if answer == "edit":
        if args is None:
            raise MalformedCall("expected the edited arguments with the answer 'edit', found none")
        edited = ToolCall.of(approval.call_id, approval.tool, args)
        return replace(answered, state="approved", granted=edited.canonical.decode())
    if answer == "approve":
        return replace(answered, state="approved")
    raise ValueError(f"expected the answer 'approve', 'reject' or 'edit', found {answer!r}")


def keep(session: Session, approval: Approval) -> dict[str, Any] | None:
    """The session's approvals with this one added or replaced; ``None`` if too many are open to add one.

    Where there is no room, the oldest closed one goes.
    """
    records: dict[str, Any] = dict(session.approvals)
    records[approval.id] = approval.to_json()
    if len(records) <= MAX_APPROVALS:
        return records
    closed = [
        other
        for other in map(Approval.from_json, session.approvals.values())
        if other.at(approval.created).state in ("used", "rejected", "expired")
    ]
    if not closed:
        return None
    del records[min(closed, key=lambda other: other.created).id]
    return records
