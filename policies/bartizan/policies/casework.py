"""Runs a policy's own ``tests:``: a call or a result in a session, and what the policy must make of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any as Json

from pydantic import ValidationError

from bartizan.guard import (
    Decision,
    Event,
    Inspection,
    Missing,
    Outcome,
    Principal,
    Request,
    Session,
    Signal,
    ToolCall,
    canonical_json,
)

from .diagnostics import PolicyError, Source
from .document.loading import plain
from .document.model import (
    CallSpec,
    ExpectedCorrection,
    PastEvent,
    PrincipalSpec,
    Reading,
    ResultSpec,
    TestCase,
)
from .document.refusals import diagnostics
from .document.source import parse_yaml
from .history import Denial, begin, prompt, record, record_denied, record_result, result
from .language.values import parse_duration, parse_time
from .program import Program

DEFAULT_NOW = parse_time("2026-01-01T12:00:00+00:00")
_OUTCOMES = {"allow": Outcome.ALLOW, "escalate": Outcome.ESCALATE, "deny": Outcome.DENY}


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One test: its name, and for a failed one what was expected and what was found."""

    name: str
    passed: bool
    expected: str
    found: str


def run_tests(program: Program) -> Iterator[CaseResult]:
    """Every test of the policy, in order."""
    for index, case in enumerate(program.policy.tests):
        yield run_test(program, case, index)


def run_test(program: Program, case: TestCase, index: int = 0) -> CaseResult:
    subject = case.call or case.result
    assert subject is not None
    name = case.name or f"#{index + 1} {subject.tool}"
    made = fold(program, case)
    if made.let_go:
        return CaseResult(name, False, "its history", f"{', '.join(made.let_go)} in its history: not denied")
    if case.result is not None:
        return _result_test(case, program.inspect(event_of(case, made.now), made.session), name)
    request = request_of(case, made.now)
    if isinstance(case.expect, ExpectedCorrection):
        return _correction_test(case, program, request, made.session, name)
    return _call_test(case, program.decide(request, made.session), name)


def prepare(program: Program, case: TestCase) -> tuple[Request, Session]:
    """The request that a call test makes, and the session in which it makes it."""
    made = fold(program, case)
    return request_of(case, made.now), made.session


def prepare_result(program: Program, case: TestCase) -> tuple[Event, Session]:
    """The result that a result test inspects, and the session in which it comes."""
    made = fold(program, case)
    return event_of(case, made.now), made.session


def request_of(case: TestCase, now: int) -> Request:
    """The request of a call test."""
    assert case.call is not None
    call, principal = _call(case.call, "now"), _principal(case.principal)
    return Request(call, now, principal, _signals(case.signals), case.approved)


def event_of(case: TestCase, now: int) -> Event:
    """The result of a result test."""
    assert case.result is not None
    return _result(case.result, "now", now, _signals(case.signals))


def expectation(program: Program, case: TestCase) -> dict[str, Json]:
    """What ``expect`` (and ``because``) of a case must say for it to pass now."""
    if case.call is not None:
        decision = program.decide(*prepare(program, case))
        because = list(dict.fromkeys(reason.rule for reason in decision.reasons))
        return {"expect": decision.outcome.name.lower(), "because": because}
    assert case.result is not None
    seen = program.inspect(*prepare_result(program, case))
    return {"expect": {"text": seen.text, "label": seen.labels.default}}


def load_case(source: Source) -> TestCase:
    """A case in a file of its own: an entry of ``tests:``; ``expect`` may be left out.

    Raises :class:`PolicyError` with located diagnostics.
    """
    root = parse_yaml(source)
    document = plain(root)
    try:
        return TestCase.model_validate(_expecting(document) if isinstance(document, dict) else document)
    except ValidationError as error:
        raise PolicyError(source, diagnostics(error, TestCase, root)) from None


def case_of(case: Mapping[str, Json]) -> TestCase:
    """A case as JSON; ``expect`` may be left out. Raises pydantic's ``ValidationError``."""
    return TestCase.model_validate(_frozen(_expecting(case)))


def _expecting(case: Mapping[str, Json]) -> dict[str, Json]:
    """Something that a case of its kind may expect, where it does not say."""
    return {"expect": "allow" if "call" in case else {}, **case}


def _frozen(value: Json) -> Json:
    """Lists as tuples: what the loader of YAML makes of them."""
    if isinstance(value, Mapping):
        return {key: _frozen(item) for key, item in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _call_test(case: TestCase, decision: Decision, name: str) -> CaseResult:
    rules = tuple(reason.rule for reason in decision.reasons)
    passed = decision.outcome is _OUTCOMES[str(case.expect)]
    expected = str(case.expect)
    if case.because is not None:
        passed = passed and set(case.because) <= set(rules)
        expected += f" because {', '.join(case.because)}"
    return CaseResult(name, passed, expected, f"{decision.outcome.name.lower()} because {', '.join(rules)}")


def _correction_test(
    case: TestCase, program: Program, request: Request, session: Session, name: str
) -> CaseResult:
    """The solver's repair of a denied call: these arguments change to this, all others stay."""
    from .repair import SolverMissing, repair  # it brings the solver, which other tests do not need

    assert isinstance(case.expect, ExpectedCorrection)
    denial = _call_test(case.model_copy(update={"expect": "deny"}), program.decide(request, session), name)
    wanted, before = _plain(case.expect.corrected), request.call.arguments()
    args = {key: value for key, value in {**before, **wanted}.items() if wanted.get(key, ...) is not None}
    expected = f"{denial.expected}, corrected to {_shown(wanted)}"
    if not denial.passed:
        return CaseResult(name, False, expected, denial.found)
    try:
        repaired = repair(program, request, session)
    except SolverMissing as error:
        return CaseResult(name, False, expected, str(error))
    if repaired is None:
        return CaseResult(name, False, expected, f"{denial.found}, and no correction that is allowed")
    found = f"{denial.found}, corrected to {_shown(changes(before, repaired.call.arguments()))}"
    return CaseResult(name, repaired.call.arguments() == args, expected, found)


def changes(before: Mapping[str, Json], after: Mapping[str, Json]) -> dict[str, Json]:
    """The arguments that differ, as they are after an edit; None for one that was left out."""
    names = {**before, **after}
    return {name: after.get(name) for name in names if before.get(name, ...) != after.get(name, ...)}


def _shown(args: Mapping[str, Json]) -> str:
    return canonical_json(args).decode()


def _result_test(case: TestCase, seen: Inspection, name: str) -> CaseResult:
    wanted, found = [], []
    text, label = getattr(case.expect, "text", None), getattr(case.expect, "label", None)
    if text is not None:
        wanted.append(f"text {text!r}")
        found.append(f"text {seen.text!r}")
    if label is not None:
        wanted.append(f"label {label}")
        found.append(f"label {seen.labels.default}")
    return CaseResult(name, wanted == found, ", ".join(wanted), ", ".join(found))


@dataclass(frozen=True, slots=True)
class Folded:
    """The session of a test. ``let_go`` are tools of calls that its history says are denied, and are not."""

    now: int
    session: Session
    denials: tuple[Denial, ...] = ()
    let_go: tuple[str, ...] = ()


def fold(program: Program, case: TestCase) -> Folded:
    """The session so far: the prompt, then the history; what has no time happened just now."""
    now = parse_time(case.now) if case.now is not None else DEFAULT_NOW
    times = [now - parse_duration(e.at) if e.at is not None else now for e in case.history]
    session = begin(program)
    denials: list[Denial] = []
    let_go: list[str] = []
    if case.prompt is not None:
        session = record(program, session, prompt(case.prompt, min(times, default=now)))
    for index, (past, time) in enumerate(zip(case.history, times, strict=True)):
        if past.denied is None:
            session = _after(program, session, past, f"past-{index}", time)
            continue
        principal = _principal(past.principal or case.principal)
        request = Request(_call(past.denied, f"past-{index}"), time, principal, _signals(past.signals))
        noted = record_denied(program, session, request)
        if noted is None:
            let_go.append(past.denied.tool)
        else:
            session, denial = noted
            denials.append(denial)
    return Folded(now, session, tuple(denials), tuple(let_go))


def _principal(spec: PrincipalSpec | None) -> Principal:
    return Principal() if spec is None else Principal(spec.id, frozenset(spec.roles))


def _after(program: Program, session: Session, past: PastEvent, id: str, time: int) -> Session:
    signals = _signals(past.signals)
    if past.prompt is not None:
        return record(program, session, prompt(past.prompt, time, signals))
    if past.text is not None:
        return record(program, session, Event("text", time, past.text, signals=signals))
    if past.call is not None:
        return record(program, session, Event("call", time, call=_call(past.call, id), signals=signals))
    assert past.result is not None
    return record_result(program, session, _result(past.result, id, time, signals))


def _call(spec: CallSpec, id: str) -> ToolCall:
    return ToolCall.of(id, spec.tool, _plain(spec.args))


def _result(spec: ResultSpec, id: str, time: int, signals: dict[str, Signal]) -> Event:
    call = ToolCall.of(id, spec.tool, _plain(spec.args))
    return result(call, time, text=spec.text, value=_plain(spec.value), is_error=spec.error, signals=signals)


def _signals(values: Mapping[str, Json]) -> dict[str, Signal]:
    """Signals of a test; p-values that it does not give stay uncalibrated."""
    return {name: _signal(name, value) for name, value in values.items()}


def _signal(name: str, given: Json) -> Signal:
    if not isinstance(given, Reading):
        return Signal(name, _measured(given))
    if given.p_value is None:
        return Signal(name, _measured(given.value))
    return Signal(name, _measured(given.value), _measured(given.p_value))


def _measured(value: Json) -> float | Missing:
    return Missing("missing in the test") if value == "missing" else float(value)


def _plain(value: Json) -> Json:
    """JSON as a tool call carries it: lists for tuples, floats for decimals."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return float(value) if type(value).__name__ == "Decimal" else value
