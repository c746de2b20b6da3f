"""Every name the guard gives to a span, attribute or metric: the one file to edit when a convention settles.

``gen_ai.*`` names are the OpenTelemetry GenAI conventions' (status: development). They have no names for
guardrails yet (open proposals only), so those are ours, under ``bartizan.``. ``openinference.span.kind`` is
what Phoenix and Langfuse recognise a guardrail by; ``session.id``, ``input.value`` and ``output.value`` are
OpenInference's, too, and both show them. Types and units stand in the comments; durations are
seconds, lists are lists of strings.
"""

from __future__ import annotations

SCOPE = "bartizan.guard"
SPAN_DECIDE = "guard.decide"
SPAN_REVIEW = "guard.review"  # a call looked at before it is proposed to be executed
SPAN_MEASURE = "guard.measure"  # a prompt, text or result whose signals were measured

OPENINFERENCE_SPAN_KIND = "openinference.span.kind"
GUARDRAIL = "GUARDRAIL"
SESSION_ID = "session.id"  # str: what Phoenix and Langfuse group traces by
INPUT_VALUE = "input.value"  # str: the arguments, as canonical JSON; content, opt-in
INPUT_MIME_TYPE = "input.mime_type"
OUTPUT_VALUE = "output.value"  # str: the outcome
MAX_SESSION_ID = 200  # characters; Langfuse drops longer ones

GEN_AI_TOOL_NAME = "gen_ai.tool.name"  # str
GEN_AI_TOOL_CALL_ID = "gen_ai.tool.call.id"  # str
GEN_AI_CONVERSATION_ID = "gen_ai.conversation.id"  # str: the session
GEN_AI_TOOL_CALL_ARGUMENTS = "gen_ai.tool.call.arguments"  # str: canonical JSON; content, opt-in

EVENT = "bartizan.event"  # str: prompt, text, result
LABEL = "bartizan.label"  # str, of a result: how far it is trusted, besides exceptions
OUTCOME = "bartizan.outcome"  # str: allow, correct, escalate, deny
RULES = "bartizan.rules"  # list: the rules that determined the outcome
SHADOW_RULES = "bartizan.shadow_rules"  # list: rules in shadow mode that would have
REASON_TEXTS = "bartizan.reason_texts"  # list: what their authors say; content, opt-in
POLICY_NAME = "bartizan.policy.name"  # str
POLICY_HASH = "bartizan.policy.hash"  # str: SHA-256, hexadecimal
POLICY_CERTIFICATE = "bartizan.policy.certificate"  # str: how far its certificate was checked, or none
CALL_DIGEST = "bartizan.call.digest"  # str: SHA-256 of the canonical call
PRINCIPAL = "bartizan.principal.id"  # str
APPROVAL_ID = "bartizan.approval.id"  # str, where there is one
APPROVAL_STATE = "bartizan.approval.state"  # str: pending, approved, rejected
CORRECTED_BY = "bartizan.correction.by"  # str: solver, corrector, ...; where the call was corrected
CORRECTED_PATHS = "bartizan.correction.paths"  # list: JSON pointers of the arguments that were changed
CORRECTION_ATTEMPTS = "bartizan.correction.attempts"  # list: "solver: accepted", in the order they were asked
RECORD_ID = "bartizan.record.id"  # str: the audit record, where one was written
SIGNAL_PREFIX = "bartizan.signal"  # bartizan.signal.<name>: float from 0 to 1
SIGNAL_P_VALUE = "p_value"  # bartizan.signal.<name>.p_value: float, where the signal is calibrated
SIGNAL_PROBE = "probe"  # bartizan.signal.<name>.probe: str, what measured it
SIGNAL_FEATURES = "features"  # bartizan.signal.<name>.features: list, names of the features that fired
SIGNAL_LATENCY = "latency"  # bartizan.signal.<name>.latency: float, seconds until the engine or host answered
SIGNAL_MISSING = "missing"  # bartizan.signal.<name>.missing: str, why it could not be measured
SIGNAL_EVIDENCE = "evidence"  # bartizan.signal.<name>.evidence: str, JSON; content, opt-in
MAX_SIGNALS = 32  # signals that one span describes beyond their value
MAX_FEATURES = 8  # names for one signal
MAX_TEXT = 200  # characters of a name or a reason
MAX_EVIDENCE = 4096  # characters of JSON; longer is left out
MISSING_SIGNALS = "bartizan.missing_signals"  # list: names of the signals that could not be measured
STAGE_PREFIX = "bartizan.stage"  # bartizan.stage.<load|signals|decide|correct|record>: float, seconds

RULE = "bartizan.rule"  # metric attributes
EFFECT = "bartizan.effect"
SIGNAL = "bartizan.signal"
REASON = "bartizan.reason"

STAGE = "bartizan.stage"
CAME_OF = "bartizan.correction.came_of"  # str: accepted, refused, none, or how the proposer failed
TENANT = "bartizan.tenant"  # str: whose guard it is, in a service with several; on spans too

METRIC_DECISION_DURATION = "bartizan.decision.duration"  # histogram, s
METRIC_STAGE_DURATION = "bartizan.stage.duration"  # histogram, s
METRIC_APPROVAL_AGE = "bartizan.approval.age"  # histogram, s
METRIC_CORRECTIONS = "bartizan.corrections"
METRIC_CALLS = "bartizan.calls"
METRIC_DECISIONS = "bartizan.decisions"
METRIC_SHADOWS = "bartizan.shadow_decisions"
METRIC_MISSING_SIGNALS = "bartizan.missing_signals"
METRIC_APPROVALS = "bartizan.approvals"
METRIC_FAILURES = "bartizan.failures"
METRIC_DROPPED = "bartizan.telemetry.dropped"
