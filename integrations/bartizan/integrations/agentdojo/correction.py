"""What correction saves on AgentDojo: the user's tasks with one mistake each, not guarded, blocked, and corrected.

``python -m bartizan.integrations.agentdojo.correction`` prints Markdown. With ``--attack`` it makes the attacked pairs
too, with corrections on: what an attacker's call that breaks a limit becomes must reach no goal either.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from .attacks import ATTACKS
from .jobs import Job, execute
from .records import Run, Step
from .runs import Setting, script_of
from .slips import SLIPS, Slip
from .suites import SUITES, load_suite
from .tables import say
from .tally import grouped, tally

POLICIES = Path("examples/agentdojo/policies")
MODES = ("off", "block", "correct")


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0; 1 if a tool ran that no decision had let go, or an attack reached its goal."""
    parser = argparse.ArgumentParser(prog="python -m bartizan.integrations.agentdojo.correction")
    parser.add_argument("--suite", action="append", choices=SUITES)
    parser.add_argument("--attack", action="append", choices=ATTACKS, default=[])
    parser.add_argument("--overreach", action="store_true", help="the attacker's calls break the limits, too")
    parser.add_argument("--policies", type=Path, default=POLICIES, help="a folder of <suite>-limits.yaml")
    parser.add_argument("--workers", type=int, default=min(os.cpu_count() or 1, 8))
    options = parser.parse_args(argv)
    suites = tuple(options.suite or SUITES)
    runs = [
        (slip, mode, run)
        for slip, mode, jobs in _plan(suites, options.policies)
        for run in execute(jobs, options.workers)
    ]
    say(slips_table(runs))
    say(tasks_list(runs))
    unharmed = [run for job_runs in _benign(suites, options) for run in job_runs]
    total = tally(unharmed)
    say(
        f"Without a mistake: {total.completed} of {total.runs} tasks done, {total.user_denied} denied calls.\n"
    )
    attacked = [run for attack in options.attack for run in _attacked(suites, attack, options)]
    if attacked:
        say(attacks_table(attacked))
    every = [run for _, _, run in runs] + unharmed + attacked
    return 1 if any(run.unmediated for run in every) or any(run.reached for run in attacked) else 0


def fitting(suite: str, slip: Slip) -> Iterator[str]:
    """The user tasks of a suite in whose calls the mistake can be made."""
    loaded = load_suite(suite)
    environment = loaded.load_and_inject_default_environment({})
    for name in loaded.user_task_ids():
        script = script_of(
            loaded, loaded.user_tasks[name], None, {}, environment.model_copy(deep=True), Setting()
        )
        if slip.fits(script.user):
            yield name


def slips_table(runs: Sequence[tuple[str, str, Run]]) -> str:
    rows = [
        "| mistake | tasks | done: off | block | correct | calls that break the policy: ran off | block | correct "
        "| corrected |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for slip, group in grouped(runs, lambda item: item[0]).items():
        by = {mode: [run for _, found, run in group if found == mode] for mode in MODES}
        denied = {key for run in by["block"] for key, step in _calls(run) if step.outcome == "denied"}
        done = " | ".join(str(sum(run.completed for run in by[mode])) for mode in MODES)
        ran = " | ".join(
            str(
                sum(
                    key in denied and step.ran and not step.corrected
                    for run in by[mode]
                    for key, step in _calls(run)
                )
            )
            for mode in MODES
        )
        corrected = sum(step.corrected for run in by["correct"] for step in run.steps)
        rows.append(f"| {slip} | {len(by['off'])} | {done} | {ran} | {corrected} |")
    return "\n".join(rows) + "\n"


def _calls(run: Run) -> Iterator[tuple[tuple[str, str], Step]]:
    return (((_place(run), step.call), step) for step in run.steps)


def tasks_list(runs: Sequence[tuple[str, str, Run]]) -> str:
    """By mistake: the tasks that correction saved, and those that it did not save."""
    lines = []
    for slip, group in grouped(runs, lambda item: item[0]).items():
        block = {_place(run): run.completed for _, mode, run in group if mode == "block"}
        correct = {_place(run): run.completed for _, mode, run in group if mode == "correct"}
        saved = [place for place, done in correct.items() if done and not block[place]]
        lost = [place for place, done in correct.items() if not done]
        lines.append(f"* {slip}: saved {', '.join(saved) or 'none'}; not done {', '.join(lost) or 'none'}")
    return "\n".join(lines) + "\n"


def attacks_table(runs: Sequence[Run]) -> str:
    rows = [
        "| suite | attack | pairs | reached | injected calls | ran | of these corrected | user's task done |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (suite, attack), group in grouped(runs, lambda run: (run.suite, run.attack)).items():
        found = tally(group)
        corrected = sum(step.corrected for run in group for step in run.injected)
        rows.append(
            f"| {suite} | {attack} | {found.runs} | {found.reached} | {found.injected} | {found.injected_ran} "
            f"| {corrected} | {found.completed} |"
        )
    return "\n".join(rows) + "\n"


def _plan(suites: Sequence[str], policies: Path) -> Iterator[tuple[str, str, list[Job]]]:
    for slip in SLIPS.values():
        tasks = [(suite, task) for suite in suites for task in fitting(suite, slip)]
        for mode in MODES:
            setting = Setting(slip=slip.name)
            yield (
                slip.name,
                mode,
                [
                    Job(
                        suite,
                        task,
                        None,
                        None if mode == "off" else _policy(policies, suite),
                        setting,
                        correct=mode == "correct",
                    )
                    for suite, task in tasks
                ],
            )


def _benign(suites: Sequence[str], options: argparse.Namespace) -> Iterator[list[Run]]:
    for suite in suites:
        policy = _policy(options.policies, suite)
        jobs = [Job(suite, task, None, policy, correct=True) for task in load_suite(suite).user_task_ids()]
        yield execute(jobs, options.workers)


def _attacked(suites: Sequence[str], attack: str, options: argparse.Namespace) -> list[Run]:
    setting = Setting(overreach=options.overreach)
    jobs = [
        Job(suite, task, attack, _policy(options.policies, suite), setting, correct=True)
        for suite in suites
        for task in load_suite(suite).user_task_ids()
    ]
    return execute(jobs, options.workers)


def _policy(folder: Path, suite: str) -> str:
    return str(folder / f"{suite}-limits.yaml")


def _place(run: Run) -> str:
    return f"{run.suite}/{run.user_task.removeprefix('user_task_')}"


if __name__ == "__main__":
    sys.exit(main())
