"""The compiled policy: :class:`Program` decides calls, inspects results and advances registers.

Pure and total: no clock, no I/O, no exceptions. The meaning, over the rules in scope of the call's tool:

    deny      iff some deny rule is T or E
    escalate  iff not deny, and some escalate rule is T or E
    allow     iff neither, and some allow rule is T
    otherwise deny

An approval turns the escalation into an allow; deny rules still win. A deny rule that is E while a signal
that it reads is missing, and that signal says ``missing: escalate``, counts as an escalate rule.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any as Json
from typing import TypeVar

from bartizan.guard import (
    Decision,
    Event,
    EventKind,
    Inspection,
    Labels,
    Outcome,
    Reason,
    Request,
    Session,
    ToolCall,
)

from .edits import Opening, openings_of, permitted, sticky_paths
from .evaluation.determine import Explained, determining, explained
from .evaluation.plan import Evaluate, compile_expression
from .evaluation.redaction import Redactor
from .evaluation.registers import Register, RegisterFile, advance, direct_signals
from .evaluation.scope import Scope, Taint, denied_scope, event_scope
from .explain import Explanation, argument_origins, trace_rule
from .language import ast
from .language.types import ToolDecl
from .language.values import E, Nonconforming, conform
from .policy import CheckedPolicy, CheckedRule
from .provenance import Provenance, ProvenanceCache
from .texts import TextRules

Made = TypeVar("Made")

_NO_CALL = frozenset({"unknown-tool", "schema"})
"""What was denied for one of these is no call of a declared tool."""


@dataclass(slots=True)
class _PlannedRule:
    """A rule for one tool, ready to run."""

    rule: CheckedRule
    condition: ast.Expr
    evaluate: Evaluate
    soft_signals: frozenset[str]
    tree: Explained | None = None


@dataclass(frozen=True, slots=True)
class _ToolPlan:
    """The rules in scope of one tool, by what they do."""

    decl: ToolDecl
    deny: tuple[_PlannedRule, ...]
    escalate: tuple[_PlannedRule, ...]
    allow: tuple[_PlannedRule, ...]
    shadow: tuple[_PlannedRule, ...]
    result: tuple[_PlannedRule, ...]
    signals: Mapping[str, frozenset[str]]


class Program:
    """A :class:`CheckedPolicy`, compiled. Implements :class:`bartizan.guard.Program`.

    ``certificate`` is the level at which a certificate of the policy was checked: see :mod:`.lean.certificates.levels`.
    """

    def __init__(self, policy: CheckedPolicy, certificate: str = "none") -> None:
        self.policy = policy
        self.certificate = certificate
        self.name = policy.name
        self.hash = policy.hash
        self.text = TextRules(policy.texts)
        self._registers = RegisterFile()
        self._caches = threading.local()
        self._building = threading.RLock()
        self._kept: dict[object, Json] = {}
        self._openings = {
            tool: openings_of(policy.tools[tool], classes, policy.rules)
            for tool, classes in policy.repair.items()
            if tool in policy.tools
        }
        self._plans = {tool: self._plan(decl) for tool, decl in sorted(policy.tools.items())}
        self._initial = self._registers.initial()
        self._signals: dict[tuple[EventKind, str | None], tuple[str, ...]] = {}
        self._touched: dict[tuple[str, str | None], tuple[Register, ...]] = {}

    def __repr__(self) -> str:
        return f"<Program {self.name} {self.hash[:12]}>"

    @property
    def tools(self) -> Mapping[str, ToolDecl]:
        return self.policy.tools

    def initial(self) -> Mapping[str, Json]:
        return self._initial

    def signals(self, kind: EventKind, tool: str | None) -> Sequence[str]:
        key = (kind, tool)
        found = self._signals.get(key)
        if found is None:
            found = self._asked_for(kind, tool)
            if tool is None or tool in self._plans:  # others are the agent's words, of which there is no end
                self._signals[key] = found
        return found

    def _asked_for(self, kind: EventKind, tool: str | None) -> tuple[str, ...]:
        plan = self._plans.get(tool) if tool is not None else None
        names = set(plan.signals.get(kind, ())) if plan is not None else set()
        for register in self._registers.touched_by(kind, tool):
            names |= register.signals
        if kind == "call":
            for register in self._registers.touched_by("denied", tool):
                names |= register.signals
        return tuple(sorted(n for n in names if self.policy.signals[n].on == kind))

    # --- calls

    def decide(self, request: Request, session: Session) -> Decision:
        call = request.call
        plan = self._plans.get(call.tool)
        if plan is None:
            return self._deny("unknown-tool", f"the policy declares no tool {call.tool[:80]!r}")
        try:
            scope = self._call_scope(request, session, plan.decl)
        except Nonconforming as error:
            return self._deny("schema", f"the call does not conform to its declared type: {error}")
        shadow = tuple(self._reason(p, v, scope) for p, v in _matching(plan.shadow, scope))
        denying = _matching(plan.deny, scope)
        softened = [hit for hit in denying if hit[1] is E and _is_softened(hit[0], request)]
        denying = [hit for hit in denying if hit not in softened]
        if denying:
            return self._decision(Outcome.DENY, denying, scope, shadow)
        asking = softened + _matching(plan.escalate, scope)
        if asking:
            outcome = Outcome.ALLOW if request.approved else Outcome.ESCALATE
            return self._decision(outcome, asking, scope, shadow)
        allowing = [hit for hit in _matching(plan.allow, scope) if hit[1] is True]
        if allowing:
            return self._decision(Outcome.ALLOW, allowing, scope, shadow)
        return self._deny("default", f"no rule allows this call of {call.tool}", shadow)

    def _call_scope(self, request: Request, session: Session, decl: ToolDecl) -> Scope:
        args = dict(request.call.args)
        inputs = {
            "args": conform(args, decl.args),
            "tool": decl.name,
            "now": request.now,
            "principal": {"id": request.principal.id, "roles": tuple(sorted(request.principal.roles))},
        }
        taint = None
        if request.before is not None:
            taint = Taint(request.before.arguments(), sticky_paths(self.openings(decl.name)))
        return Scope(
            inputs, {"args": args}, request.now, request.signals,
            lambda: self._provenance(session), session.state, taint=taint,
        )  # fmt: skip

    def explain(self, request: Request, session: Session, *, origins: bool = True) -> Explanation:
        """Every rule's truth value, the atoms behind it, where each argument came from, what would change it.

        Without ``origins`` not where arguments came from, for which the session is read once for each.
        """
        decision = self.decide(request, session)
        plan = self._plans.get(request.call.tool)
        provenance = self._provenance(session)
        found = argument_origins(request.call.args, provenance) if origins else ()
        if plan is None or decision.reasons[0].rule == "schema":
            return Explanation(decision, (), found)
        scope = self._call_scope(request, session, plan.decl)
        traces = []
        for planned in (*plan.deny, *plan.escalate, *plan.allow, *plan.shadow):
            tree = self._tree(planned)
            traces.append(trace_rule(planned.rule, tree, scope))
        return Explanation(decision, tuple(traces), found)

    # --- corrections

    def openings(self, tool: str) -> tuple[Opening, ...]:
        """The arguments of a tool that may be changed, in the order in which they are declared."""
        return self._openings.get(tool, ())

    def permits(self, call: ToolCall, edited: ToolCall) -> bool:
        if call.tool != edited.tool:
            return False
        openings = {opening.path: opening for opening in self.openings(call.tool)}
        return permitted(call.arguments(), edited.arguments(), openings)

    def evaluator(self, node: ast.Expr) -> Evaluate:
        """The closure of a part of one of this policy's conditions on calls."""
        return compile_expression(node, self._registers.reader)

    def scope(self, request: Request, session: Session) -> Scope:
        """What a call's conditions are evaluated against. Raises ``Nonconforming``."""
        return self._call_scope(request, session, self.policy.tools[request.call.tool])

    def sources(self, session: Session) -> Provenance:
        """Where values of a session come from."""
        return self._provenance(session)

    def stages(self, session: Session, now: int) -> tuple[str, ...]:
        """The stages that a session may be in: one, or more where that is not known; none where there are no stages."""
        return self._registers.stages(session.state, now)

    def kept(self, key: object, build: Callable[[], Made]) -> Made:
        """What others build of this program, once, and have kept for as long as the program is."""
        with self._building:
            if key not in self._kept:
                self._kept[key] = build()
            made: Made = self._kept[key]
        return made

    # --- results

    def inspect(self, event: Event, session: Session) -> Inspection:
        plan = self._plans.get(event.tool) if event.tool is not None else None
        if plan is None:
            return Inspection(event.text, event.value, Labels())
        scope = self._event_scope(event, session)
        scope.inputs = {**scope.inputs, "tool": event.tool}
        redactor = Redactor(event.text, event.value)
        relabelled: set[str | None] = set()
        reasons: list[Reason] = []
        shadow: list[Reason] = []
        for planned, value in _matching(plan.result, scope):
            rule = planned.rule
            if value is E and rule.label == "trusted":
                continue  # not knowing is no ground for trust
            (shadow if rule.shadow else reasons).append(self._reason(planned, value, scope))
            if rule.shadow:
                continue
            if rule.effect == "redact":
                redactor.apply(rule.id, planned.condition if value is True else None)
            else:
                relabelled.add(rule.label)
        labels = _labels(plan.decl, relabelled)
        return Inspection(redactor.text, redactor.value, labels, tuple(reasons), tuple(shadow))

    # --- history

    def advance(self, event: Event, session: Session) -> Mapping[str, Json]:
        touched = self._touched_by(event.kind, event.tool)
        if not touched:
            return session.state
        return advance(touched, session.state, self._event_scope(event, session))

    def denied(self, request: Request, decision: Decision, session: Session) -> Mapping[str, Json]:
        touched = self._touched_by("denied", request.call.tool)
        because = frozenset(reason.rule for reason in decision.reasons)
        if not touched or because & _NO_CALL:
            return session.state
        event = Event("call", request.now, call=request.call, signals=request.signals)
        sources = partial(self._provenance, session)
        scope = denied_scope(event, because, self.policy.tools, sources, session.state)
        after = advance(touched, session.state, scope)
        return session.state if after == session.state else after

    def _touched_by(self, kind: str, tool: str | None) -> tuple[Register, ...]:
        """The registers that an event updates."""
        found = self._touched.get((kind, tool))
        if found is None:
            found = self._registers.touched_by(kind, tool)
            if tool is None or tool in self._plans:
                self._touched[kind, tool] = found
        return found

    def _event_scope(self, event: Event, session: Session) -> Scope:
        return event_scope(event, self.policy.tools, lambda: self._provenance(session), session.state)

    def _provenance(self, session: Session) -> Provenance:
        """The session's provenance index, kept per thread: a program may be shared."""
        cache: ProvenanceCache | None = getattr(self._caches, "provenance", None)
        if cache is None:
            cache = self._caches.provenance = ProvenanceCache()
        return cache.provenance(session)

    # --- building

    def _plan(self, decl: ToolDecl) -> _ToolPlan:
        here = [self._planned(rule, decl.name) for rule in self.policy.rules if decl.name in rule.conditions]
        call_rules = [p for p in here if p.rule.effect in ("allow", "deny", "escalate")]
        result_rules = [p for p in here if p.rule.effect in ("redact", "label")]

        def of(effect: str) -> tuple[_PlannedRule, ...]:
            return tuple(p for p in call_rules if p.rule.effect == effect and not p.rule.shadow)

        signals = {
            "call": frozenset[str]().union(*(direct_signals(p.condition) for p in call_rules)),
            "result": frozenset[str]().union(*(direct_signals(p.condition) for p in result_rules)),
        }
        shadow = tuple(p for p in call_rules if p.rule.shadow)
        return _ToolPlan(decl, of("deny"), of("escalate"), of("allow"), shadow, tuple(result_rules), signals)

    def _planned(self, rule: CheckedRule, tool: str) -> _PlannedRule:
        condition = rule.conditions[tool]
        soft = frozenset(
            name for name in direct_signals(condition) if self.policy.signals[name].missing == "escalate"
        )
        evaluate = compile_expression(condition, self._registers.reader)
        return _PlannedRule(rule, condition, evaluate, soft)

    # --- reasons

    def _deny(self, rule: str, text: str, shadow: tuple[Reason, ...] = ()) -> Decision:
        return Decision(Outcome.DENY, (Reason(rule, "deny", "T", text),), self.hash, shadow)

    def _decision(
        self,
        outcome: Outcome,
        hits: Sequence[tuple[_PlannedRule, Json]],
        scope: Scope,
        shadow: tuple[Reason, ...],
    ) -> Decision:
        reasons = tuple(self._reason(p, v, scope, atoms=outcome > Outcome.CORRECT) for p, v in hits)
        return Decision(outcome, reasons, self.hash, shadow)

    def _tree(self, planned: _PlannedRule) -> Explained:
        planned.tree = planned.tree or explained(planned.condition, self._registers.reader)
        return planned.tree

    def _reason(self, planned: _PlannedRule, value: Json, scope: Scope, atoms: bool = False) -> Reason:
        rule = planned.rule
        named: tuple[str, ...] = ()
        if atoms:
            hits = determining(self._tree(planned), scope)
            named = tuple(rule.text_of(node) for node, _ in hits if node != ast.TRUE)
        return Reason(rule.id, rule.effect, "E" if value is E else "T", rule.reason, named)


def _labels(decl: ToolDecl, relabelled: set[str | None]) -> Labels:
    """The declared labels, unless a rule said otherwise; untrusted prevails."""
    if "untrusted" in relabelled:
        return Labels("untrusted")
    return Labels("trusted" if "trusted" in relabelled else decl.label, decl.exceptions)


def _matching(rules: tuple[_PlannedRule, ...], scope: Scope) -> list[tuple[_PlannedRule, Json]]:
    """The rules that are T or E, with which of the two."""
    return [(rule, value) for rule in rules if (value := rule.evaluate(scope)) is not False]


def _is_softened(planned: _PlannedRule, request: Request) -> bool:
    return any(
        name not in request.signals or not isinstance(request.signals[name].value, float)
        for name in planned.soft_signals
    )
