"""The stages of a policy, checked: the machine that runs, and what was written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from ..diagnostics import Source
from ..justified import Justification
from ..language import ast
from ..language.syntax import Span


@dataclass(frozen=True, slots=True)
class Drawn:
    """A transition as it is written: for people, and for findings about it. ``moves`` are what it was compiled to."""

    sources: tuple[str, ...]
    target: str
    label: str
    moves: tuple[ast.Transition, ...]
    span: Span = field(default=Span(0, 0), compare=False)


@dataclass(frozen=True, slots=True)
class CheckedStages:
    """The stages of a policy: the machine, and where what was written.

    ``only`` are the tools that a stage is confined to, where it is; ``places`` are those of the stages, ``justified``
    the findings about each that are meant.
    """

    machine: ast.Machine
    drawn: tuple[Drawn, ...]
    only: Mapping[str, tuple[str, ...]]
    reasons: Mapping[str, str]
    final: frozenset[str]
    source: Source = field(repr=False, compare=False)
    places: Mapping[str, Span] = field(repr=False, compare=False)
    justified: Mapping[str, Mapping[str, Justification]] = field(
        default_factory=dict, repr=False, compare=False
    )


def machine_of(
    stages: Sequence[str],
    initial: str,
    timed: Sequence[tuple[str, int, str]],
    transitions: Sequence[ast.Transition],
) -> ast.Machine:
    """The machine, named after what it does (128 bits): the order in which things are declared plays no part."""
    moves = sorted(
        json.dumps(
            [list(move.sources), move.target, ast.to_json(move.match), ast.to_json(move.body)], sort_keys=True
        )
        for move in transitions
    )
    text = json.dumps([sorted(stages), initial, sorted(map(list, timed)), moves], separators=(",", ":"))
    id = sha256(text.encode()).hexdigest()[:32]
    return ast.Machine(id, tuple(stages), initial, tuple(timed), tuple(transitions))
