"""What the analyses read of a document: reasons, places, invariants with their text, p-values in tests."""

from __future__ import annotations

from bartizan.guard import Outcome
from bartizan.policies import Program, check_policy, compile_policy, load_case, prepare, run_tests
from bartizan.policies.analysis.catalogue import CODES
from bartizan.policies.casework import expectation
from bartizan.policies.diagnostics import Source
from bartizan.policies.document.fields import JUSTIFIABLE
from bartizan.policies.language.syntax import Span

POLICY = """\
version: 1
name: x
tools:
  send:
    args: {to: str, "memo?": str}
    justified: {unconstrained: "any memo will do"}
  read: {args: {}}
signals:
  odd: {on: call, monitor: m}
rules:
  - {id: all, allow: [send], when: p_value("odd") >= 0.05}
  - id: ask
    escalate: [send]
    when: args.to == "x"
    justified:
      shadowed: kept as a second line of defence
invariants:
  - never: allowed(send) && args.to == "x"
  - possible: allowed(send) && args.to == "y"
  - always-within: {tool: send, window: 1h, at-most: 3}
"""


def text_at(source: Source | None, span: Span) -> str:
    assert source is not None
    return source.text[span.start : span.end]


def test_reasons_and_places_are_carried() -> None:
    """Rules and tools carry their reasons with the place of each, tools also the places of their arguments."""
    policy = check_policy(Source("p.yaml", POLICY))
    ask = policy.rules[1]
    assert {code: given.reason for code, given in ask.justified.items()} == {
        "shadowed": "kept as a second line of defence"
    }
    assert text_at(ask.source, ask.justified["shadowed"].span) == "shadowed"
    send = policy.declarations["send"]
    assert text_at(send.source, send.span) == "send"
    assert send.justified["unconstrained"].reason == "any memo will do"
    assert {name: text_at(send.source, span) for name, span in send.arguments.items()} == {
        "to": "to",
        "memo": '"memo?"',
    }
    assert policy.source is not None


def test_reasons_are_no_part_of_the_hash() -> None:
    """A reason changes no decision, so it does not make another policy."""
    without = POLICY.replace("    justified:\n      shadowed: kept as a second line of defence\n", "")
    without = without.replace('    justified: {unconstrained: "any memo will do"}\n', "")
    assert "justified" not in without
    assert compile_policy(POLICY).hash == compile_policy(without).hash
    assert check_policy(Source("a", POLICY)) == check_policy(Source("a", without))


def test_invariants_know_where_they_stand() -> None:
    """Each invariant has its text, whatever its kind; a sum that is left out counts calls."""
    policy = check_policy(Source("p.yaml", POLICY))
    never, possible, within = policy.invariants
    assert never.written == 'never: allowed(send) && args.to == "x"'
    assert (possible.kind, list(possible.conditions)) == ("possible", ["send"])
    assert within.parameters == {"tool": "send", "sum": None, "window": 3_600_000_000, "at-most": 3}
    assert text_at(within.source, within.span).startswith("always-within: {tool: send")


def test_invariants_of_before_have_the_hash_of_before() -> None:
    """The kinds that existed are hashed as they were."""
    text = "version: 1\nname: x\ntools: {t: {args: {n: int}}}\ninvariants:\n"
    text += "  - never: allowed(t) && args.n > 5\n"
    text += "  - always-within: {tool: t, sum: n, window: 1h, at-most: 5}\n"
    assert compile_policy(text).hash == "ecc9ca4e31d9a3551dc3a9337de6530937d997c27551112b5b184e23a3a52ff9"


def test_the_codes_that_may_be_justified_exist() -> None:
    """Every justifiable code is in the catalogue; what stays open, goes stale or is refuted cannot be justified."""
    others = {"stale-justification", "unknown", "refuted", "newly-allowed", "newly-denied"}
    assert set(JUSTIFIABLE) == set(CODES) - others


def test_p_values_in_tests() -> None:
    """A test may give a signal's p-value; what it leaves out stays uncalibrated, hence E."""
    program = compile_policy(
        POLICY
        + """\
tests:
  - {call: {tool: send, args: {to: a}}, signals: {odd: {value: 0.5, p_value: 0.05}}, expect: allow}
  - {call: {tool: send, args: {to: a}}, signals: {odd: {value: missing, p_value: 0.01}}, expect: deny}
  - {call: {tool: send, args: {to: a}}, signals: {odd: {value: 0.5, p_value: missing}}, expect: deny}
  - {call: {tool: send, args: {to: a}}, signals: {odd: {value: 0.5}}, expect: deny}
  - {call: {tool: send, args: {to: a}}, signals: {odd: 0.5}, expect: deny}
  - call: {tool: send, args: {to: a}}
    history: [{prompt: hello, signals: {odd: {value: 0.5, p_value: 0.5}}}]
    signals: {odd: missing}
    expect: deny
"""
    )
    assert [result.passed for result in run_tests(program)] == [True] * 6
    request, _ = prepare(program, program.policy.tests[0])
    assert (request.signals["odd"].value, request.signals["odd"].p_value) == (0.5, 0.05)


def test_what_a_case_must_expect() -> None:
    """The expectation of a case is what the program answers, for calls and for results."""
    program = Program(check_policy(Source("p.yaml", POLICY)))
    call = load_case(Source("c", "call: {tool: send, args: {to: x}}"))
    assert program.decide(*prepare(program, call)).outcome is Outcome.ESCALATE
    assert expectation(program, call) == {"expect": "escalate", "because": ["ask"]}
    result = load_case(Source("c", "result: {tool: read, text: hello}"))
    assert expectation(program, result) == {"expect": {"text": "hello", "label": "untrusted"}}
