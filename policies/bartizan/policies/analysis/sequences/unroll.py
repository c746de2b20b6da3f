"""Sessions, event by event: which may happen next, and what the registers are then.

A call happens if the policy lets it go, an approval given where one is asked for; otherwise it is denied, which is
an event to stages only. A result answers a call that went
before and has no result yet, with that call's arguments; its label is what the tool's declaration and the label
rules say. Prompts and texts happen at any time. Times do not decrease. What monitors measure, where values come
from, who asks and what results say is free.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ...language import ast
from ...policy import CheckedPolicy
from ..encode.decision import Verdict, call_moment, event_moment, result_moment, verdict
from ..encode.expressions import Encoder, Moment
from ..encode.inputs import EARLIEST, LATEST
from ..encode.past import Established
from ..encode.room import room_for
from ..encode.symbols import Amount, Condition, Elements, Fields, Opaque, String, Symbol
from ..formula import FALSE, TRUE, Formula, Formulas, Number
from .past import Registers
from .relevance import Happening, Kind, Relevance, conditions_of


@dataclass(frozen=True, slots=True, eq=False)
class Option:
    """An event that may be the one at a step.

    Attributes:
        happens: it is.
        moment: what it looks like: for a call, both the decision about it and the event.
        verdict: of a call, what the policy makes of it.
        answers: of a result, for each earlier step with such a call, that it is the call that this answers. Empty
            where the arguments do not matter: then it is the oldest call without a result.
    """

    happening: Happening
    happens: Formula
    moment: Moment
    verdict: Verdict | None = None
    answers: tuple[tuple[int, Formula], ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One event: exactly one of the options. ``registers`` are those before it."""

    index: int
    time: Number
    registers: Registers
    options: tuple[Option, ...]

    def option(self, kind: Kind, tool: str | None) -> Option:
        return next(o for o in self.options if o.happening == Happening(kind, tool))

    def calls(self) -> Iterator[Option]:
        return (option for option in self.options if option.happening.kind == "call")


class Unrolling:
    """Sessions of one policy, made longer one step at a time.

    Args:
        policy: whose registers there are, and whose rules let calls go.
        relevance: which registers and events matter.
        encoder: makes the symbols; it is told the facts, among them that the steps are possible.
        established: what is known of all sessions. The steps then follow any session; without, they are its start.
        approvals: whether calls that ask for an approval are let go.
        seen: whether what precedes the first of any steps is told as it is at the time of that step, not as it was
            left by the event before.

    Attributes:
        steps: the steps so far. Nothing says yet which option happens at the last one.
        start: whether the first step is the first of the session.
    """

    def __init__(
        self,
        policy: CheckedPolicy,
        relevance: Relevance,
        encoder: Encoder,
        established: Established | None = None,
        approvals: bool = True,
        seen: bool = True,
    ) -> None:
        self.policy = policy
        self.relevance = relevance
        self.encoder = encoder
        self.steps: list[Step] = []
        self.start = established is None
        self.approvals = approvals
        self.seen = seen
        if established is None:
            self.registers = Registers.initial(relevance.registers, encoder)
        else:
            self.registers = Registers.anywhere(relevance.registers, encoder, established)

    def extend(self) -> Step:
        """One more step: some event, any of those that matter."""
        f = self.encoder.formulas
        if self.steps:
            last = self.steps[-1]
            events = [(o.happening, o.happens, o.moment) for o in last.options]
            self.registers = self.registers.after(events, last.time)
        index = len(self.steps) + 1
        time = f.whole(f"{index} now")
        self.encoder.fact(f.between(EARLIEST, time, LATEST))
        if self.steps:
            self.encoder.fact(f.at_most(self.steps[-1].time, time))
        elif not self.start and self.seen:
            self.registers = self.registers.as_seen(time, self.encoder)
        options = tuple(self._option(index, time, each) for each in self.relevance.happenings)
        for number, option in enumerate(options):
            for other in options[:number]:
                self.encoder.fact(f.neg(f.both(option.happens, other.happens)))
        self.steps.append(Step(index, time, self.registers, options))
        return self.steps[-1]

    def settle(self) -> None:
        """Something happens at the last step: the session goes on from there."""
        self.encoder.fact(self.encoder.formulas.some(option.happens for option in self.steps[-1].options))

    # --- events

    def _option(self, index: int, time: Number, happening: Happening) -> Option:
        happens = self.encoder.formulas.flag(f"{index} is {happening}")
        name = f"{index} {happening}: "
        if happening.kind in ("call", "denied"):
            return self._call(happening, happens, name, time)
        if happening.kind == "result":
            return self._result(index, happening, happens, name, time)
        moment = self._event(happening, name, time)
        return Option(happening, happens, moment)

    def _event(self, happening: Happening, name: str, time: Number) -> Moment:
        match = ast.EventMatch(happening.kind, happening.tool)
        made = event_moment(self.encoder, match, self.policy.tools, self.policy.signals, self.registers, name)
        return replace(made, inputs={**made.inputs, "now": Amount(TRUE, time)})

    def _call(self, happening: Happening, happens: Formula, name: str, time: Number) -> Option:
        """The request and the event are one moment: same arguments, same session, same signals.

        A denied call is one that the policy does not let go, whoever would approve of it.
        """
        assert happening.tool is not None
        declared = self.policy.tools[happening.tool]
        event = self._event(happening, name, time)
        request = call_moment(self.encoder, declared, self.policy.tools, self.registers, name)
        moment = replace(event, inputs={**event.inputs, **request.inputs, "now": Amount(TRUE, time)})
        decided = verdict(self.encoder, self.policy, happening.tool, moment)
        moment.allowed = lambda tool: decided.allowed() if tool == happening.tool else FALSE
        f = self.encoder.formulas
        if happening.kind == "denied":
            moment.because = decided.denied_because
            self.encoder.fact(f.implies(happens, decided.denied()))
            return Option(happening, happens, moment, decided)
        self.encoder.fact(f.implies(happens, decided.let_go() if self.approvals else decided.allowed()))
        return Option(happening, happens, moment, decided)

    def _result(self, index: int, happening: Happening, happens: Formula, name: str, time: Number) -> Option:
        assert happening.tool is not None
        event = self._event(happening, name, time)
        answers: tuple[tuple[int, Formula], ...] = ()
        reads_arguments = self.relevance.reads_arguments(happening) or any(
            isinstance(inner, ast.Input) and inner.path[0] == "args"
            for condition in conditions_of(self.policy, happening)
            for inner in ast.walk(condition)
        )
        if self.start and reads_arguments and "args" in event.inputs:
            answers = self._answers(index, happening, happens)
            args = self._blended(answers, happening.tool)
            event = replace(
                event, inputs={**event.inputs, "args": args} if args is not None else event.inputs
            )
        elif self.start:
            self._unanswered(happening, happens)
        return Option(happening, happens, self._labelled(happening, event, name), None, answers)

    def _answers(self, index: int, happening: Happening, happens: Formula) -> tuple[tuple[int, Formula], ...]:
        """One flag for each earlier step: the result is that of the call there. Exactly one, if it happens."""
        f = self.encoder.formulas
        flags: list[tuple[int, Formula]] = []
        for step in self.steps:
            call = step.option("call", happening.tool)
            flag = f.flag(f"{index} {happening} answers {step.index}")
            self.encoder.fact(f.implies(flag, f.both(happens, call.happens)))
            for later in self.steps[step.index :]:
                earlier = dict(later.option("result", happening.tool).answers)[step.index]
                self.encoder.fact(f.neg(f.both(earlier, flag)))
            self.encoder.fact(f.all(f.neg(f.both(flag, other)) for _, other in flags))
            flags.append((step.index, flag))
        self.encoder.fact(f.implies(happens, f.some(flag for _, flag in flags)))
        return tuple(flags)

    def _unanswered(self, happening: Happening, happens: Formula) -> None:
        """There have been more calls than results."""
        f = self.encoder.formulas
        one, zero = f.constant(1), f.constant(0)

        def number(kind: Kind) -> Number:
            options = [step.option(kind, happening.tool) for step in self.steps]
            return f.plus(zero, *(f.pick(option.happens, one, zero) for option in options))

        self.encoder.fact(f.implies(happens, f.less(number("result"), number("call"))))

    def _blended(self, answers: tuple[tuple[int, Formula], ...], tool: str) -> Symbol | None:
        """The arguments of the call that a result answers."""
        choices = [
            (flag, self.steps[index - 1].option("call", tool).moment.inputs["args"])
            for index, flag in answers
        ]
        return _blend(self.encoder.formulas, choices) if choices else None

    def _labelled(self, happening: Happening, event: Moment, name: str) -> Moment:
        """The event with the label that the policy gives it; where something was redacted, its text is free."""
        assert happening.tool is not None
        f, tool = self.encoder.formulas, self.policy.tools[happening.tool]
        record = event.inputs["event"]
        assert isinstance(record, Fields)
        seen = self._inspected(happening, event, record, name)
        untrusted, trusted = [], []
        for rule in self.policy.rules:
            if rule.effect == "label" and not rule.shadow and happening.tool in rule.conditions:
                condition = self.encoder.condition(rule.conditions[happening.tool], seen)
                if rule.label == "untrusted":
                    untrusted.append(f.neg(condition.false))
                else:
                    trusted.append(condition.true)
        exceptions = {label for _, label in tool.exceptions}
        tainted = f.truth(tool.label == "untrusted")
        worst = f.either(
            f.some(untrusted), f.truth("untrusted" in exceptions), f.both(tainted, f.neg(f.some(trusted)))
        )
        codes = [f.constant(self.encoder.codes.of(label)) for label in ("untrusted", "trusted")]
        label = Amount(TRUE, f.pick(worst, codes[0], codes[1]))
        fields = Fields({**record.fields, "label": (TRUE, label)})
        inputs = {key: fields if symbol is record else symbol for key, symbol in event.inputs.items()}
        return replace(event, inputs=inputs)

    def _inspected(self, happening: Happening, event: Moment, record: Fields, name: str) -> Moment:
        """The result as the label and redact rules see it; its text is what is recorded, unless it is redacted."""
        assert happening.tool is not None
        f, tool = self.encoder.formulas, self.policy.tools[happening.tool]
        raw = result_moment(self.encoder, tool, self.policy.tools, event.past, f"{name}raw ")
        kept = {key: event.inputs[key] for key in ("args", "now") if key in event.inputs}
        made = raw.inputs["result"]
        assert isinstance(made, Fields)
        result = Fields({**made.fields, "is_error": record.fields["is_error"]})
        redact = [
            rule.conditions[happening.tool]
            for rule in self.policy.rules
            if rule.effect == "redact" and not rule.shadow and happening.tool in rule.conditions
        ]
        called = raw.name if redact else event.name
        seen = Moment(called, {**raw.inputs, **kept, "result": result}, event.past, None, event.signals)
        recorded, original = record.fields["text"][1], made.fields["text"][1]
        assert isinstance(recorded, String) and isinstance(original, String)
        redacted = f.some(f.neg(self.encoder.condition(condition, seen).false) for condition in redact)
        same = self.encoder.equal(recorded, original).true
        gone = f.both(f.neg(recorded.defined), f.neg(original.defined))
        self.encoder.fact(f.either(redacted, same, gone))
        return seen


def roomy_encoder(policy: CheckedPolicy, relevance: Relevance, questions: Iterable[ast.Expr]) -> Encoder:
    """An encoder with room in lists for all that sessions ask about them, the questions included."""
    expressions: list[ast.Expr] = [*relevance.registers.values(), *questions]
    for tool in sorted(policy.tools):
        expressions += conditions_of(policy, Happening("call", tool))
        expressions += conditions_of(policy, Happening("result", tool))
    return Encoder(Formulas(), room_for(expressions))


def _blend(f: Formulas, choices: list[tuple[Formula, Symbol]]) -> Symbol:
    """The symbol whose guard holds; E everywhere if none does."""
    guards = [guard for guard, _ in choices]
    symbols = [symbol for _, symbol in choices]

    def truth(parts: list[Formula]) -> Formula:
        return f.some(f.both(guard, part) for guard, part in zip(guards, parts, strict=True))

    def number(parts: list[Number]) -> Number:
        value = parts[0]
        for guard, part in list(zip(guards, parts, strict=True))[1:]:
            value = f.pick(guard, part, value)
        return value

    match symbols[0]:
        case Condition():
            conditions = [s for s in symbols if isinstance(s, Condition)]
            return Condition(truth([c.true for c in conditions]), truth([c.false for c in conditions]))
        case Amount():
            amounts = [s for s in symbols if isinstance(s, Amount)]
            return Amount(truth([a.defined for a in amounts]), number([a.number for a in amounts]))
        case String():
            texts = [s for s in symbols if isinstance(s, String)]
            leaves = [
                (f.both(guard, chosen), leaf)
                for guard, text in zip(guards, texts, strict=True)
                for chosen, leaf in text.leaves
            ]
            return String(truth([t.defined for t in texts]), tuple(leaves))
        case Elements():
            lists = [s for s in symbols if isinstance(s, Elements)]
            items = tuple(
                _blend(f, list(zip(guards, each, strict=True)))
                for each in zip(*(one.items for one in lists), strict=True)
            )
            length = number([one.length for one in lists])
            return Elements(truth([one.defined for one in lists]), length, items)
        case Fields(fields):
            records = [s for s in symbols if isinstance(s, Fields)]
            return Fields(
                {
                    name: (
                        truth([record.fields[name][0] for record in records]),
                        _blend(f, [(g, r.fields[name][1]) for g, r in zip(guards, records, strict=True)]),
                    )
                    for name in fields
                }
            )
        case Opaque():
            return symbols[0]
