"""Stages drawn: as text, and as a Mermaid state diagram."""

from __future__ import annotations

from collections.abc import Iterator

from ..language.values import duration_text
from .graph import CheckedStages


def as_text(stages: CheckedStages) -> str:
    """Each stage with what may be done in it, and the ways out of it."""
    return "\n".join(_lines(stages))


def _lines(stages: CheckedStages) -> Iterator[str]:
    machine = stages.machine
    ends = {name: (duration, then) for name, duration, then in machine.timed}
    for name in machine.stages:
        mark = " (initial)" if name == machine.initial else " (final)" if name in stages.final else ""
        yield f"{name}{mark}{_only(stages, name)}"
        if name in ends:
            duration, then = ends[name]
            yield f"  after {duration_text(duration)} -> {then}"
        for drawn in stages.drawn:
            if name in drawn.sources:
                yield f"  {drawn.label} -> {drawn.target}"


def _only(stages: CheckedStages, name: str) -> str:
    if name not in stages.only:
        return ""
    return f": only {', '.join(stages.only[name])}" if stages.only[name] else ": nothing"


def as_mermaid(stages: CheckedStages) -> str:
    """A ``stateDiagram-v2``."""
    machine = stages.machine
    ids = {name: f"s{index}" for index, name in enumerate(machine.stages)}
    lines = ["stateDiagram-v2"]
    lines += [f"  state {_quoted(name)} as {ids[name]}" for name in machine.stages]
    lines.append(f"  [*] --> {ids[machine.initial]}")
    for name, duration, then in machine.timed:
        lines.append(f"  {ids[name]} --> {ids[then]} : after {duration_text(duration)}")
    for drawn in stages.drawn:
        lines += [
            f"  {ids[source]} --> {ids[drawn.target]} : {_escaped(drawn.label)}" for source in drawn.sources
        ]
    lines += [f"  {ids[name]} --> [*]" for name in machine.stages if name in stages.final]
    lines += [
        f"  note right of {ids[name]} : {_escaped(_only(stages, name).removeprefix(': '))}"
        for name in machine.stages
        if name in stages.only
    ]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return f'"{_escaped(text)}"'


def _escaped(text: str) -> str:
    """Text of a label: whatever Mermaid could read as its own is written as a number."""
    return "".join(
        c if c.isalnum() or c in " _.,-()'@/*=<>!&|+" else f"#{ord(c)};" for c in " ".join(text.split())
    )
