"""Names in a policy's own tests: a test about a tool, signal or rule that does not exist tests nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from .diagnostics import Diagnostic, did_you_mean
from .document.loading import Located, Path
from .document.model import CallSpec, PastEvent, ResultSpec, TestCase

BUILTIN_REASONS = ("default", "schema", "unknown-tool")


def check_tests(
    located: Located, tools: Collection[str], signals: Collection[str], rules: Collection[str]
) -> list[Diagnostic]:
    """What is wrong with the names in the tests. ``rules`` are the ids of the policy and its packs.

    A test that expects ``because: [unknown-tool]`` may call a tool that is not declared.
    """
    problems: list[Diagnostic] = []
    for index, case in enumerate(located.document.tests):
        for path, kind, name in _names(case, ("tests", index)):
            known: Collection[str] = {"tool": tools, "signal": signals, "rule": (*rules, *BUILTIN_REASONS)}[
                kind
            ]
            if name not in known:
                span = located.key_span(path) if kind == "signal" else located.span(path)
                help = did_you_mean(name, known) or f"declared are: {', '.join(sorted(known)[:12]) or 'none'}"
                message = f"no {kind} `{name}` is declared"
                problems.append(Diagnostic(f"unknown-{kind}", message, span, help))
    return problems


def _names(case: TestCase, path: Path) -> Iterator[tuple[Path, str, str]]:
    """The places of names in a test: path, kind and name."""
    if "unknown-tool" not in (case.because or ()):
        yield from _subject(case, path)
    for name in case.signals:
        yield (*path, "signals", name), "signal", name
    for position, rule in enumerate(case.because or ()):
        yield (*path, "because", position), "rule", rule
    for index, event in enumerate(case.history):
        here = (*path, "history", index)
        yield from _subject(event, here)
        for name in event.signals:
            yield (*here, "signals", name), "signal", name


def _subject(holder: TestCase | PastEvent, path: Path) -> Iterator[tuple[Path, str, str]]:
    subjects: tuple[tuple[str, CallSpec | ResultSpec | None], ...] = (
        ("call", holder.call),
        ("denied", getattr(holder, "denied", None)),
        ("result", holder.result),
    )
    for key, subject in subjects:
        if subject is not None:
            yield (*path, key, "tool"), "tool", subject.tool
