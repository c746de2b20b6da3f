from __future__ import annotations

from dataclasses import replace

from bartizan.integrations.agentdojo.records import Outcome, Run, Step
from bartizan.integrations.agentdojo.tally import compare, comparison, share, tally

BASE = Run(
    suite="banking", user_task="user_task_0", injection_task=None, attack=None, policy=None, prompt="p", goal="",
    completed=True, reached=None, steps=(), asked=0, granted=0, refused=0, seconds=0.1,
)  # fmt: skip


def step(role: str, outcome: Outcome, ran: bool) -> Step:
    return Step(f"{role}-0", role, "pay", {}, outcome, ran)  # type: ignore[arg-type]


def attacked(*steps: Step, reached: bool = False, policy: str | None = "p", asked: int = 0) -> Run:
    return replace(BASE, attack="split", injection_task="injection_task_1", steps=steps, reached=reached,
                   policy=policy, asked=asked, refused=asked)  # fmt: skip


def test_calls_are_counted_by_whose_they_are_and_what_became_of_them() -> None:
    """Each proposed call is counted once: the user's, and the attacker's by outcome."""
    figures = tally([
        attacked(step("user", "denied", False), step("injected", "denied", False), step("injected", "allowed", True)),
        attacked(step("injected", "refused", False), asked=1),
        attacked(),
    ])  # fmt: skip
    assert (figures.runs, figures.obeyed, figures.calls, figures.injected) == (3, 2, 4, 3)
    assert (figures.injected_denied, figures.injected_refused, figures.injected_ran) == (1, 1, 1)
    assert (figures.user_denied, figures.asked, figures.unasked) == (1, 1, 2)


def test_a_tool_that_ran_undecided_is_a_bypass() -> None:
    """A call that was denied, or not approved, and ran all the same is counted as unmediated."""
    figures = tally([attacked(step("user", "denied", True), step("injected", "refused", True))])
    assert figures.unmediated == 2


def test_comparisons_pair_the_same_runs() -> None:
    """Guarded and unguarded runs of one suite and attack stand side by side; a missing side is None."""
    rows = compare([attacked(reached=True, policy=None), attacked(), BASE])
    assert [(row.suite, row.attack) for row in rows] == [("banking", "split"), ("banking", None)]
    both, benign = rows
    assert both.without is not None
    assert both.guarded is not None
    assert (both.without.reached, both.guarded.reached) == (1, 0)
    assert benign.guarded is None
    assert benign.either.runs == 1


def test_a_comparison_prefers_the_guarded_side() -> None:
    """``either`` is the guarded side where there is one."""
    row = comparison("banking", "split", [attacked(reached=True, policy=None), attacked()])
    assert row.either is row.guarded


def test_shares_of_nothing_are_no_figure() -> None:
    """A share of zero runs is shown as a dash, not as 0%."""
    assert (share(1, 8), share(0, 0)) == ("12.5%", "–")
