"""Spans by OpenInference's conventions, as Phoenix exports them (``GET /v1/projects/{project}/spans``), one per line.

Read are ``TOOL`` spans (``tool.name`` or the span's name, ``input.value``, ``output.value``, ``tool_call.id``), the
user's messages of ``LLM`` spans (``llm.input_messages``), and the ``input.value`` of a trace's root. A session is a
``session.id``. Attributes may be flat (``"input.value"``) or nested. The same conventions in OTLP/JSON are read, too.

Source: the OpenInference specification, ``semantic_conventions.md``; Phoenix's OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bartizan.guard.canonical import JSON

from .lines import member, optional
from .runs import Run, microseconds, prompts, texts

KIND = "openinference.span.kind"
_ERRORS = ("ERROR", "STATUS_CODE_ERROR", 2)


def is_phoenix(record: dict[str, JSON]) -> bool:
    """Whether a line is a span as Phoenix exports it, or an answer of its API."""
    context = record.get("context")
    if isinstance(record.get("data"), list):  # an answer of the API, as it came
        return all(isinstance(span, dict) and is_phoenix(span) for span in record["data"])
    return isinstance(context, dict) and "trace_id" in context and "attributes" in record


def phoenix(line: dict[str, JSON], where: str) -> Iterator[Run]:
    """The spans of a line: one, or an answer of the API with many under ``data``."""
    for span in line["data"] if isinstance(line.get("data"), list) else [line]:
        context = member(span, "context", dict, where)
        attributes = optional(span, "attributes", dict, where) or {}
        end = span.get("end_time")
        yield of_attributes(
            attributes,
            kind=str(span.get("span_kind") or found(attributes, KIND)),
            id=member(context, "span_id", str, where),
            trace=member(context, "trace_id", str, where),
            name=str(span.get("name") or "tool"),
            start=microseconds(span.get("start_time"), "start_time", where),
            end=None if end is None else microseconds(end, "end_time", where),
            failed=span.get("status_code") in _ERRORS,
            root=not span.get("parent_id"),
        )


def of_attributes(attributes: Mapping[str, JSON], *, kind: str, name: str, **span: Any) -> Run:
    """A span by its attributes; ``span`` are the members of :class:`~.runs.Run` that stand beside them."""
    output = found(attributes, "output.value")
    session, agent, call = (found(attributes, key) for key in ("session.id", "agent.name", "tool_call.id"))
    messages = _user_messages(attributes) if kind == "LLM" else []
    if not messages and span["root"] and kind in ("AGENT", "CHAIN", "LLM"):
        messages = prompts(found(attributes, "input.value"))
    return Run(
        {"TOOL": "tool", "LLM": "model"}.get(kind, "other"),  # type: ignore[arg-type]
        name=str(found(attributes, "tool.name") or name),
        inputs=found(attributes, "input.value"),
        output=output,
        prompts=messages,
        call_id=call if isinstance(call, str) else None,
        session=session if isinstance(session, str) else None,
        agent=agent if isinstance(agent, str) else None,
        **span,
    )


def found(attributes: Mapping[str, JSON], name: str) -> JSON:
    """An attribute by its dotted name, flat or nested."""
    if name in attributes:
        return attributes[name]
    value: JSON = attributes
    for key in name.split("."):
        if isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, Mapping) and key in value:
            value = value[key]
        else:
            return None
    return value


def _user_messages(attributes: Mapping[str, JSON]) -> list[str]:
    """``llm.input_messages.N.message.{role, content}``, or ``contents.M.message_content.text`` for one with parts."""
    heard: list[str] = []
    number = 0
    while (role := found(attributes, f"llm.input_messages.{number}.message.role")) is not None:
        message = f"llm.input_messages.{number}.message"
        if role == "user":
            heard += texts(found(attributes, f"{message}.content"))
            part = 0
            while found(attributes, f"{message}.contents.{part}.message_content.type") is not None:
                heard += texts(found(attributes, f"{message}.contents.{part}.message_content.text"))
                part += 1
        number += 1
    return heard
