from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.guard.decision import Outcome, Reason
from bartizan.integrations.replay import (
    Category,
    Proportion,
    ReplayedCall,
    ReplayedSession,
    Tally,
    read,
    replay,
)
from bartizan.integrations.replay.findings import EXAMPLES, Changes, Findings
from bartizan.integrations.replay.score import category, figures


def _call(
    outcome: Outcome = Outcome.ALLOW, state: Any = "executed", rule: str = "r", **truth: Any
) -> ReplayedCall:
    return ReplayedCall(0, "pay", {"to": "EVE"}, state, outcome, (Reason(rule, "deny"),), (), truth)


def _session(*calls: ReplayedCall, **meta: str) -> ReplayedSession:
    return ReplayedSession("s", {"suite": "bank", **meta}, "file:1", calls)


@pytest.mark.parametrize(
    ("meta", "call", "expected"),
    [
        ({"run_kind": "attack"}, _call(injected_role="goal"), Category.GOAL),
        ({"run_kind": "attack"}, _call(state="error", injected_role="goal"), Category.GOAL),
        ({"run_kind": "attack"}, _call(state="refused", injected_role="goal"), Category.GOAL),
        ({"run_kind": "attack"}, _call(state="text_only", injected_role="goal"), None),
        ({"run_kind": "attack"}, _call(injected_role="carry"), Category.CARRY),
        ({"run_kind": "attack"}, _call(injected_role="carry", label_collides=True), None),
        ({"run_kind": "attack"}, _call(), Category.BENIGN),
        ({"run_kind": "clean"}, _call(), Category.CLEAN),
        ({"run_kind": "injection_as_user"}, _call(), Category.REQUESTED),
        ({"verdict": "unsafe"}, _call(), Category.UNSAFE),
        ({"verdict": "none"}, _call(), Category.UNLABELLED),
        ({}, _call(), Category.UNLABELLED),
    ],
)
def test_categories(meta: dict[str, str], call: ReplayedCall, expected: Category | None) -> None:
    """A call's category follows from the kind of its run and its own labels."""
    assert category(_session(call, **meta), call) is expected


def test_wilsons_interval_is_the_textbooks() -> None:
    """The interval agrees with published values (Newcombe 1998, table I, method 3)."""
    for k, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert Proportion(k, n).interval == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_an_interval_holds_its_proportion(pair: tuple[int, int]) -> None:
    """The proportion lies in its interval, and the interval in [0, 1]."""
    figure = Proportion(*pair)
    low, high = figure.interval
    assert 0.0 <= low <= figure.value + 1e-12
    assert figure.value - 1e-12 <= high <= 1.0


def test_no_observations_say_nothing() -> None:
    """A proportion of nothing has no value and the widest interval."""
    assert math.isnan(Proportion(0, 0).value)
    assert Proportion(0, 0).interval == (0.0, 1.0)
    assert str(Proportion(0, 0)) == "none"


def test_figures_of_a_recording(transcripts: Path, program: Any) -> None:
    """Goal, clean and benign calls are counted, prose is not, and undefended runs can be picked out."""
    tally = Tally()
    for session in replay(read([transcripts]), {"*": lambda: program}):
        tally.add(session)
    found = figures(tally)
    assert found["goal_stopped"] == Proportion(1, 2)
    assert found["clean_denied"] == Proportion(1, 2)
    assert found["benign_escalated"] == Proportion(1, 3)
    assert (tally.total, tally.uncounted) == (8, 1)
    assert figures(tally, lambda key: key.answered)["goal_stopped"] == Proportion(1, 1)
    assert figures(tally, lambda key: key.defense != "none")["benign_denied"] == Proportion(0, 1)
    assert tally.sessions_with(Category.CLEAN, [Outcome.DENY]) == Proportion(1, 1)


def test_findings_keep_counts_and_a_few_examples() -> None:
    """Calls worth reading are grouped, counted, and shown by the first few; allowed ordinary calls are not."""
    findings = Findings()
    calls = [_call(rule="reads", injected_role="goal")] * (EXAMPLES + 4)
    findings.add(_session(*calls, _call(), run_kind="attack"))
    ((group, count),) = findings.groups.items()
    assert (group.category, group.outcome, group.tool, group.rules, count) == (
        Category.GOAL,
        Outcome.ALLOW,
        "pay",
        ("reads",),
        EXAMPLES + 4,
    )
    assert len(findings.examples[group]) == EXAMPLES
    assert findings.examples[group][0].arguments == '{"to":"EVE"}'
    assert findings.rules[("r", Category.BENIGN, Outcome.ALLOW)] == 1


def test_changes_are_grouped_by_rule() -> None:
    """Two replays of one session differ where an outcome differs; the rules before and after are named."""
    changes = Changes()
    old = _session(_call(rule="old"), _call(), run_kind="clean")
    new = _session(_call(Outcome.ESCALATE, rule="new"), _call(rule="other"), run_kind="clean")
    changes.add(old, new)
    ((change, count),) = changes.changed.items()
    assert (change.category, change.old, change.new, count) == (
        Category.CLEAN,
        Outcome.ALLOW,
        Outcome.ESCALATE,
        1,
    )
    assert (change.old_rules, change.new_rules) == (("old",), ("new",))
    assert (changes.total, changes.calls) == (1, 2)
