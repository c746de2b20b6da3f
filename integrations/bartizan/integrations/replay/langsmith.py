"""Runs of LangSmith (its client's, SDK's or bulk export's JSON) and observations of Langfuse, one per line.

LangSmith: ``run_type`` ``tool`` is a call, ``llm`` tells what the user said; a thread is ``thread_id``, ``session_id``
or ``conversation_id`` of the run's metadata. ``child_runs`` are read where they are nested.
Langfuse: ``type`` ``TOOL`` is a call, ``GENERATION`` tells what the user said; a session is ``sessionId``.

Sources: LangSmith's "Run (span) data format"; Langfuse's API reference, "Observations".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from bartizan.guard.canonical import JSON

from .lines import member, optional
from .runs import Run, known_text, microseconds, prompts

_THREAD = ("thread_id", "session_id", "conversation_id")


def is_langsmith(record: dict[str, JSON]) -> bool:
    """Whether a line is a run of LangSmith."""
    return "run_type" in record and "inputs" in record


def is_langfuse(record: dict[str, JSON]) -> bool:
    """Whether a line is an observation of Langfuse."""
    return "traceId" in record and "type" in record and "startTime" in record


def langsmith(line: dict[str, JSON], where: str) -> Iterator[Run]:
    """The run of a line, and those nested in it."""
    id = member(line, "id", str, where)
    extra = optional(line, "extra", dict, where) or {}
    metadata = extra["metadata"] if isinstance(extra.get("metadata"), dict) else {}
    kinds: dict[JSON, Literal["tool", "model"]] = {"tool": "tool", "llm": "model"}
    end = line.get("end_time")
    failed = bool(line.get("error")) or line.get("status") == "error"
    output, refused = _answer(line.get("outputs"))
    yield Run(
        kinds.get(line["run_type"], "other"),
        id,
        known_text(line, "trace_id") or id,
        member(line, "name", str, where),
        microseconds(line.get("start_time"), "start_time", where),
        None if end is None else microseconds(end, "end_time", where),
        line.get("inputs"),
        known_text(line, "error") if output is None and failed else output,
        failed or refused,
        root=not line.get("parent_run_id"),
        prompts=prompts(line.get("inputs")),
        call_id=known_text(metadata, "tool_call_id"),
        session=known_text(metadata, *_THREAD),
    )
    for child in optional(line, "child_runs", list, where) or []:
        if isinstance(child, dict):
            yield from langsmith({"trace_id": known_text(line, "trace_id") or id, **child}, where)


def langfuse(line: dict[str, JSON], where: str) -> Iterator[Run]:
    """The observation of a line."""
    kinds: dict[JSON, Literal["tool", "model"]] = {"TOOL": "tool", "GENERATION": "model"}
    end = line.get("endTime")
    failed = line.get("level") == "ERROR"
    output = line.get("output")
    yield Run(
        kinds.get(line["type"], "other"),
        member(line, "id", str, where),
        member(line, "traceId", str, where),
        known_text(line, "name") or "tool",
        microseconds(line.get("startTime"), "startTime", where),
        None if end is None else microseconds(end, "endTime", where),
        line.get("input"),
        known_text(line, "statusMessage") if output is None and failed else output,
        failed,
        root=not line.get("parentObservationId"),
        prompts=prompts(line.get("input")),
        session=known_text(line, "sessionId"),
    )


def _answer(outputs: JSON) -> tuple[JSON, bool]:
    """What a tool answered, and whether it says that it failed: a value, or a LangChain tool message."""
    value = outputs
    if isinstance(value, dict) and set(value) == {"output"}:
        value = value["output"]
    if isinstance(value, dict) and isinstance(value.get("kwargs"), dict):
        value = value["kwargs"]
    if isinstance(value, dict) and value.get("type") == "tool" and "content" in value:
        return value["content"], value.get("status") == "error"
    return value, False
