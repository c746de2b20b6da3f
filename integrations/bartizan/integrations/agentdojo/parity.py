"""The evaluation twice, with the guard in the agent's process and as a service in another one, and what differs.

``python -m bartizan.integrations.agentdojo.parity --all`` prints Markdown. Compared is everything that is kept of a run
but how long it took and the clock (some of AgentDojo's tools answer with the time of day): each call, its outcome and
its rules, what the agent read, approvals and grades.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path

from bartizan.guard.audit import verify
from bartizan.guard.audit.query import query
from bartizan.policies import load_policy

from .attacks import ATTACKS, DEFAULT_ATTACK
from .evaluate import POLICIES
from .jobs import Job, execute, program_for
from .records import Run
from .service import Service, served
from .suites import SUITES, load_suite
from .tables import say
from .tally import Tally, grouped, share, tally

_CLOCK = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}")


def main(argv: Sequence[str] | None = None) -> int:
    """Returns 0; 1 if a run differs, a tool ran undecided, or the service's log does not hold what was decided."""
    parser = argparse.ArgumentParser(prog="python -m bartizan.integrations.agentdojo.parity")
    parser.add_argument("--suite", action="append", choices=SUITES)
    parser.add_argument("--all", action="store_true", help="all four suites")
    parser.add_argument("--attack", action="append", choices=[*ATTACKS, "own"])
    parser.add_argument("--policies", type=Path, default=POLICIES, help="a folder of <suite>.yaml")
    parser.add_argument("--workers", type=int, default=min(os.cpu_count() or 1, 8))
    options = parser.parse_args(argv)
    os.environ.setdefault("PYTHONHASHSEED", "0")  # of the workers: some of AgentDojo's tools print sets
    suites = SUITES if options.all else tuple(options.suite or ("banking",))
    own = [attack.name for attack in ATTACKS.values() if attack.own]
    attacks = [
        name
        for chosen in options.attack or [DEFAULT_ATTACK]
        for name in (own if chosen == "own" else [chosen])
    ]
    here, there, problems = compared(suites, attacks, options.policies, options.workers)
    say(table(here, there))
    for problem in problems:
        say(f"* {problem}")
    differing = differences(here, there)
    for line in differing[:50]:
        say(f"* {line}")
    undecided = sum(run.unmediated for run in (*here, *there))
    say(
        f"{len(here):,} runs each way; {len(differing)} differ; {undecided} calls ran undecided; "
        f"{sum(len(run.steps) for run in there):,} proposed calls."
    )
    return 1 if problems or differing or undecided else 0


def compared(
    suites: Sequence[str], attacks: Sequence[str], policies: Path, workers: int
) -> tuple[list[Run], list[Run], list[str]]:
    """The runs with the guard here and with the service, and what is wrong with the service's log."""
    files = {suite: str(policies / f"{suite}.yaml") for suite in suites}
    programs = {suite: program_for(suite, file) for suite, file in files.items()}
    for suite, file in files.items():
        if load_policy(file).hash != programs[suite].hash:
            raise ValueError(
                f"{file}: expected a policy that declares its tools, for the service knows no others"
            )
    here = execute(list(_plan(suites, attacks, files, None)), workers)
    with tempfile.TemporaryDirectory(prefix="bartizan-") as folder:
        directory = Path(folder)
        names = {suite: program.name for suite, program in programs.items()}
        with served(files, names, directory) as service:
            there = execute(list(_plan(suites, attacks, files, service)), workers)
        problems = list(_log_problems(directory, there))
    return here, there, problems


def differences(here: Sequence[Run], there: Sequence[Run]) -> list[str]:
    """The runs that are not the same, and in what."""
    found = []
    for one, other in zip(here, there, strict=True):
        if (wrong := _differing(one, other)) is not None:
            where = f"{one.suite}/{one.user_task}/{one.injection_task or '-'}/{one.attack or '-'}"
            found.append(f"{where}: {wrong}")
    return found


def table(here: Sequence[Run], there: Sequence[Run]) -> str:
    """Figures by suite and attack; ``a = b`` where the service's are the same, ``a != b`` where not."""
    rows = [
        "| suite | attack | runs | reached its goal | injected calls stopped | user's task done | asked, granted "
        "| user's calls denied | identical runs |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    pairs = list(zip(here, there, strict=True))
    groups: dict[tuple[str, str | None], list[tuple[Run, Run]]] = dict(
        grouped(pairs, lambda pair: (pair[0].suite, pair[0].attack))
    )
    groups["all", ""] = pairs
    for (suite, attack), group in groups.items():
        before, after = tally(one for one, _ in group), tally(other for _, other in group)
        same = sum(_differing(*pair) is None for pair in group)
        cells = [_both(a, b) for a, b in zip(_cells(before), _cells(after), strict=True)]
        name = "–" if attack is None else attack
        rows.append(f"| {suite} | {name} | {len(group)} | {' | '.join(cells)} | {same} |")
    return "\n".join(rows) + "\n"


def _cells(figures: Tally) -> list[str]:
    return [
        str(figures.reached),
        f"{figures.injected - figures.injected_ran} of {figures.injected}",
        f"{figures.completed} ({share(figures.completed, figures.runs)})",
        f"{figures.asked}, {figures.granted}",
        str(figures.user_denied),
    ]


def _both(one: str, other: str) -> str:
    return one if one == other else f"{one} != {other}"


def _differing(one: Run, other: Run) -> str | None:
    """Which field of a run is not the same; None if all are."""
    first, second = _timeless(one), _timeless(other)
    names = [field.name for field in fields(Run) if getattr(first, field.name) != getattr(second, field.name)]
    return ", ".join(names) or None


def _timeless(run: Run) -> Run:
    steps = tuple(replace(step, output=_CLOCK.sub("<now>", step.output)) for step in run.steps)
    return replace(run, seconds=0.0, steps=steps)


def _log_problems(directory: Path, runs: Sequence[Run]) -> Iterator[str]:
    """The service's own log: it verifies, and holds a decision that let it go for every call that ran."""
    for suite, group in grouped(runs, lambda run: run.suite).items():
        log = directory / suite / "worker-0"
        report = verify(log)
        if not report.ok:
            yield f"{suite}: the service's log does not verify: {report}"
        entries = [entry.record for entry in query(log)]
        let_go = {
            (record["session"], record["call_id"])
            for record in entries
            if record["kind"] == "decision" and record["outcome"] in ("ALLOW", "CORRECT")
        }
        for run in group:
            session = f"{run.suite}/{run.user_task}/{run.injection_task or 'benign'}/{run.attack or 'none'}"
            yield from (
                f"{session}: {step.call} ran, and the service's log does not know it"
                for step in run.steps
                if step.ran and (session, step.call) not in let_go
            )


def _plan(
    suites: Sequence[str], attacks: Sequence[str], files: Mapping[str, str], service: Service | None
) -> Iterator[Job]:
    for suite in suites:
        for attack in (*attacks, None):
            for user_task in load_suite(suite).user_task_ids():
                yield Job(suite, user_task, attack, files[suite], service=service)


if __name__ == "__main__":
    sys.exit(main())
