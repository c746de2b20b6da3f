"""``bartizan lint``: what is wrong with a policy that loads."""

from __future__ import annotations

import time

from .asking import (
    TIMEOUT,
    As,
    Files,
    Format,
    Notes,
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


def lint(
    policies: Files,
    format: As = Format.TEXT,
    save: Save = None,
    notes: Notes = True,
    tools: Tools = None,
    timeout: Timeout = TIMEOUT,
    second_opinion: SecondOpinion = False,
) -> None:
    """Find rules that never fire, change nothing, say nothing or can fail, and what no rule covers.

    Every finding is proved, or shown by a call. Exit code 0: none but notes; 1: findings; 2: something stayed unknown.
    """
    asked = options(timeout, second_opinion)
    from bartizan.policies.analysis import lint as find
    from bartizan.policies.analysis.findings import Report
    from bartizan.policies.analysis.justifications import apply_justifications

    from .reports.text import print_findings

    reports = []
    for path in policies:
        policy = checked(path, tools)
        started = time.monotonic()
        with analysing():
            findings = apply_justifications(find(policy, asked), policy)
        report = Report(policy, findings, seconds=time.monotonic() - started)
        reports.append(report)
        if format is Format.TEXT:
            print_findings(report, out, notes)
    code = max(report.exit_code for report in reports)
    finish([report.shown(notes) for report in reports], format, save, tools, code)
