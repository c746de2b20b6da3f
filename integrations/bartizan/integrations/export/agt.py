"""Decisions as audit records of Microsoft's Agent Governance Toolkit, with evidence of AGT-EVIDENCE-1.0.

Read in microsoft/agent-governance-toolkit: ``policy-engine/spec/agt/AGT-EVIDENCE-1.0.md`` (1.0.0-alpha, at commit
4a89001: the evidence object, at most 4 KiB, and the members of an audit record, section 4), and
``policy-engine/spec/SPECIFICATION-AGT-DELTA.md`` (D1.4: both identities are in every record). ``evaluation`` is the
envelope ``agt.policy_evaluation.v1`` of that toolkit's Python package, which forbids any other member.

The evidence is the content address of our record: ``artefact`` is the SHA-256 of its canonical bytes, by which it
stands in the log's chain, under the log's signed checkpoints. The pointers say under which policy, and where to look if
the exporter was told. Identities are digests of the canonical call, not of that toolkit's policy input, which we never
had: they can be compared with each other and with our log, and not be recomputed there.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bartizan.guard.audit import Found
from bartizan.guard.canonical import canonical_json
from bartizan.guard.errors import BartizanError

from .common import line, member, rules

MAX_EVIDENCE = 4096
"""Bytes of the evidence object, serialised."""

POINT = "pre_tool_call"
_VERDICTS = {"ALLOW": "allow", "CORRECT": "transform", "ESCALATE": "escalate", "DENY": "deny"}


class TooMuchEvidence(BartizanError):
    """The pointers given do not fit into an evidence object."""


def agt_lines(records: Iterable[Found], pointers: Mapping[str, str] = {}) -> Iterator[str]:
    """A record for every decision. ``pointers`` are URIs by their roles, for each. Raises ``TooMuchEvidence``."""
    for found in records:
        if found.entry.record.get("kind") == "decision" and found.entry.record.get("outcome") in _VERDICTS:
            yield line(audit_record(found, pointers))


def evidence(found: Found, pointers: Mapping[str, str]) -> dict[str, Any]:
    """The evidence object of one decision."""
    given = {"policy": _named(member(found.entry.record, "policy", "hash")), **pointers}
    made = {"artefact": f"sha256:{found.entry.hash}", "verification_pointers": given}
    if len(canonical_json(made)) > MAX_EVIDENCE:
        raise TooMuchEvidence(
            f"an evidence object may have {MAX_EVIDENCE} bytes: give fewer or shorter pointers"
        )
    return made


def audit_record(found: Found, pointers: Mapping[str, str]) -> dict[str, Any]:
    """The record of one decision, with its evidence. Raises :class:`TooMuchEvidence`."""
    record = found.entry.record
    verdict, proof = _VERDICTS[record["outcome"]], evidence(found, pointers)
    enforced = f"sha256:{record.get('call_digest')}"
    proposed = f"sha256:{member(record, 'correction', 'proposed_digest') or record.get('call_digest')}"
    why = rules(record)
    code = f"policy:{why[0]}" if why else ""
    evaluation: dict[str, Any] = {
        "schema": "agt.policy_evaluation.v1",
        "verdict": verdict,
        "reason_code": code,
        "message": "; ".join(
            str(reason.get("text") or reason.get("rule")) for reason in record.get("reasons") or ()
        ),
        "intervention_point": POINT,
        "evidence": proof,
        "result_labels": [],
        "input_identity": proposed,
        "enforced_identity": enforced,
        "approval": {"id": record["approval"]} if record.get("approval") else {},
    }
    if verdict == "transform" and "args" in record:
        evaluation["transform"] = {"path": "$target", "value": record["args"]}
    return {
        "spec": "AGT-EVIDENCE-1.0",
        "evidence_artefact": proof["artefact"],
        "verification_pointers": proof["verification_pointers"],
        "action_identity": enforced,
        "input_identity": proposed,
        "enforced_identity": enforced,
        "intervention_point": POINT,
        "policy_id": member(record, "policy", "name"),
        "mode": "enforce",
        "verdict": verdict,
        "reason": code,
        "dispatcher": "bartizan",
        "evaluation": evaluation,
    }


def _named(digest: object) -> str:
    """A SHA-256 as a URI (RFC 6920)."""
    data = base64.urlsafe_b64encode(bytes.fromhex(str(digest or "")))
    return f"ni:///sha-256;{data.decode().rstrip('=')}"
