"""What is said of a probe beside its baselines."""

from __future__ import annotations

from bartizan.monitors.probes.evaluation import Row, verdict


def row(method: str, source: str, auroc: float | None) -> Row:
    return Row(method=method, source=source, attacks=1, benign=1, auroc=auroc)


def test_a_verdict_names_the_sources() -> None:
    """Won and lost ones, a tie being no win; a source without a figure is not counted."""
    rows = [
        row("probe", "mails", 0.9), row("probe", "code", 0.8), row("probe", "web", 0.7), row("probe", "none", None),
        row("words", "mails", 0.5), row("words", "code", 0.95), row("words", "web", 0.7), row("words", "none", 0.9),
        row("rule", "mails", 0.5),
    ]  # fmt: skip
    assert verdict(rows) == [
        "The probe beats the words on 1 of 3 sources; it does not on code (0.800 against 0.950), "
        "web (0.700 against 0.700).",
        "The probe beats the rule on 1 of 1 sources.",
    ]
