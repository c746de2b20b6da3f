"""OpenTelemetry GenAI spans, exported as OTLP/JSON lines (the collector's and the SDKs' file exporters).

Spans by OpenInference's conventions in the same encoding are read as :mod:`.openinference` says.

Of the GenAI semantic conventions these are read: ``execute_tool`` spans (``gen_ai.tool.name``,
``gen_ai.tool.call.id``, ``gen_ai.tool.call.arguments``, ``gen_ai.tool.call.result``, ``error.type``) and the user's
messages in ``gen_ai.input.messages`` of ``invoke_agent`` spans, or of ``chat`` spans where a trace has no
``invoke_agent`` with messages. A session is a ``gen_ai.conversation.id``; where none is recorded, a trace.

Exporters write a span when it *ends*, so children come before parents and sessions are mixed: everything goes
through a :class:`~.spool.Spool` first. Arguments and results are recorded only where content capture was switched
on; a tool span without arguments is an error, because deciding it would be a guess.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from bartizan.guard.canonical import JSON

from .lines import json_lines, member, optional
from .openinference import KIND, of_attributes
from .otlp import attributes, nanoseconds
from .record import RecordedSession, RecordError
from .runs import Run, rows_of
from .spans import AGENT, CHAT, Row, call_row, decoded, prompts_row, result_row, sessions
from .spool import Spool

_TOOL = "execute_tool"


def is_otlp(record: dict[str, JSON]) -> bool:
    """Whether a line is OTLP/JSON."""
    return isinstance(record.get("resourceSpans"), list)


def read_otel(path: Path) -> Iterator[RecordedSession]:
    """The sessions of one export, each with its prompts, calls and results by time."""
    with Spool() as spool:
        conversations: dict[str, str] = {}
        for where, span in _spans(path):
            named = attributes(span, where)
            trace = member(span, "traceId", str, where)
            if named.get("gen_ai.operation.name") in (_TOOL, AGENT, CHAT):
                conversation = named.get("gen_ai.conversation.id")
                rows = list(_rows(span, named, where))
            elif KIND in named:
                run = _openinference(span, named, trace, where)
                conversation = run.session
                rows = [(time * 1000, row) for time, row in rows_of(run, where)]
            else:
                continue
            if isinstance(conversation, str):
                conversations[trace] = conversation
            for time, row in rows:
                spool.add(trace, time, row)
        yield from sessions(spool, conversations)


def _spans(path: Path) -> Iterator[tuple[str, dict[str, JSON]]]:
    for where, line in json_lines(path):
        for resource in member(line, "resourceSpans", list, where):
            for scope in _objects(resource, "scopeSpans", where):
                for span in _objects(scope, "spans", where):
                    if not isinstance(span, dict):
                        raise RecordError(where, f"expected spans to be objects, found {span!r:.80}")
                    yield where, span


def _objects(parent: JSON, name: str, where: str) -> list[JSON]:
    if not isinstance(parent, dict):
        raise RecordError(where, f"expected an object around {name!r}, found {parent!r:.80}")
    return optional(parent, name, list, where) or []


def _rows(span: dict[str, JSON], named: Mapping[str, JSON], where: str) -> Iterator[tuple[int, Row]]:
    start = nanoseconds(span, "startTimeUnixNano", where)
    operation = named["gen_ai.operation.name"]
    if operation != _TOOL:
        prompts = _user_texts(named.get("gen_ai.input.messages"), where)
        if prompts:
            yield start, prompts_row(str(operation), start // 1000, prompts, where)
        return
    arguments = decoded(named.get("gen_ai.tool.call.arguments"))
    if not isinstance(arguments, dict):
        raise RecordError(
            where,
            "expected 'gen_ai.tool.call.arguments' to hold an object; switch content capture on in the "
            f"instrumentation that records execute_tool spans (found {arguments!r:.60})",
        )
    span_id = member(span, "spanId", str, where)
    tool = named.get("gen_ai.tool.name")
    if not isinstance(tool, str) or not tool:
        raise RecordError(where, f"expected 'gen_ai.tool.name' to be a tool's name, found {tool!r:.60}")
    failed = "error.type" in named or _failed(span, where)
    call = call_row(
        start // 1000,
        span_id,
        id=str(named.get("gen_ai.tool.call.id") or span_id),
        tool=tool,
        args=arguments,
        failed=failed,
        agent=named.get("gen_ai.agent.name"),
        where=where,
    )
    yield start, call
    if "gen_ai.tool.call.result" in named:
        end = max(nanoseconds(span, "endTimeUnixNano", where), start + 1)
        yield end, result_row(end // 1000, span_id, named["gen_ai.tool.call.result"], failed=failed)


def _openinference(span: dict[str, JSON], named: Mapping[str, JSON], trace: str, where: str) -> Run:
    return of_attributes(
        named,
        kind=str(named[KIND]),
        id=member(span, "spanId", str, where),
        trace=trace,
        name=str(span.get("name") or "tool"),
        start=nanoseconds(span, "startTimeUnixNano", where) // 1000,
        end=nanoseconds(span, "endTimeUnixNano", where) // 1000,
        failed=_failed(span, where),
        root=not span.get("parentSpanId"),
    )


def _failed(span: dict[str, JSON], where: str) -> bool:
    return (optional(span, "status", dict, where) or {}).get("code") in (2, "STATUS_CODE_ERROR")


def _user_texts(messages: JSON, where: str) -> list[str]:
    """The texts of the user's messages: ``[{"role": "user", "parts": [{"type": "text", "content": ...}]}]``."""
    found = decoded(messages)
    if found is None:
        return []
    if not isinstance(found, list):
        raise RecordError(where, f"expected 'gen_ai.input.messages' to be a list, found {found!r:.60}")
    texts = []
    for message in found:
        if isinstance(message, dict) and message.get("role") == "user":
            parts = message.get("parts")
            for part in parts if isinstance(parts, list) else []:
                if (
                    isinstance(part, dict)
                    and part.get("type") == "text"
                    and isinstance(part.get("content"), str)
                ):
                    texts.append(part["content"])
    return texts
