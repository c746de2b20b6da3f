"""What a policy makes of a call, as formulas: the rules of one tool at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bartizan.guard import Outcome

from ...evaluation.registers import direct_signals
from ...language import ast
from ...language.environment import SignalDecl, call_environment, event_environment, result_environment
from ...language.types import Record, ToolDecl
from ...policy import CheckedPolicy, CheckedRule
from ...regular.algebra import complement
from ...regular.term import EPSILON
from ..formula import FALSE, TRUE, Formula, Model, Text
from .expressions import Encoder, Moment, Past
from .symbols import Amount, Condition, Elements, Fields, String, Symbol

_NONEMPTY = complement(EPSILON)


def call_moment(
    encoder: Encoder, tool: ToolDecl, tools: Mapping[str, ToolDecl], past: Past, name: str = ""
) -> Moment:
    """Any well-formed call of ``tool`` by anyone, at any time."""
    inputs = _inputs(encoder, call_environment(tool, tools, {}).inputs, tool.name, name)
    principal = inputs["principal"]
    assert isinstance(principal, Fields)
    _, id = principal.fields["id"]
    assert isinstance(id, String)
    encoder.fact(
        encoder.formulas.all(
            encoder.formulas.member(leaf, _NONEMPTY) for _, leaf in id.leaves if isinstance(leaf, Text)
        )
    )
    return Moment(name, inputs, past)


def result_moment(
    encoder: Encoder, tool: ToolDecl, tools: Mapping[str, ToolDecl], past: Past, name: str = ""
) -> Moment:
    """Any result of any well-formed call of ``tool``."""
    inputs = result_environment(tool, tools, {}).inputs
    return Moment(name, _inputs(encoder, inputs, tool.name, name), past)


def event_moment(
    encoder: Encoder,
    match: ast.EventMatch,
    tools: Mapping[str, ToolDecl],
    signals: Mapping[str, SignalDecl],
    past: Past,
    name: str,
) -> Moment:
    """Any past event of one kind (and, for a call or a result, of one tool), as session operators see it."""
    assert match.kind is not None
    declared = event_environment(match, tools, signals).inputs
    made = _inputs(encoder, declared, match.tool or "", name)
    record = made["event"]
    assert isinstance(record, Fields)
    here = {"kind"} | ({"text"} if match.kind not in ("call", "denied") else set())
    here |= {"label", "is_error"} if match.kind == "result" else set()
    here |= {"tool"} if match.kind in ("call", "result", "denied") else set()
    fields = {key: (TRUE if key in here else FALSE, symbol) for key, (_, symbol) in record.fields.items()}
    fields["kind"] = TRUE, Amount(TRUE, encoder.formulas.constant(encoder.codes.of(match.kind)))
    if match.tool is not None:
        fields["tool"] = TRUE, _tool(encoder, match.tool)
    event = Fields(fields)
    return Moment(name, {**made, "event": event} | ({match.kind: event} if match.kind in made else {}), past)


def _inputs(encoder: Encoder, declared: Record, tool: str, name: str) -> dict[str, Symbol]:
    made = {
        key: encoder.inputs.make(field.type, f"{name}{key}", key)
        for key, field in declared.fields
        if key not in ("tool", "prompt", "call") and not (key == "result" and "event" in declared.names)
    }
    if "event" in declared.names:
        made |= {key: made["event"] for key in ("prompt", "call", "result") if key in declared.names}
    if "principal" in made:
        made["principal"] = _certain(made["principal"])
    return made | ({"tool": _tool(encoder, tool)} if "tool" in declared.names else {})


def _certain(symbol: Symbol) -> Symbol:
    """The symbol of what comes from credentials and is no argument: it always has a value."""
    match symbol:
        case Fields(fields):
            return Fields({name: (there, _certain(inner)) for name, (there, inner) in fields.items()})
        case String(_, leaves):
            return String(TRUE, leaves)
        case Elements(_, length, items):
            return Elements(TRUE, length, tuple(map(_certain, items)))
    return symbol


def _tool(encoder: Encoder, tool: str) -> Amount:
    return Amount(TRUE, encoder.formulas.constant(encoder.codes.of(tool)))


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule at a moment. ``softened``: it is E for want of a signal that asks for an approval instead."""

    rule: CheckedRule
    condition: Condition
    softened: Formula

    @property
    def id(self) -> str:
        return self.rule.id


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What the rules in scope make of the call at a moment."""

    encoder: Encoder
    hits: tuple[Hit, ...]

    def of(self, effect: str) -> Iterator[Hit]:
        return (hit for hit in self.hits if hit.rule.effect == effect)

    def fires(self, hit: Hit) -> Formula:
        """Whether the rule, by itself, takes its effect: T or E; an allow only when T."""
        f = self.encoder.formulas
        if hit.rule.effect == "allow":
            return hit.condition.true
        return f.both(f.neg(hit.condition.false), f.neg(hit.softened))

    def denies(self, but: frozenset[str] = frozenset()) -> Formula:
        """Some deny rule holds, or is E. ``but`` are rules to leave out."""
        return self.encoder.formulas.some(self.fires(h) for h in self.of("deny") if h.id not in but)

    def asks(self, but: frozenset[str] = frozenset()) -> Formula:
        """Some escalate rule holds or is E, or a deny rule is E for want of a softened signal."""
        asking = [self.fires(h) for h in self.of("escalate") if h.id not in but]
        asking += [h.softened for h in self.of("deny") if h.id not in but]
        return self.encoder.formulas.some(asking)

    def permits(self, but: frozenset[str] = frozenset()) -> Formula:
        """Some allow rule holds."""
        return self.encoder.formulas.some(self.fires(h) for h in self.of("allow") if h.id not in but)

    def allowed(self, but: frozenset[str] = frozenset()) -> Formula:
        """The outcome is ALLOW, without an approval."""
        f = self.encoder.formulas
        return f.both(f.neg(self.denies(but)), f.neg(self.asks(but)), self.permits(but))

    def escalated(self, but: frozenset[str] = frozenset()) -> Formula:
        """The outcome is ESCALATE."""
        f = self.encoder.formulas
        return f.both(f.neg(self.denies(but)), self.asks(but))

    def let_go(self, but: frozenset[str] = frozenset()) -> Formula:
        """The outcome is ALLOW, given an approval where one is asked for."""
        f = self.encoder.formulas
        return f.both(f.neg(self.denies(but)), f.either(self.asks(but), self.permits(but)))

    def denied(self) -> Formula:
        """The outcome is DENY."""
        return self.encoder.formulas.neg(self.let_go())

    def denied_because(self, rules: Iterable[str]) -> Formula:
        """Given that the outcome is DENY, one of these rules is among those that determine it."""
        f, wanted = self.encoder.formulas, frozenset(rules)
        by_default = f.neg(self.denies()) if "default" in wanted else FALSE
        return f.some([by_default, *(self.fires(hit) for hit in self.of("deny") if hit.id in wanted)])

    def deciding(self, model: Model) -> tuple[Outcome, list[tuple[Hit, Formula]]]:
        """The outcome of a model's call, and the rules that determine it, each with when it does so."""
        asking = [(h, self.fires(h)) for h in self.of("escalate")] + [
            (h, h.softened) for h in self.of("deny")
        ]
        for outcome, rules in (
            (Outcome.DENY, [(h, self.fires(h)) for h in self.of("deny")]),
            (Outcome.ESCALATE, asking),
            (Outcome.ALLOW, [(h, self.fires(h)) for h in self.of("allow")]),
        ):
            hits = [(hit, formula) for hit, formula in rules if model.holds(formula)]
            if hits:
                return outcome, hits
        return Outcome.DENY, []


def verdict(encoder: Encoder, policy: CheckedPolicy, tool: str, moment: Moment) -> Verdict:
    """The enforced rules of ``policy`` about calls of ``tool``, at a moment."""
    rules = (r for r in policy.rules if not r.shadow and r.effect in ("allow", "deny", "escalate"))
    return Verdict(encoder, tuple(_hits(encoder, policy, tool, moment, rules)))


def _hits(
    encoder: Encoder, policy: CheckedPolicy, tool: str, moment: Moment, rules: Iterable[CheckedRule]
) -> Iterator[Hit]:
    for rule in rules:
        if tool in rule.conditions:
            node = rule.conditions[tool]
            condition = encoder.condition(node, moment)
            yield Hit(rule, condition, _softened(encoder, policy, node, condition, moment, rule))


def _softened(
    encoder: Encoder,
    policy: CheckedPolicy,
    node: ast.Expr,
    condition: Condition,
    moment: Moment,
    rule: CheckedRule,
) -> Formula:
    """The deny rule is E while a signal that it reads, declared ``missing: escalate``, is missing."""
    if rule.effect != "deny":
        return FALSE
    f = encoder.formulas
    missing = []
    for name in sorted(direct_signals(node)):
        if policy.signals[name].missing == "escalate":
            value = encoder.encode(ast.SignalValue(name, "value"), moment)
            assert isinstance(value, Amount)
            missing.append(f.neg(value.defined))
    return f.both(f.neg(condition.true), f.neg(condition.false), f.some(missing))
