"""An explanation as JSON: what ``bartizan explain --json`` prints and the service's page shows."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from bartizan.guard import Outcome, Reason, Request, Session
from bartizan.policies import Explanation, Program
from bartizan.policies.casework import changes


def explanation_to_json(explanation: Explanation) -> dict[str, Any]:
    """An explanation, whole."""
    return {
        "outcome": explanation.decision.outcome.name,
        "policy": explanation.decision.policy,
        "reasons": [reason_to_json(reason) for reason in explanation.decision.reasons],
        "rules": [
            {"rule": r.rule, "effect": r.effect, "shadow": r.shadow, "value": r.value,
             "atoms": [{"text": t, "value": v} for t, v in r.atoms], "determining": list(r.determining)}
            for r in explanation.rules
        ],
        "arguments": [
            {"path": a.path, "value": a.value,
             "origins": [{"event": o.event, "kind": o.kind, "tool": o.tool, "label": o.label, "path": o.path,
                          "excerpt": o.excerpt} for o in a.origins]}
            for a in explanation.arguments
        ],
        "changes": list(explanation.changes()),
    }  # fmt: skip


def reason_to_json(reason: Reason) -> dict[str, Any]:
    """A reason: its rule, whether that was T or E, and its author's words."""
    return {"rule": reason.rule, "value": reason.value, "text": reason.text}


def put_right(program: Program, request: Request, session: Session) -> dict[str, Any]:
    """What a guard would change in a denied call (``corrected``) or, if nothing that is opened helps, advise
    (``nearest``); nothing where the call is not denied, or no solver is installed."""
    if program.decide(request, session).outcome is not Outcome.DENY:
        return {}
    try:
        from bartizan.policies.repair import SolverMissing, advise, repair
    except ImportError:
        return {}
    before = request.call.arguments()
    for what, find in (("corrected", repair), ("nearest", advise)):
        with suppress(SolverMissing):
            found = find(program, request, session)
            if found is not None:
                return {what: changes(before, found.call.arguments())}
    return {}
