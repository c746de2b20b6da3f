"""Counterexamples happen: what a model says of a call, the real program does with it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bartizan.guard import Outcome
from bartizan.policies import Program, compile_policy, load_policy
from bartizan.policies.analysis.answers import Budget, Counterexample
from bartizan.policies.analysis.encode.decision import result_moment
from bartizan.policies.analysis.encode.expressions import Encoder, Moment
from bartizan.policies.analysis.encode.past import FreePast
from bartizan.policies.analysis.encode.symbols import Condition
from bartizan.policies.analysis.formula import Formula, Formulas, Model
from bartizan.policies.analysis.inquiry import Inquiry
from bartizan.policies.analysis.sequences.relevance import Happening
from bartizan.policies.analysis.sequences.search import Search
from bartizan.policies.analysis.sequences.trace import Trace
from bartizan.policies.analysis.solve import Solver
from bartizan.policies.analysis.witness.build import _Search, counterexample, violation
from bartizan.policies.analysis.witness.prediction import Mismatch, prediction
from bartizan.policies.analysis.witness.replay import stage
from bartizan.policies.casework import case_of, run_test
from bartizan.policies.document.append import Entry, new_file
from bartizan.policies.document.loading import plain
from bartizan.policies.document.source import parse_yaml
from bartizan.policies.evaluation.generators import SIGNALS, TOOLS, Generator
from bartizan.policies.evaluation.reference import evaluate
from bartizan.policies.language import ast
from bartizan.policies.language.types import Str, ToolDecl
from bartizan.policies.language.values import E
from bartizan.policies.policy import CheckedPolicy, CheckedRule
from bartizan.policies.provenance.normalise import compatible
from bartizan.policies.provenance.tokens import scan

ROOT = Path(__file__).parents[4]
SHIPPED = sorted(
    [*ROOT.glob("policies/bartizan/policies/library/**/*.yaml"), *ROOT.glob("examples/**/policies/*.yaml")]
)


def outcomes(f: Formulas, condition: Condition) -> dict[Any, Formula]:
    """When a condition is T, F and E."""
    return {
        True: condition.true,
        False: condition.false,
        E: f.neg(f.either(condition.true, condition.false)),
    }


def witness(program: Program, inquiry: Inquiry, wanted: Formula) -> Counterexample | None:
    found = inquiry.check(wanted)
    return counterexample(program, inquiry, found, wanted) if isinstance(found, Model) else None


@pytest.mark.parametrize("chunk", range(4))
def test_models_of_random_conditions_happen(chunk: int) -> None:
    """For generated conditions, a call where it is T, F, E is found, and there the evaluator says so."""
    concrete = assumed = 0
    for seed in range(chunk * 40, (chunk + 1) * 40):
        condition = Generator(random.Random(seed)).case().condition
        effect: Any = ("allow", "deny", "escalate")[seed % 3]
        rules = (CheckedRule("r", effect, {"pay": condition}), CheckedRule("all", "allow", {"pay": ast.TRUE}))
        program = Program(CheckedPolicy("random", TOOLS, SIGNALS, rules))
        inquiry = Inquiry((program.policy,), "pay", Budget())
        encoded = inquiry.encoder.condition(condition, inquiry.moment)
        for value, wanted in outcomes(inquiry.formulas, encoded).items():
            found = witness(program, inquiry, wanted)
            if found is None:
                continue
            assumed += bool(found.assumed)
            if not found.assumed:
                concrete += 1
                scope = stage(program, found.case).scope(program, TOOLS["pay"])
                assert evaluate(condition, scope) is value, f"seed {seed}"
                assert run_test(program, case_of(found.case)).passed, f"seed {seed}"
    assert concrete > 5 * assumed


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_rule_of_a_shipped_policy_has_a_call_that_shows_it(path: Path) -> None:
    """Each rule's T, F and E, and each outcome of each tool, replays; only histories and truncation are assumed."""
    program = load_policy(path)
    for tool in program.tools:
        inquiry = Inquiry((program.policy,), tool, Budget())
        side = inquiry.verdict(program.policy)
        wanted = [w for h in side.hits for w in outcomes(inquiry.formulas, h.condition).values()]
        for each in (*wanted, side.allowed(), side.escalated(), side.denies()):
            found = witness(program, inquiry, each)
            if found is not None and not found.assumed:
                assert run_test(program, case_of(found.case)).passed
            for sentence in found.assumed if found is not None else ():
                assert sentence.startswith("session.") or "dropped" in sentence, sentence


# --- provenance

ORIGINS = """
version: 1
name: origins
tools:
  act: {args: {x: str, y: str}}
  lookup: {args: {q: str}, result: {label: trusted}}
  browse: {args: {q: str}}
rules:
  - {id: act, allow: [act]}
"""
_QUESTIONS = ("from_user", "grounded", "from_untrusted", "carries_untrusted")


def _origin_policy(conditions: list[str]) -> Program:
    return compile_policy(ORIGINS + f"  - {{id: r, deny: [act], when: '{' && '.join(conditions)}'}}\n")


def _combinations() -> Iterator[list[bool]]:
    for bits in range(1 << len(_QUESTIONS)):
        yield [bool(bits >> i & 1) for i in range(len(_QUESTIONS))]


def test_every_combination_of_answers_that_there_is_is_shown_by_a_session() -> None:
    """Of one text, all answers that go together are realised; those that do not (said, and not grounded) are not."""
    shown = []
    for answers in _combinations():
        questions = [f"{'' if a else '!'}{q}(args.x)" for q, a in zip(_QUESTIONS, answers, strict=True)]
        program = _origin_policy(questions)
        inquiry = Inquiry((program.policy,), "act", Budget())
        (hit,) = inquiry.verdict(program.policy).of("deny")
        found = witness(program, inquiry, hit.condition.true)
        if found is not None and not found.assumed:
            assert found.outcome is Outcome.DENY and found.because == ("r",)
            shown.append(tuple(answers))
    possible = [
        (user, grounded, untrusted, carries)
        for user, grounded, untrusted, carries in _combinations()
        if (grounded or not user) and not (grounded and carries)
    ]
    assert sorted(shown) == sorted(possible)


def test_two_texts_get_answers_of_their_own() -> None:
    """A text that the user said and one that only a web page said are told apart, and so are two tools."""
    program = _origin_policy(
        [
            'from_user(args.x) && !from_untrusted(args.x) && !from_user(args.y) && from_tool(args.y, "browse")',
            '!from_tool(args.x, "lookup") && from_tool(args.y, "lookup")',
        ]
    )
    inquiry = Inquiry((program.policy,), "act", Budget())
    (hit,) = inquiry.verdict(program.policy).of("deny")
    found = witness(program, inquiry, hit.condition.true)
    assert found is not None and found.assumed == ()
    assert found.case["prompt"] == "Use: alice"
    assert found.case["call"]["args"] == {"x": "alice", "y": "bruno"}


def test_equal_texts_have_equal_origins() -> None:
    """No session is assumed in which one and the same text does and does not come from the user."""
    program = _origin_policy(["args.x == args.y && from_user(args.x) && !from_user(args.y)"])
    inquiry = Inquiry((program.policy,), "act", Budget())
    (hit,) = inquiry.verdict(program.policy).of("deny")
    found = inquiry.check(hit.condition.true)
    assert isinstance(found, Model)  # the encoder leaves them free; only a session shows that it cannot be
    with pytest.raises(Mismatch):
        counterexample(program, inquiry, found, hit.condition.true)


LIMITS = (
    ORIGINS.replace("rules:", "  pay: {args: {amount: dec(2)}}\nrules:")
    + "  - {id: pay, allow: [pay]}\n"
    + "  - {id: forgotten, escalate: [act], unless: from_user(args.x)}\n"
    + "  - id: often\n    deny: [act]\n"
    + '    when: session.count("act", within="1h") >= 2 && session.sum("pay", "amount", within="24h") > 7.50\n'
)


def test_what_session_operators_read_is_shown_by_a_history() -> None:
    """Calls that the policy lets go come before, and the limit is reached by them."""
    program = compile_policy(LIMITS)
    inquiry = Inquiry((program.policy,), "act", Budget())
    (often,) = inquiry.verdict(program.policy).of("deny")
    found = witness(program, inquiry, often.condition.true)
    assert found is not None and found.assumed == ()
    assert sorted(event["call"]["tool"] for event in found.case["history"]) == ["act", "act", "pay"]
    assert (found.outcome, found.because) == (Outcome.DENY, ("often",))
    assert run_test(program, case_of(found.case)).passed


def test_what_cannot_be_shown_is_assumed_and_replayed() -> None:
    """A dropped history and a full budget are said in words, and the real evaluator decides with them."""
    program = compile_policy(LIMITS)
    inquiry = Inquiry((program.policy,), "act", Budget())
    side = inquiry.verdict(program.policy)
    (often,), (forgotten,) = side.of("deny"), side.of("escalate")
    model = inquiry.check(often.condition.true)
    assert isinstance(model, Model)
    found = counterexample(program, inquiry, model, often.condition.true, lambda *_: None)
    assert (found.outcome, found.because) == (Outcome.DENY, ("often",))
    assert found.assumed == (
        'session.count("act", within="1h") is 2',
        'session.sum("pay", "amount", within="24h") is 7.51',
    )
    unknown = witness(program, inquiry, outcomes(inquiry.formulas, forgotten.condition)[E])
    assert unknown is not None and unknown.outcome is Outcome.ESCALATE
    assert unknown.assumed == ("from_user(args.x) is unknown, because the session has dropped events",)


def test_a_program_that_does_otherwise_is_a_loud_error() -> None:
    """If the evaluator and the model disagree (here: another policy is run), nobody is told a counterexample."""
    program = compile_policy(LIMITS)
    other = compile_policy(LIMITS.replace("allow: [act]", "deny: [act]"))
    inquiry = Inquiry((program.policy,), "act", Budget())
    side = inquiry.verdict(program.policy)
    model = inquiry.check(side.allowed())
    assert isinstance(model, Model)
    search = _Search(other, inquiry, side.allowed(), prediction(inquiry, program.policy))
    with pytest.raises(Mismatch, match=r"expected .*ALLOW.* found .*DENY"):
        search.run(model, lambda *_: None)


def test_a_violating_session_is_replayed_call_by_call() -> None:
    """Calls found by a search are decided in turn, let go, and so is the last; the case is a test that passes."""
    program = compile_policy(LIMITS)
    search = Search(program.policy, ["act"], Budget(), happenings=[Happening("call", "pay")])
    found = search.run(lambda _, option: option.verdict.denies(), 4)  # type: ignore[union-attr]
    assert isinstance(found, Trace)
    shown = violation(program, found)
    assert shown.outcome is Outcome.DENY and len(shown.case["history"]) == 3
    if not shown.assumed:
        assert run_test(program, case_of(shown.case)).passed


# --- results


@dataclass
class Results:
    """A question about results of one tool."""

    decl: ToolDecl
    encoder: Encoder
    moment: Moment
    solver: Solver

    @property
    def formulas(self) -> Formulas:
        return self.encoder.formulas

    def check(self, *assumptions: Formula, effort: float = 1.0) -> Any:
        for fact in self.encoder.new_facts():
            self.solver.add(fact)
        return self.solver.check(*assumptions, effort=effort)


def test_results_are_inspected_by_the_real_program() -> None:
    """What a redact rule hides and a label rule trusts is shown by a result, with what becomes of it."""
    program = compile_policy(
        ORIGINS
        + """  - {id: hide, redact: [browse], when: 'result.text.matches("[A-Z]{2}[0-9]{6}") && args.q == "x"'}
  - {id: trust, label: [browse], as: trusted, when: from_user(result.text) && !result.is_error}
"""
    )
    encoder = Encoder(Formulas())
    tool = program.tools["browse"]
    moment = result_moment(encoder, tool, program.tools, FreePast())
    question = Results(tool, encoder, moment, Solver(encoder.formulas))
    hide, trust = (encoder.condition(r.conditions["browse"], moment) for r in program.policy.rules[1:])
    found = {}
    for name, wanted in (("hide", hide.true), ("trust", trust.true)):
        model = question.check(wanted)
        assert isinstance(model, Model)
        found[name] = counterexample(program, question, model, wanted)
        assert found[name].assumed == () and run_test(program, case_of(found[name].case)).passed
    assert found["hide"].because == ("hide",) and "[" in found["hide"].case["expect"]["text"]
    assert found["trust"].because == ("trust",)
    assert found["trust"].case["expect"] == {"text": "alice", "label": "trusted"}


# --- readability


def test_counterexamples_are_short_and_always_the_same() -> None:
    """Absent optional fields, small numbers, nobody in particular, no time; and the same twice."""
    text = """
version: 1
name: plain
tools:
  pay: {args: {to: str, amount: dec(2), "memo?": str, at: time, every: duration, kind: "enum(once, often)"}}
rules:
  - {id: pay, allow: [pay], when: 'args.amount > 9.99 && args.to.matches("^[A-Z]{2}[0-9]+$")'}
"""
    program = compile_policy(text)
    cases = []
    for _ in range(2):
        inquiry = Inquiry((program.policy,), "pay", Budget())
        found = witness(program, inquiry, inquiry.verdict(program.policy).allowed())
        assert found is not None
        cases.append(found.case)
    assert cases[0] == cases[1]
    args = cases[0]["call"]["args"]
    assert args == {
        "to": args["to"],
        "amount": 10,
        "at": "2026-01-01T12:00:00Z",
        "every": "1s",
        "kind": "once",
    }
    assert len(args["to"]) == 3 and set(cases[0]) == {"call", "expect", "because"}


# --- hostile texts

TEXT = Str()
HOSTILE = (
    "", " ", "'", '"', "\\", "\n", "\r\n", "\t", "\x00", "\x1b[31m", "\x85", "\u2028", "\ufeff", "\\u{41}", "\\u0041",
    "\U00030000", "\U0010ffff", "no", "~", "null", "010", "1e3", "12:30", "- a", "{a: b}", "# c", "&a", "*a", "!!str",
    "| x", "> y", "%YAML", "---", "a: b", "'\"'\"", "$(rm)", "e\u0301", "\u202e",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_hostile_texts_survive_into_a_test_case(text: str) -> None:
    """A text that a rule demands stands in the case (said by the user, if it has words), and the case passes."""
    x = ast.Input(("args", "x"), TEXT)
    node: ast.Expr = ast.Compare("==", x, ast.Const(text, TEXT))
    if scan(compatible(text)):
        node = ast.And(node, ast.Provenance("from_user", x))
    rule = CheckedRule("r", "deny", {"act": node})
    program = Program(CheckedPolicy("hostile", _origin_policy(["true"]).tools, {}, (rule,)))
    inquiry = Inquiry((program.policy,), "act", Budget())
    (hit,) = inquiry.verdict(program.policy).of("deny")
    found = witness(program, inquiry, hit.condition.true)
    assert found is not None and found.assumed == ()
    assert found.case["call"]["args"]["x"] == text
    assert run_test(program, case_of(found.case)).passed
    written = new_file("tests.yaml", [Entry(dict(found.case), text)])
    (read,) = plain(parse_yaml(written))["tests"]
    assert read["call"]["args"]["x"] == text
    assert run_test(program, case_of(read)).passed


@given(st.text(max_size=30))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_text_survives_into_a_test_case(text: str) -> None:
    """The same for texts that hypothesis makes up."""
    test_hostile_texts_survive_into_a_test_case(text)
