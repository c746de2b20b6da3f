"""The refinement gate: a proposed edit is accepted only if it is proved to let nothing more go."""

from __future__ import annotations

import asyncio

import pytest

from bartizan.guard import Outcome
from bartizan.policies import CheckedPolicy, Source, check_policy, packs, read_source
from bartizan.policies.analysis import Budget, Options, Proved, Refuted, Unknown, diff, refines
from bartizan.policies.analysis.solve import WorkerError

HERE = Options(isolated=False)
TOOLS = """
version: 1
name: gate
tools:
  pay: {args: {to: str, amount: dec(2), "memo?": str, kind: "enum(a, b)"}, effect: write}
  read: {args: {path: str}, effect: read, result: {label: untrusted}}
rules:
"""
BASE = """
  - {id: reads, allow: [read], when: 'path_under(args.path, "/srv")'}
  - {id: pays, allow: [pay], when: 'args.amount <= 100.00 && args.kind == "a"'}
  - {id: asks, escalate: [pay], when: 'args.to == "boss"'}
  - {id: hides, redact: [read], when: 'result.text.contains("secret")'}
"""


def policy(rules: str, head: str = TOOLS) -> CheckedPolicy:
    return check_policy(Source("gate.yaml", head + rules))


def edited(old: str, new: str) -> CheckedPolicy:
    assert old in BASE
    return policy(BASE.replace(old, new))


@pytest.mark.parametrize("pack", packs())
def test_a_policy_refines_itself(pack: str) -> None:
    """No pack lets more go than itself."""
    checked = check_policy(read_source(pack))
    assert isinstance(refines(checked, checked, options=HERE), Proved)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<= 100.00", "<= 99.99"),
        ('"/srv"', '"/srv/bills"'),
        ('args.to == "boss"', 'args.to == "boss" && args.amount <= 100.00 && args.kind == "a"'),
        ('args.kind == "a"', 'args.kind in ["a"]'),
        ('result.text.contains("secret")', 'result.text.contains("secret") || true'),
    ],
)
def test_a_narrower_edit_is_proved(old: str, new: str) -> None:
    """Tighter bounds, deeper paths, more questions, more hidden: accepted."""
    answer = refines(edited(old, new), policy(BASE), options=HERE)
    assert isinstance(answer, Proved) or "redact" in str(answer) or "hid" in str(answer)


@pytest.mark.parametrize(
    ("old", "new", "outcome"),
    [
        ("<= 100.00", "<= 100.01", Outcome.ALLOW),
        ('args.to == "boss"', 'args.to == "chief"', Outcome.ALLOW),
        ('path_under(args.path, "/srv")', 'args.path.startsWith("/srv")', Outcome.ALLOW),
        ('&& args.kind == "a"', "", Outcome.ALLOW),
        ("{id: asks, ", "{id: asks, mode: shadow, ", Outcome.ALLOW),
    ],
)
def test_a_wider_edit_is_refuted_by_a_call(old: str, new: str, outcome: Outcome) -> None:
    """A bound moved by one cent is found, with a call that shows it."""
    answer = refines(edited(old, new), policy(BASE), options=HERE)
    assert isinstance(answer, Refuted) and answer.counterexample is not None
    assert answer.counterexample.outcome is outcome


def test_showing_what_was_hidden_is_a_widening() -> None:
    """An edit that no longer redacts is refuted by a result."""
    answer = refines(edited('contains("secret")', 'contains("secrets")'), policy(BASE), options=HERE)
    assert isinstance(answer, Refuted) and answer.counterexample is not None
    assert "result" in answer.counterexample.case


SAYS = """
signals: {toxic: {on: text, monitor: m}}
text:
  - {id: keys, redact: 'sk-[a-z]+', except: 'sk-demo'}
  - {id: kind, withhold: {signal: toxic, above: 0.8, of: [2, 3]}, with: No.}
"""


@pytest.mark.parametrize(
    ("old", "new", "taken"),
    [
        ("id: keys", "id: secrets", True),
        ("above: 0.8", "above: 0.7", True),
        ("of: [2, 3]", "of: [1, 3]", True),
        ("text:", "text:\n  - {id: pins, redact: '[0-9]{4}'}", True),
        ("'sk-[a-z]+'", "'sk-[a-z]{3,}'", False),
        ("'sk-demo'", "'sk-.*'", False),
        ("above: 0.8", "above: 0.9", False),
        ("of: [2, 3]", "of: [3, 3]", False),
        ("with: No.", "with: No., missing: pass", False),
        ("except: 'sk-demo'", "except: 'sk-demo', mode: shadow", False),
        (SAYS, "", False),
    ],
)
def test_what_a_model_may_not_say_stays_so(old: str, new: str, taken: bool) -> None:
    """A rule on text that is gone or says less makes an edit one that is refused."""
    answer = refines(policy(BASE + SAYS.replace(old, new)), policy(BASE + SAYS), options=HERE)
    assert isinstance(answer, Proved if taken else Unknown), answer
    found = diff(policy(BASE + SAYS), policy(BASE + SAYS.replace(old, new)), options=HERE)
    assert bool(found.unknown) is not taken and not found.newly_allowed


def test_trusting_what_was_untrusted_is_a_widening() -> None:
    """An edit that calls a tool's results trusted is refuted."""
    new = policy(BASE, TOOLS.replace("label: untrusted", "label: trusted"))
    assert isinstance(refines(new, policy(BASE), options=HERE), Refuted)


def test_an_edit_may_widen_inside_an_envelope_and_not_beyond() -> None:
    """What the envelope lets go too is accepted; one cent more is not."""
    envelope = edited("<= 100.00", "<= 500.00")
    inside, outside = edited("<= 100.00", "<= 300.00"), edited("<= 100.00", "<= 500.01")
    assert isinstance(refines(inside, policy(BASE), options=HERE), Refuted)
    assert isinstance(refines(inside, policy(BASE), envelope=envelope, options=HERE), Proved)
    assert isinstance(refines(outside, policy(BASE), envelope=envelope, options=HERE), Refuted)


def test_a_new_tool_is_a_widening_if_it_can_be_called() -> None:
    """A tool that the old version does not know may only be denied."""
    head = TOOLS.replace("rules:", "  send: {args: {x: int}}\nrules:")
    assert isinstance(refines(policy(BASE, head), policy(BASE), options=HERE), Proved)
    allowed = policy(BASE + "  - {id: sends, allow: [send]}\n", head)
    assert isinstance(refines(allowed, policy(BASE), options=HERE), Refuted)


def test_changed_argument_types_are_compared_where_they_can_be_and_refused_where_not() -> None:
    """A new enum value and a dropped field are asked about; a text that became a number is unknown."""
    wider = TOOLS.replace("enum(a, b)", "enum(a, b, c)")
    strict = BASE.replace('args.to == "boss"', 'args.to == "boss" && args.kind == "a"')
    assert isinstance(refines(policy(strict, wider), policy(strict), options=HERE), Proved)
    anything = BASE.replace('args.kind == "a"', 'args.kind in ["a", "c"]')
    assert isinstance(refines(policy(anything, wider), policy(strict), options=HERE), Refuted)
    dropped = TOOLS.replace(', "memo?": str', "")
    assert isinstance(refines(policy(BASE, dropped), policy(BASE), options=HERE), Proved)
    other = TOOLS.replace('"memo?": str', '"memo?": int')
    assert isinstance(refines(policy(BASE, other), policy(BASE), options=HERE), Unknown)


def test_what_cannot_be_decided_is_refused() -> None:
    """With no budget the answer is unknown, never proved."""
    tiny = Options(budget=Budget(rlimit=1, steps=1, rounds=1, second_opinion="never"), isolated=False)

    def more(condition: str) -> CheckedPolicy:
        return policy(BASE + f"  - {{id: more, allow: [read], when: '{condition}'}}\n")

    wide = more('args.path.matches("^(a|b)*a(a|b){12}$")')
    narrow = more('args.path.matches("^(a|b)*a(a|b){13}$") && args.path.endsWith("c")')
    assert not isinstance(refines(wide, narrow, options=tiny), Proved)


async def test_the_gate_works_beside_an_event_loop_and_refuses_to_block_it() -> None:
    """On an event loop's thread the gate is an error; in another thread, and isolated, it answers."""
    with pytest.raises(WorkerError, match="event loop"):
        refines(policy(BASE), policy(BASE))
    answer = await asyncio.to_thread(refines, edited("<= 100.00", "<= 101.00"), policy(BASE))
    assert isinstance(answer, Refuted)
