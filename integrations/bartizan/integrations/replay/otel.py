"""OpenTelemetry GenAI spans, exported as OTLP/JSON lines (the collector's and the SDKs' file exporters).

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

from bartizan.guard.canonical import JSON, canonical_json, parse_json
from bartizan.guard.errors import MalformedJSON

from .lines import json_lines, member, optional
from .otlp import attributes, nanoseconds
from .record import Call, Happening, Prompt, RecordedSession, RecordError, Result, State
from .spool import Spool
from .structure import structured

_TOOL, _AGENT, _CHAT = "execute_tool", "invoke_agent", "chat"


def is_otlp(record: dict[str, JSON]) -> bool:
    return isinstance(record.get("resourceSpans"), list)


def read_otel(path: Path) -> Iterator[RecordedSession]:
    """The sessions of one export, each with its prompts, calls and results by time."""
    with Spool() as spool:
        conversations: dict[str, str] = {}
        for where, span in _spans(path):
            named = attributes(span, where)
            if named.get("gen_ai.operation.name") not in (_TOOL, _AGENT, _CHAT):
                continue
            trace = member(span, "traceId", str, where)
            conversation = named.get("gen_ai.conversation.id")
            if isinstance(conversation, str):
                conversations[trace] = conversation
            for time, row in _rows(span, named, where):
                spool.add(trace, time, row)
        for session, rows in _merge(spool, conversations):
            yield _session(session, rows)


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


def _rows(
    span: dict[str, JSON], named: Mapping[str, JSON], where: str
) -> Iterator[tuple[int, dict[str, JSON]]]:
    start = nanoseconds(span, "startTimeUnixNano", where)
    operation = named["gen_ai.operation.name"]
    if operation != _TOOL:
        prompts = _user_texts(named.get("gen_ai.input.messages"), where)
        if prompts:
            yield start, {"kind": operation, "time": start // 1000, "prompts": prompts, "where": where}
        return
    arguments = _decoded(named.get("gen_ai.tool.call.arguments"))
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
    failed = "error.type" in named or (optional(span, "status", dict, where) or {}).get("code") in (
        2,
        "STATUS_CODE_ERROR",
    )
    yield (
        start,
        {
            "kind": "call",
            "time": start // 1000,
            "span": span_id,
            "id": str(named.get("gen_ai.tool.call.id") or span_id),
            "tool": tool,
            "args": arguments,
            "failed": failed,
            "agent": named.get("gen_ai.agent.name"),
            "where": where,
        },
    )
    if "gen_ai.tool.call.result" in named:
        result = named["gen_ai.tool.call.result"]
        end = max(nanoseconds(span, "endTimeUnixNano", where), start + 1)
        yield (
            end,
            {"kind": "result", "time": end // 1000, "span": span_id, "result": result, "failed": failed},
        )


def _merge(spool: Spool, conversations: Mapping[str, str]) -> Iterator[tuple[str, list[JSON]]]:
    """Traces of one conversation are one session, in the order in which the traces arrived."""
    with Spool() as merged:
        for number, (trace, rows) in enumerate(spool.groups()):
            for row in rows:
                merged.add(conversations.get(trace, trace), number, row)
        yield from merged.groups()


def _session(id: str, rows: list[JSON]) -> RecordedSession:
    asked = _AGENT if any(row["kind"] == _AGENT for row in rows) else _CHAT
    happened: list[Happening] = []
    prompts: list[str] = []
    steps: dict[str, int] = {}
    for row in rows:
        if row["kind"] == asked:
            prompts += (new := _unheard(prompts, row["prompts"]))
            happened += [Prompt(text, row["time"]) for text in new]
        elif row["kind"] == "call":
            step = steps[row["span"]] = len(steps)
            happened.append(_call(step, row))
        elif row["kind"] == "result":
            text, value = _result(row["result"])
            happened.append(Result(steps[row["span"]], text, value, row["failed"], row["time"]))
    agent = next((row["agent"] for row in rows if row.get("agent")), "none")
    return RecordedSession(id, {"suite": str(agent)}, tuple(happened), rows[0].get("where", id))


def _call(step: int, row: dict[str, JSON]) -> Call:
    state: State = "error" if row["failed"] else "executed"
    return Call(step, row["id"], row["tool"], row["args"], state, time=row["time"])


def _unheard(heard: list[str], messages: list[str]) -> list[str]:
    """Each request repeats the conversation so far: what comes after the longest common beginning is new."""
    same = 0
    while same < min(len(heard), len(messages)) and heard[same] == messages[same]:
        same += 1
    return messages[same:]


def _user_texts(messages: JSON, where: str) -> list[str]:
    """The texts of the user's messages: ``[{"role": "user", "parts": [{"type": "text", "content": ...}]}]``."""
    decoded = _decoded(messages)
    if decoded is None:
        return []
    if not isinstance(decoded, list):
        raise RecordError(where, f"expected 'gen_ai.input.messages' to be a list, found {decoded!r:.60}")
    texts = []
    for message in decoded:
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


def _decoded(value: JSON) -> JSON:
    """Structured attributes are recorded as JSON text by exporters that only know flat attributes."""
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value)
    except MalformedJSON:
        return value


def _result(result: JSON) -> tuple[str, JSON]:
    if isinstance(result, str):
        return result, structured(result)
    return canonical_json(result).decode(), result
