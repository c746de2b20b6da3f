"""Proofs about stages: of the shipped examples, of a planted fault, and against graphs that are searched by hand."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.policies.stages import policies

from bartizan.guard import Outcome
from bartizan.policies import Program, compile_policy, load_policy
from bartizan.policies.analysis import lint, prove
from bartizan.policies.analysis.answers import Budget, Proved, Refuted
from bartizan.policies.analysis.checks.stages import about_stages
from bartizan.policies.analysis.findings import Options, exit_code
from bartizan.policies.analysis.justifications import apply_justifications
from bartizan.policies.analysis.sequences.established import establish
from bartizan.policies.casework import case_of, run_test, run_tests
from bartizan.policies.policy import CheckedPolicy
from bartizan.policies.stages.draw import as_mermaid, as_text

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples/stages"
HERE = Options(isolated=False)
ORDER = ("mail", "release")


@pytest.mark.parametrize("name", ORDER)
def test_the_examples_hold(name: str) -> None:
    """Their tests pass, lint has nothing but notes, and every invariant is proved."""
    program = load_policy(EXAMPLES / f"{name}.yaml")
    assert [result for result in run_tests(program) if not result.passed] == []
    assert exit_code(apply_justifications(lint(program.policy, HERE), program.policy)) == 0
    proofs = list(prove(program.policy, HERE))
    assert proofs and all(isinstance(proof.answer, Proved) for proof in proofs), proofs


def test_the_page_shows_the_example() -> None:
    """The diagram of the documentation is the one that is drawn, and its stages are those of the file."""
    page = (ROOT / "docs/stages.md").read_text("utf-8")
    stages = load_policy(EXAMPLES / "mail.yaml").policy.stages
    assert stages is not None
    assert f"```mermaid\n{as_mermaid(stages)}\n```" in page
    said = page.split("```yaml\n")[1].split("\nrules:")[0]
    assert said in (EXAMPLES / "mail.yaml").read_text("utf-8")


def test_a_drawing_names_everything() -> None:
    """Every stage, duration and transition is in the text; Mermaid's own characters are written as numbers."""
    policy = policies.mail()
    assert policy.stages is not None
    text = as_text(policy.stages)
    assert "active (initial)" in text and "closed (final): nothing" in text and "  after 1d -> active" in text
    assert '  result read_file when result.text.contains("STOP") -> closed' in text
    drawn = as_mermaid(policy.stages)
    assert "contains(#34;STOP#34;)" in drawn and "s4 --> [*]" in drawn
    assert all(line.count(":") <= 1 for line in drawn.splitlines())


def test_a_refuted_invariant_comes_with_the_denials_that_break_it() -> None:
    """Without the rule of probation a mail goes there: the session has a denied call, and is a test that passes."""
    policy = policies.mail(
        ("  - {id: careful, escalate: [send_mail], in: [probation]}\n", ""),
        more='invariants: [{never: allowed(send_mail) && session.stage("probation")}]\n',
    )
    [proof] = prove(policy, HERE)
    assert isinstance(proof.answer, Refuted) and proof.answer.counterexample is not None
    case = proof.answer.counterexample.case
    assert any("denied" in event for event in case["history"]), case
    assert proof.answer.counterexample.outcome is Outcome.ALLOW
    assert run_test(Program(policy), case_of(case)).passed


def test_a_permanent_sanction_is_permanent() -> None:
    """Nothing goes after the final stage was entered, whatever happens and however long it takes."""
    more = "invariants: [{never: 'session.since(true, session.stage(\"closed\"))'}]\n"
    [proof] = prove(policies.mail(more=more), HERE)
    assert isinstance(proof.answer, Proved), proof.answer


GRAPH = """
version: 1
name: graph
tools:
  go: {{args: {{n: int}}, effect: read}}
  stop: {{args: {{n: int}}, effect: read}}
stages:
  initial: s0
  states: {{{states}}}
  transitions:
{transitions}
rules:
  - {{id: goes, allow: [go]}}
  - {{id: stops, deny: [stop]}}
invariants:
{invariants}
"""


NEVER = ("on: call, tools: [stop]", "on: denied, tools: [go]")  # one is always denied, the other never
EVENTS = (
    "on: call, tools: [go]",
    "on: denied, tools: [stop]",
    "on: prompt",
    "on: text",
    "on: result, tools: [go]",
    *NEVER,
)


def graph(seed: int) -> tuple[CheckedPolicy, set[str], set[str]]:
    """A policy with a random graph, the stages that a path leads to, and all of them."""
    rng = random.Random(seed)
    names = [f"s{i}" for i in range(6)]
    timed = {"s1": "s2"} if rng.random() < 0.5 else {}
    edges: list[tuple[str, str, str]] = []
    for _ in range(rng.randint(3, 6)):
        edge = rng.choice(EVENTS)
        edges.append((rng.choice(names), edge, rng.choice(names)))
    reached, waiting = {"s0"}, ["s0"]
    while waiting:
        here = waiting.pop()
        following = {to for source, event, to in edges if source == here and event not in NEVER}
        following |= {timed[here]} if here in timed else set()
        waiting += sorted(following - reached)
        reached |= following
    states = ", ".join(f"{n}: {{for: 1h, then: {timed[n]}}}" if n in timed else f"{n}: {{}}" for n in names)
    transitions = "\n".join(f"    - {{from: [{source}], {event}, to: {to}}}" for source, event, to in edges)
    invariants = "\n".join(f"  - possible: 'allowed(go) && session.stage(\"{name}\")'" for name in names)
    text = GRAPH.format(states=states, transitions=transitions, invariants=invariants)
    return compile_policy(text).policy, reached, set(names)


@pytest.mark.parametrize("seed", range(12))
def test_the_stages_that_are_reached_are_those_of_the_graph(seed: int) -> None:
    """What is proved unreachable is what no path of the graph leads to, and no more."""
    policy, reached, names = graph(seed)
    assert policy.stages is not None
    facts = establish(policy, Budget(), about_stages(policy))
    assert {stage for _, stage in facts.impossible} == names - reached


@pytest.mark.parametrize("seed", range(4))
def test_a_session_is_found_for_each_stage_that_is_reached(seed: int) -> None:
    """``possible`` has a session, which is replayed, for every stage that a path leads to (or leaves in doubt)."""
    policy, reached, _ = graph(seed)
    for proof in prove(policy, HERE):
        name = proof.claim.split('"')[1]
        if isinstance(proof.answer, Proved):
            assert name in reached
        else:
            assert name not in reached or _overlaps(policy)


def _overlaps(policy: CheckedPolicy) -> bool:
    return any(finding.code == "stage-overlap" for finding in lint(policy, HERE))


def test_a_long_ladder_is_settled_step_by_step() -> None:
    """Twenty stages that end one after the other: all are reached, and the stage is never in doubt."""
    n = 20
    states = "\n".join(f"    s{i}: {{only: [go], for: {i}h, then: s{i - 1}}}" for i in range(1, n))
    moves = "\n".join(
        f"    - {{from: [s{i}], on: denied, tools: [stop], to: s{i + 1}}}" for i in range(n - 1)
    )
    text = GRAPH.format(states="s0: {}", transitions=moves, invariants="").replace("invariants:\n", "")
    policy = compile_policy(text.replace("  states: {s0: {}}", f"  states:\n    s0: {{}}\n{states}")).policy
    assert policy.stages is not None
    facts = establish(policy, Budget(), about_stages(policy))
    assert facts.impossible == frozenset() and facts.certain == {policy.stages.machine.id}
