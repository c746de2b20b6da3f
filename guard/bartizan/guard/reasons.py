"""The guard's own reasons: what a call is denied for when it was not a rule that denied it.

Everything here fails closed. A program has reserved names of its own (``schema``, ``unknown-tool``,
``default``); the following are the kernel's, and no rule may be called by them.

======================  ======================================================================================
reason                  the call was denied because
======================  ======================================================================================
``internal-error``      the program or the guard failed: a bug. Counted; its text goes to the log's operator only
``deadline``            no decision could be made and recorded in time (lock, load, signals, log, commit)
``store-unavailable``   the session could not be loaded or committed
``audit-unavailable``   the decision could not be written to the log
``rejected``            a person was asked to approve the call, and rejected it
``already-executed``    the call was let go before under the same idempotency key, and has no recorded result;
                        or the key belongs to another call
``too-many-approvals``  it needs an approval, and the session already has as many open ones as it may
``guard-unreachable``   the guard is a service, and gave no answer in time, or said that it cannot
``guard-refused``       the guard is a service, and refused the request: credentials, scope, schema
``guard-answer``        what a service answered is no answer, is about another call, or has no valid verdict
======================  ======================================================================================

The last three are said by the client of a service (``bartizan.integrations.client``), about its own calls.

Two reasons allow: ``already-executed`` with a result (the recorded one was returned, nothing ran), and ``resumed``
(a tool that had paused is run again under the decision that let it go).
"""

from __future__ import annotations

from .decision import Decision, Outcome, Reason

INTERNAL_ERROR = "internal-error"
DEADLINE = "deadline"
STORE_UNAVAILABLE = "store-unavailable"
AUDIT_UNAVAILABLE = "audit-unavailable"
REJECTED = "rejected"
ALREADY_EXECUTED = "already-executed"
TOO_MANY_APPROVALS = "too-many-approvals"
RESUMED = "resumed"
GUARD_UNREACHABLE = "guard-unreachable"
GUARD_REFUSED = "guard-refused"
GUARD_ANSWER = "guard-answer"

TEXTS = {
    INTERNAL_ERROR: "The guard could not decide about this call.",
    DEADLINE: "The guard could not decide about this call in time.",
    STORE_UNAVAILABLE: "The guard could not reach the state of this session.",
    AUDIT_UNAVAILABLE: "The guard could not record this call.",
    REJECTED: "A person was asked to approve this call and rejected it.",
    ALREADY_EXECUTED: "This call was already let go once; it is not executed twice.",
    TOO_MANY_APPROVALS: "Too many calls of this session are waiting for approval.",
    GUARD_UNREACHABLE: "The guard gave no answer about this call.",
    GUARD_REFUSED: "The guard refused to decide about this call.",
    GUARD_ANSWER: "The guard's answer about this call could not be trusted.",
}
"""What the model may read about each reason: fixed texts, nothing of the failure itself."""

WITHHELD = "The tool ran, but its result was withheld because it could not be recorded."
"""What takes the place of a result that could not be inspected or recorded."""


def denial(reason: str, policy: str) -> Decision:
    """A denial for one of the guard's own reasons."""
    return Decision(Outcome.DENY, (Reason(reason, "deny", "E", TEXTS[reason]),), policy)
