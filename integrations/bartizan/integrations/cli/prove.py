"""``bartizan prove``: whether a policy's invariants hold, in every session."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from .asking import (
    TIMEOUT,
    As,
    Files,
    Format,
    Save,
    SecondOpinion,
    Timeout,
    Tools,
    analysing,
    checked,
    finish,
    options,
)
from .console import out

Ablation = Annotated[
    bool, typer.Option("--ablation", help="For `without`: also ask what lying signals would let through.")
]


def prove(
    policies: Files,
    format: As = Format.TEXT,
    save: Save = None,
    tools: Tools = None,
    timeout: Timeout = TIMEOUT,
    second_opinion: SecondOpinion = False,
    ablation: Ablation = False,
) -> None:
    """Prove a policy's `invariants:` for every session, or show the calls that break one.

    Exit code 0: all are proved; 1: one is refuted; 2: one stayed unknown.
    """
    asked = options(timeout, second_opinion, ablation)
    from bartizan.policies.analysis import prove as attempt
    from bartizan.policies.analysis.findings import Report

    from .reports.text import print_proofs

    reports = []
    for path in policies:
        policy = checked(path, tools)
        started = time.monotonic()
        with analysing():
            proofs = tuple(attempt(policy, asked))
        report = Report(policy, proofs=proofs, seconds=time.monotonic() - started)
        reports.append(report)
        if format is Format.TEXT:
            print_proofs(report, out)
    finish(reports, format, save, tools, max(report.exit_code for report in reports))
