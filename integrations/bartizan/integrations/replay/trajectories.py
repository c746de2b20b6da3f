"""Trajectories with a verdict: one JSON object per line with ``user``, ``turns`` and ``label``.

A turn is ``{thought, tool, args, observation}``; one without a tool is the model's prose. ``label`` is 1 for
an unsafe trajectory, 0 for a safe one and ``null`` where the judges disagree. The verdict is about the whole
trajectory: no single call is labelled.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bartizan.guard.canonical import JSON, parse_json
from bartizan.guard.errors import MalformedJSON

from .lines import json_lines, member, optional
from .record import Call, Happening, Prompt, RecordedSession, RecordError, Result, Text
from .structure import structured

_VERDICTS = {1: "unsafe", 0: "safe"}


def is_trajectory(record: dict[str, JSON]) -> bool:
    return isinstance(record.get("turns"), list) and "label" in record


def read_trajectories(path: Path) -> Iterator[RecordedSession]:
    """One session per line. ``meta`` carries the source as ``suite`` and the verdict."""
    for where, record in json_lines(path):
        label = optional(record, "label", int, where)
        if label not in (None, 0, 1):
            raise RecordError(where, f"expected 'label' to be 0, 1 or null, found {label}")
        meta = {
            "suite": optional(record, "source", str, where) or "none",
            "model": optional(record, "agent_model", str, where) or "none",
            "group": optional(record, "group", str, where) or "none",
            "verdict": _VERDICTS.get(label, "none") if label is not None else "none",
        }
        happened: list[Happening] = [Prompt(member(record, "user", str, where))]
        for step, turn in enumerate(member(record, "turns", list, where)):
            if not isinstance(turn, dict):
                raise RecordError(where, f"expected turn {step} to be an object, found {turn!r:.80}")
            happened += _turn(step, turn, where)
        yield RecordedSession(member(record, "id", str, where), meta, tuple(happened), where)


def _turn(step: int, turn: dict[str, JSON], where: str) -> list[Happening]:
    tool = optional(turn, "tool", str, where)
    if not tool:
        thought = optional(turn, "thought", str, where)
        return [Text(thought)] if thought else []
    observation = optional(turn, "observation", str, where)
    call = Call(
        step, f"turn-{step}", tool, _arguments(turn.get("args")), "executed" if observation else "no_result"
    )
    if observation is None:
        return [call]
    return [call, Result(step, observation, structured(observation))]


def _arguments(args: JSON) -> JSON:
    """Arguments that were recorded as JSON text are read; other text stays, and can be no call."""
    if not isinstance(args, str):
        return args
    try:
        return parse_json(args)
    except MalformedJSON:
        return args
