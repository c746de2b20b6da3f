"""AgentDojo-style transcripts: ``runs``, ``calls`` and ``outputs`` as JSON lines, joined.

``runs`` and ``calls`` stand in the same order of runs, so both are read once, side by side; ``outputs`` holds
each distinct output text under its hash, and is held in memory (each text once).

A model may make several calls in one message. It had not seen the result of the first when it made the
second, so all calls of one message (``message_index``) come before their results.

A defence's own marks around an output (``<<`` and ``>>`` of spotlighting) are taken off: they are not
the tool's words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import groupby
from pathlib import Path

from bartizan.guard.canonical import JSON

from .lines import count_lines, json_lines, member, optional
from .record import Call, Happening, Prompt, RecordedSession, RecordError, Result, State
from .structure import structured

MAX_OUTPUTS = 1 << 30
"""Characters of distinct outputs held in memory."""

_STATES: Mapping[str, State] = {
    "executed": "executed",
    "error": "error",
    "refused": "refused",
    "no_result": "no_result",
    "attempted_text_only": "text_only",
}
_META = (
    "suite", "model", "defense", "attack", "run_kind", "user_task", "injection_task", "source",
    "attack_succeeded", "saw_injection",
)  # fmt: skip
_TRUTH = ("injected_role", "label_collides", "exposed_to_injection", "attack_succeeded")

_Line = tuple[str, dict[str, JSON]]


def is_transcripts(path: Path) -> bool:
    return path.is_dir() and _part(path, "runs") is not None and _part(path, "calls") is not None


def read_transcripts(path: Path) -> Iterator[RecordedSession]:
    """The runs of a folder with ``runs``, ``calls`` and ``outputs`` (``.jsonl``, plain or ``.xz`` or ``.gz``)."""
    runs, calls, outputs = (_part(path, name) for name in ("runs", "calls", "outputs"))
    if runs is None or calls is None or outputs is None:
        raise RecordError(path.name, "expected runs.jsonl, calls.jsonl and outputs.jsonl (or .xz, .gz)")
    texts = _texts(outputs)
    groups = groupby(json_lines(calls), key=lambda line: member(line[1], "run_id", str, line[0]))
    group = next(groups, None)
    for where, run in json_lines(runs):
        id = member(run, "run_id", str, where)
        if group is not None and group[0] == id:
            happened = _happened(list(group[1]), texts)
            group = next(groups, None)
        else:
            happened = []
        prompt = Prompt(member(run, "user_prompt", str, where))
        yield RecordedSession(id, _meta(run), (prompt, *happened), where)
    if group is not None:
        where, _ = next(group[1])
        raise RecordError(
            where, f"run {group[0]!r} is not in {runs.name} at this place; both need the same order"
        )


def count_transcripts(path: Path) -> int | None:
    runs = _part(path, "runs")
    return count_lines(runs) if runs is not None else None


class _Output:
    """One distinct output; its structure is read when first asked for."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def value(self) -> JSON:
        return structured(self.text)


def _texts(path: Path) -> dict[str, _Output]:
    texts: dict[str, _Output] = {}
    held = 0
    for where, line in json_lines(path):
        text = member(line, "text", str, where)
        held += len(text)
        if held > MAX_OUTPUTS:
            raise RecordError(
                where, f"expected at most {MAX_OUTPUTS} characters of outputs; split the folder"
            )
        texts[member(line, "output_sha", str, where)] = _Output(text)
    return texts


def _happened(lines: list[_Line], texts: dict[str, _Output]) -> list[Happening]:
    happened: list[Happening] = []
    for _, message in groupby(lines, key=lambda line: member(line[1], "message_index", int, line[0])):
        calls, results = [], []
        for where, line in message:
            call = _call(line, where)
            calls.append(call)
            result = _result(call, line, texts, where)
            if result is not None:
                results.append(result)
        happened += [*calls, *results]
    return happened


def _call(line: dict[str, JSON], where: str) -> Call:
    state = member(line, "state", str, where)
    if state not in _STATES:
        raise RecordError(where, f"expected 'state' to be one of {', '.join(_STATES)}, found {state!r}")
    step = member(line, "step", int, where)
    return Call(
        step,
        optional(line, "call_id", str, where) or f"call-{step}",
        member(line, "tool", str, where),
        line.get("args"),
        _STATES[state],
        {name: line[name] for name in _TRUTH if name in line},
    )


def _result(call: Call, line: dict[str, JSON], texts: dict[str, _Output], where: str) -> Result | None:
    if call.state == "error":
        return Result(call.step, optional(line, "error", str, where) or "", None, is_error=True)
    if call.state != "executed":
        return None
    key = optional(line, "output_sha", str, where)
    if key is None:
        return Result(call.step, "")
    if key not in texts:
        raise RecordError(where, f"output {key!r} is not among the outputs")
    output = texts[key]
    if line.get("defense") == "spotlighting_with_delimiting" and output.text.startswith("<<"):
        output = texts.setdefault(f"{key}/plain", _Output(output.text.removeprefix("<<").removesuffix(">>")))
    return Result(call.step, output.text, output.value)


def _meta(run: Mapping[str, JSON]) -> dict[str, str]:
    """The run's groupings as words; ``null`` is ``none``."""
    return {name: _word(run[name]) for name in _META if name in run}


def _word(value: JSON) -> str:
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _part(path: Path, name: str) -> Path | None:
    found = (path / f"{name}.jsonl{suffix}" for suffix in ("", ".xz", ".gz"))
    return next((part for part in found if part.is_file()), None)
