"""The evaluation's command line: which runs to make and what to write. ``bartizan demo`` calls :func:`main`."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bartizan.policies import PolicyError

from .attacks import ATTACKS, DEFAULT_ATTACK
from .jobs import Job, execute, program_for, repeat
from .records import Run
from .report import render
from .runs import Setting
from .showcase import choose
from .suites import BENCHMARK, SUITES, load_suite
from .tables import attack_table, benign_table

POLICIES = Path("examples/agentdojo/policies")
REPORTS = Path("reports/agentdojo")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the evaluation.

    Returns 0; 1 if a tool ran that no decision had let go; 2 if a policy cannot be loaded.
    """
    options = _parser().parse_args(argv)
    console = Console()
    suites = SUITES if options.all else tuple(options.suite or ("banking",))
    policies = {suite: options.policy or str(options.policies / f"{suite}.yaml") for suite in suites}
    names: dict[str, str] = {}
    if not options.unguarded:
        try:
            programs = {suite: program_for(suite, policy) for suite, policy in policies.items()}
        except PolicyError as error:
            return _give_up(str(error))
        except OSError as error:
            where = "run this in the repository, or say where the policies are with --policies"
            return _give_up(f"cannot read the policy {error.filename}: {error.strerror}; {where}")
        names = {suite: f"policy {program.name} {program.hash[:12]}" for suite, program in programs.items()}
    setting = Setting(options.supplement, options.speak, options.careless)
    runs = _execute(list(plan(options, policies, setting)), options.workers, console)
    console.print(attack_table(runs), benign_table(runs), sep="\n")
    for what, path in write(runs, names, options.out).items():
        console.print(f"{what:10}{path}", soft_wrap=True)
    if chosen := choose(runs):
        log = options.out / f"audit-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
        repeat(chosen, policies, setting, log, options.monitored)
        first = log / chosen[0].suite
        console.print(f"audit log {log}  (check it with: bartizan audit verify {first})", soft_wrap=True)
    unmediated = sum(run.unmediated for run in runs)
    if unmediated:
        console.print(f"{unmediated} tool calls ran that no decision let go", style="bold red")
    return 1 if unmediated else 0


def plan(options: argparse.Namespace, policies: Mapping[str, str], setting: Setting) -> Iterator[Job]:
    """The jobs that the options ask for: without a guard first, as a comparison, then with it."""
    guards = [False] if options.unguarded else [True] if options.no_comparison else [False, True]
    for guard in guards:
        for suite, policy in policies.items():
            for attack in (*_attacks(options.attack), None):
                for user_task in load_suite(suite).user_task_ids():
                    yield Job(suite, user_task, attack, policy if guard else None, setting, options.monitored)


def write(runs: Sequence[Run], policies: Mapping[str, str], folder: Path) -> dict[str, Path]:
    """The report and every run with every proposed call and its decision, as JSON. ``policies``: names by suite."""
    folder.mkdir(parents=True, exist_ok=True)
    page, results = folder / "report.html", folder / "results.json"
    page.write_text(render(runs, policies), encoding="utf-8")
    document = {
        "benchmark": BENCHMARK,
        "agentdojo": version("agentdojo"),
        "policies": dict(policies),
        "runs": [asdict(run) for run in runs],
    }
    results.write_text(json.dumps(document, ensure_ascii=False, indent=1), encoding="utf-8")
    return {"report": page, "results": results}


def _execute(jobs: Sequence[Job], workers: int, console: Console) -> list[Run]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("starting", total=sum(job.size for job in jobs))

        def done(job: Job) -> None:
            label = f"{'guarded' if job.policy else 'no guard'}, {job.suite}, {job.attack or 'no attack'}"
            progress.update(bar, advance=job.size, description=label)

        return execute(jobs, workers, done)


def _give_up(message: str) -> int:
    Console(stderr=True).print(message, style="red", markup=False, soft_wrap=True)
    return 2


def _attacks(names: Sequence[str] | None) -> list[str]:
    chosen: dict[str, None] = {}
    for name in names or (DEFAULT_ATTACK,):
        group = [
            attack.name for attack in ATTACKS.values() if name == "all" or (name == "own" and attack.own)
        ]
        chosen |= dict.fromkeys(group or [name])
    return list(chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bartizan demo",
        description="AgentDojo's suites under attack, through real LangGraph agents, with and without a guard.",
    )
    parser.add_argument(
        "--suite", action="append", choices=SUITES, help="a suite; repeatable (default: banking)"
    )
    parser.add_argument(
        "--all", action="store_true", help="all four suites: 949 attacked pairs, 97 benign tasks"
    )
    parser.add_argument(
        "--attack", action="append", choices=[*ATTACKS, "own", "all"], metavar="NAME",
        help=f"an attack text; repeatable (default: {DEFAULT_ATTACK}). One of {', '.join(ATTACKS)}; "
        "own: those that are not AgentDojo's; all: every one",
    )  # fmt: skip
    parser.add_argument("--unguarded", action="store_true", help="only without a guard")
    parser.add_argument("--no-comparison", action="store_true", help="only with a guard")
    parser.add_argument(
        "--policies", type=Path, default=POLICIES, help="a folder of <suite>.yaml (default: %(default)s)"
    )
    parser.add_argument(
        "--policy", help="one policy file, or a pack of the library (baseline), for every suite"
    )
    parser.add_argument(
        "--supplement", action="store_true", help="attack also for the 8 goals without AgentDojo calls"
    )
    parser.add_argument(
        "--speak", action="store_true", help="an obeying agent also says what the attacker wants said"
    )
    parser.add_argument(
        "--monitored", action="store_true", help="measure the policy's signals with the built-in monitors"
    )
    parser.add_argument("--careless", action="store_true", help="the user approves whatever is asked")
    parser.add_argument(
        "--workers", type=int, default=min(os.cpu_count() or 1, 8), help="processes (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, default=REPORTS, help="where the report goes (default: %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
