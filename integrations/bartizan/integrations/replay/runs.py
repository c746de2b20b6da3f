"""Exports of tracing services, one run (or span, or observation) per line: Phoenix, Langfuse, LangSmith.

Each service has an adapter that says in :class:`Run` what a line is; here the runs become sessions. Tools' runs are
calls and results; what the user said comes from the requests to the model, or else from the root of a trace. A session
is what the service calls a session or thread, or else a trace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from bartizan.guard.canonical import JSON

from .lines import json_lines
from .record import RecordedSession, RecordError
from .spans import CHAT, ROOT, Row, call_row, decoded, prompts_row, result_row, sessions
from .spool import Spool
from .structure import structured


@dataclass(frozen=True, slots=True)
class Run:
    """One line of an export. ``start`` and ``end`` are microseconds; ``prompts`` what the user said, as far as told."""

    kind: Literal["tool", "model", "other"]
    id: str
    trace: str
    name: str
    start: int
    end: int | None = None
    inputs: JSON = None
    output: JSON = None
    failed: bool = False
    root: bool = False
    prompts: list[str] = field(default_factory=list)
    call_id: str | None = None
    session: str | None = None
    agent: str | None = None


Adapter = Callable[[dict[str, JSON], str], Iterator[Run]]
"""The runs that a line holds; the second argument is ``file:line``."""


def read_runs(path: Path, adapter: Adapter) -> Iterator[RecordedSession]:
    """The sessions of one export, each with its prompts, calls and results by time."""
    with Spool() as spool:
        conversations: dict[str, str] = {}
        for where, line in json_lines(path):
            for run in adapter(line, where):
                if run.session is not None:
                    conversations[run.trace] = run.session
                for time, row in rows_of(run, where):
                    spool.add(run.trace, time, row)
        yield from sessions(spool, conversations)


def rows_of(run: Run, where: str) -> Iterator[tuple[int, Row]]:
    """What a run is to its session, each with its time in microseconds."""
    if run.kind != "tool":
        if run.prompts and (run.root or run.kind == "model"):
            kind = CHAT if run.kind == "model" else ROOT
            yield run.start, prompts_row(kind, run.start, run.prompts, where)
        return
    args = arguments(run.inputs)
    if args is None:
        raise RecordError(
            where,
            f"expected the arguments of a tool's run to be an object, found {run.inputs!r:.60}; "
            "an export without inputs cannot be replayed",
        )
    call = call_row(
        run.start,
        run.id,
        id=run.call_id or run.id,
        tool=run.name,
        args=args,
        failed=run.failed,
        agent=run.agent,
        where=where,
    )
    yield run.start, call
    if run.output is not None:
        end = max(run.end or run.start, run.start + 1)
        yield end, result_row(end, run.id, run.output, failed=run.failed)


def arguments(inputs: JSON) -> JSON:
    """A tool's arguments: an object, as it is, as text, or as the only thing under ``input``; otherwise ``None``."""
    if isinstance(inputs, str):
        inputs = structured(inputs)
    if isinstance(inputs, dict) and set(inputs) == {"input"} and isinstance(inputs["input"], str | dict):
        inner = arguments(inputs["input"])
        return inputs if inner is None else inner
    return inputs if isinstance(inputs, dict) else None


def said(messages: JSON) -> list[str]:
    """What the user said in a list of messages: OpenAI's and LangChain's shapes, and LangChain's serialised ones."""
    found: list[str] = []
    for message in messages if isinstance(messages, list) else []:
        if isinstance(message, list):
            found += said(message)
        elif isinstance(message, dict):
            inner = message["kwargs"] if isinstance(message.get("kwargs"), dict) else message
            id = message.get("id")
            named = id[-1] if isinstance(id, list) and id else None
            if (
                inner.get("role") in ("user", "human")
                or inner.get("type") == "human"
                or named == "HumanMessage"
            ):
                found += texts(inner.get("content"))
    return found


def texts(content: JSON) -> list[str]:
    """The texts of a message's content: a text, or parts."""
    if isinstance(content, str):
        return [content]
    parts = content if isinstance(content, list) else []
    return [part["text"] for part in parts if isinstance(part, dict) and isinstance(part.get("text"), str)]


def prompts(inputs: JSON) -> list[str]:
    """What the user said in a run's inputs: its messages, or a text under ``input``, ``question`` or ``query``."""
    inputs = decoded(inputs)
    if isinstance(inputs, str):
        return [inputs]
    if isinstance(inputs, list):
        return said(inputs)
    if not isinstance(inputs, dict):
        return []
    if found := said(inputs.get("messages")):
        return found
    return next(
        ([inputs[key]] for key in ("input", "question", "query") if isinstance(inputs.get(key), str)), []
    )


def microseconds(value: JSON, name: str, where: str) -> int:
    """A time in ISO 8601, UTC where it names no zone. Raises :class:`RecordError`."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise RecordError(where, f"expected {name!r} as an ISO 8601 time, found {value!r:.60}") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1_000_000)


def known_text(record: dict[str, JSON], *names: str) -> str | None:
    """The first of these members that is a text with something in it."""
    return next((record[name] for name in names if isinstance(record.get(name), str) and record[name]), None)
