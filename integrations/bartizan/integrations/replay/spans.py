"""What exports of spans have in common: rows by trace, put together to sessions.

A row is a call, a result, or what the user said. A trace may tell what the user said in several places, and repeat it:
the first of the three kinds AGENT, CHAT and ROOT that it has counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bartizan.guard.canonical import JSON, canonical_json, parse_json
from bartizan.guard.errors import MalformedJSON

from .record import Call, Happening, Prompt, RecordedSession, Result, State
from .spool import Spool
from .structure import structured

AGENT, CHAT, ROOT = "invoke_agent", "chat", "root"


Row = dict[str, JSON]


def call_row(
    time: int, span: str, *, id: str, tool: str, args: JSON, failed: bool, agent: JSON, where: str
) -> Row:
    """A call that a tool's span is; times are in microseconds, ``span`` is what its result names."""
    said = {"id": id, "tool": tool, "args": args, "failed": failed, "agent": agent, "where": where}
    return {"kind": "call", "time": time, "span": span, **said}


def result_row(time: int, span: str, result: JSON, *, failed: bool) -> Row:
    """What the tool of a span answered."""
    return {"kind": "result", "time": time, "span": span, "result": result, "failed": failed}


def prompts_row(kind: str, time: int, prompts: list[str], where: str) -> Row:
    """What the user said: ``kind`` is where the trace tells it, AGENT, CHAT or ROOT."""
    return {"kind": kind, "time": time, "prompts": prompts, "where": where}


def sessions(spool: Spool, conversations: Mapping[str, str]) -> Iterator[RecordedSession]:
    """The sessions of a spool of rows by trace.

    Traces of one conversation are one session, in the order in which the traces arrived.
    """
    with Spool() as merged:
        for number, (trace, rows) in enumerate(spool.groups()):
            for row in rows:
                merged.add(conversations.get(trace, trace), number, row)
        for session, rows in merged.groups():
            yield _session(session, rows)


def _session(id: str, rows: list[JSON]) -> RecordedSession:
    asked = next((kind for kind in (AGENT, CHAT, ROOT) if any(row["kind"] == kind for row in rows)), None)
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


def decoded(value: JSON) -> JSON:
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
