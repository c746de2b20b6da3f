"""GitHub's workflow commands: each finding becomes an annotation at its line.

A command is one line; its data may not hold ``%``, line breaks, and in properties ``:`` and ``,``, unescaped
(https://docs.github.com/actions/reference/workflow-commands-for-github-actions).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bartizan.policies.analysis.catalogue import CODES
from bartizan.policies.analysis.findings import Finding
from bartizan.policies.diagnostics import visible

from .inert import relative
from .text import witness_lines

_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def commands(findings: Iterable[Finding]) -> Iterator[str]:
    """A command for each finding."""
    for finding in findings:
        properties = ",".join(f"{name}={_property(value)}" for name, value in _properties(finding))
        yield f"::{_COMMANDS[finding.severity]} {properties}::{_data(_message(finding))}"


def _properties(finding: Finding) -> Iterator[tuple[str, str]]:
    if finding.source is not None:
        line, column = finding.source.position(finding.span.start)
        end_line, end_column = finding.source.position(max(finding.span.start, finding.span.end))
        yield "file", visible(relative(finding.source.file))
        yield "line", str(line)
        yield "col", str(column)
        yield "endLine", str(end_line)
        yield "endColumn", str(end_column)
    yield "title", f"{finding.code}: {CODES[finding.code].title}"


def _message(finding: Finding) -> str:
    lines = [visible(finding.message)]
    if finding.justification is not None:
        lines.append(f"justified: {visible(finding.justification)}")
    elif finding.help is not None:
        lines.append(f"help: {visible(finding.help)}")
    if finding.witness is not None:
        lines += witness_lines(finding.witness)
    return "\n".join(lines)


def _data(text: str) -> str:
    text = text.replace("##[", "# #[")  # commands of old, which the runner still finds anywhere in a line
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
