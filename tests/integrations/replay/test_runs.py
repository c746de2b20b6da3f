"""Exports of Phoenix, LangSmith and Langfuse become sessions: prompts, calls and results, in time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bartizan.integrations.replay import Call, Prompt, RecordError, Result, read

Write = Callable[[str, list[dict[str, Any]]], Path]
NOON = 1_764_244_800_000_000  # 2025-11-27T12:00:00Z


def at(second: int) -> str:
    return f"2025-11-27T12:00:{second:02}.000000+00:00"


def expected(*, call: str, second_id: str) -> tuple[Any, ...]:
    return (
        Prompt("Pay my bill.", NOON),
        Call(0, call, "read", {"path": "bill.txt"}, time=NOON + 2_000_000),
        Result(0, '{"due": 12.5}', {"due": 12.5}, time=NOON + 3_000_000),
        Call(1, second_id, "pay", {"to": "GB33"}, "error", time=NOON + 5_000_000),
        Result(1, "no funds", is_error=True, time=NOON + 6_000_000),
    )


def phoenix(id: str, kind: str, start: int, end: int, **attributes: Any) -> dict[str, Any]:
    error = attributes.pop("error", False)
    return {
        "id": f"node-{id}",
        "name": attributes.pop("name", kind.lower()),
        "context": {"trace_id": "t1", "span_id": id},
        "span_kind": kind,
        "parent_id": None if id == "root" else "root",
        "start_time": at(start),
        "end_time": at(end),
        "status_code": "ERROR" if error else "OK",
        "attributes": {key.replace("__", "."): value for key, value in attributes.items()},
    }


PHOENIX = [
    phoenix("b", "TOOL", 5, 6, tool__name="pay", input__value='{"to": "GB33"}', output__value="no funds", error=True),
    phoenix(
        "a", "TOOL", 2, 3, name="read", input__value="{'path': 'bill.txt'}", output__value='{"due": 12.5}',
        tool_call__id="call-1",
    ),
    phoenix(
        "m", "LLM", 0, 1,
        llm__input_messages__0__message__role="system", llm__input_messages__0__message__content="Be good.",
        llm__input_messages__1__message__role="user", llm__input_messages__1__message__content="Pay my bill.",
    ),
    phoenix("root", "AGENT", 0, 9, input__value="something else", session__id="s1"),
]  # fmt: skip


def nested(attributes: dict[str, Any]) -> dict[str, Any]:
    """The same attributes as a tree, its numbered keys as lists."""
    tree: dict[str, Any] = {}
    for name, value in attributes.items():
        *folders, last = name.split(".")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = value
    messages = tree.get("llm", {}).get("input_messages")
    if messages:
        tree["llm"]["input_messages"] = [messages[key] for key in sorted(messages)]
    return tree


@pytest.mark.parametrize("shape", ["flat", "nested", "an answer of the API"])
def test_phoenix_spans_are_a_session(write_lines: Write, shape: str) -> None:
    """Flat and nested attributes, single spans and whole answers: the same calls, of the session that is named."""
    spans = [
        {**span, "attributes": nested(span["attributes"])} if shape == "nested" else span for span in PHOENIX
    ]
    lines = [{"data": spans, "next_cursor": None}] if shape == "an answer of the API" else spans
    (session,) = read([write_lines("spans.jsonl", lines)])
    assert session.id == "s1"
    assert session.happened == expected(call="call-1", second_id="b")


def test_openinference_in_otlp_is_the_same(write_lines: Write) -> None:
    """The conventions are read in OpenTelemetry's own encoding as well."""

    def otlp(span: dict[str, Any]) -> dict[str, Any]:
        attributes = {**span["attributes"], "openinference.span.kind": span["span_kind"]}
        second = {name: int(span[name][17:19]) for name in ("start_time", "end_time")}
        return {
            "traceId": "t1",
            "spanId": span["context"]["span_id"],
            "parentSpanId": span["parent_id"] or "",
            "name": span["name"],
            "startTimeUnixNano": str((NOON + second["start_time"] * 1_000_000) * 1_000),
            "endTimeUnixNano": str((NOON + second["end_time"] * 1_000_000) * 1_000),
            "status": {"code": 2 if span["status_code"] == "ERROR" else 1},
            "attributes": [
                {"key": key, "value": {"stringValue": value}} for key, value in attributes.items()
            ],
        }

    line = {"resourceSpans": [{"scopeSpans": [{"spans": [otlp(span) for span in PHOENIX]}]}]}
    (session,) = read([write_lines("spans.jsonl", [line])])
    assert session.happened == expected(call="call-1", second_id="b")


def langsmith(id: str, run_type: str, start: int, end: int, **fields: Any) -> dict[str, Any]:
    run = {"id": id, "trace_id": "t1", "name": run_type, "run_type": run_type, "parent_run_id": "root"}
    times = {"start_time": at(start), "end_time": at(end)}
    return {**run, **times, "inputs": {}, "outputs": None, "error": None, **fields}


HUMAN = {
    "lc": 1,
    "type": "constructor",
    "id": ["langchain", "schema", "messages", "HumanMessage"],
    "kwargs": {"content": "Pay my bill.", "type": "human"},
}
READ = langsmith(
    "a", "tool", 2, 3, name="read", inputs={"input": "{'path': 'bill.txt'}"},
    outputs={"output": {"type": "tool", "content": '{"due": 12.5}', "status": "success"}},
    extra={"metadata": {"tool_call_id": "call-1"}},
)  # fmt: skip
LANGSMITH = [
    langsmith(
        "root", "chain", 0, 9, parent_run_id=None, inputs={"messages": [{"role": "user", "content": "else"}]},
        extra={"metadata": {"thread_id": "s1"}},
    ),
    langsmith("m", "llm", 0, 1, inputs={"messages": [[{"role": "system", "content": "Be good."}, HUMAN]]}),
    READ,
    langsmith("b", "tool", 5, 6, name="pay", inputs={"to": "GB33"}, error="no funds"),
]  # fmt: skip


@pytest.mark.parametrize("shape", ["one a line", "children within"])
def test_langsmith_runs_are_a_session(write_lines: Write, shape: str) -> None:
    """Inputs as text and as an object, answers as messages and as errors; runs one by one, or within their parents."""
    lines = LANGSMITH if shape == "one a line" else [{**LANGSMITH[0], "child_runs": LANGSMITH[1:]}]
    (session,) = read([write_lines("runs.jsonl", lines)])
    assert session.id == "s1"
    assert session.happened == expected(call="call-1", second_id="b")


def test_a_root_tells_what_the_user_said_where_no_request_does(write_lines: Write) -> None:
    """A trace without its requests to the model has the messages, or the text, of its root."""
    for inputs in (
        {"messages": [{"type": "human", "content": [{"type": "text", "text": "Hi."}]}]},
        {"input": "Hi."},
    ):
        root = {**LANGSMITH[0], "inputs": inputs}
        (session,) = read([write_lines("runs.jsonl", [root, READ])])
        assert session.happened[0] == Prompt("Hi.", NOON)


def test_langfuse_observations_are_a_session(write_lines: Write) -> None:
    """Tools are calls, generations tell what the user said."""

    def observation(id: str, type: str, start: int, end: int, **fields: Any) -> dict[str, Any]:
        times = {"startTime": at(start).replace("+00:00", "Z"), "endTime": at(end)}
        return {"id": id, "traceId": "t1", "type": type, "name": type, **times, "level": "DEFAULT", **fields}

    user = {"role": "user", "content": "Pay my bill."}
    lines = [
        observation("root", "AGENT", 0, 9, input="something else", sessionId="s1"),
        observation("m", "GENERATION", 0, 1, parentObservationId="root", input=[user]),
        observation("a", "TOOL", 2, 3, name="read", input={"path": "bill.txt"}, output='{"due": 12.5}'),
        observation(
            "b", "TOOL", 5, 6, name="pay", input={"to": "GB33"}, level="ERROR", statusMessage="no funds"
        ),
    ]
    (session,) = read([write_lines("observations.jsonl", lines)])
    assert session.id == "s1"
    assert session.happened == expected(call="a", second_id="b")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([phoenix("a", "TOOL", 1, 2, tool__name="read")], "an export without inputs cannot be replayed"),
        ([phoenix("a", "TOOL", 1, 2, input__value="read it")], "to be an object, found 'read it'"),
        ([{**PHOENIX[0], "start_time": "soon"}], "'start_time' as an ISO 8601 time, found 'soon'"),
        ([{**READ, "inputs": {"input": 3}, "name": 5}], "'name' to be a string"),
        ([{**READ, "start_time": None}], "'start_time' as an ISO 8601 time, found None"),
    ],
)
def test_what_cannot_be_decided_is_located(
    write_lines: Write, lines: list[dict[str, Any]], message: str
) -> None:
    """A call whose arguments or time are not there is an error with its file and line."""
    with pytest.raises(RecordError) as error:
        list(read([write_lines("x.jsonl", lines)]))
    assert str(error.value).startswith("x.jsonl:1: ")
    assert message in str(error.value)


def test_a_real_run_tree_is_read(tmp_path: Path) -> None:
    """What LangSmith's own client makes of a traced tool, as its serialiser writes it."""
    from langsmith.run_trees import RunTree

    root = RunTree(name="agent", run_type="chain", inputs={"input": "Pay my bill."}, serialized=None)
    tool = root.create_child("read", "tool", inputs={"path": "bill.txt"})
    tool.end(outputs={"output": "12.5"})
    root.end(outputs={"output": "done"})
    path = tmp_path / "run.jsonl"
    document = root.model_dump(mode="json", exclude={"client", "ls_client", "parent_run", "child_runs"})
    children = [tool.model_dump(mode="json", exclude={"client", "ls_client", "parent_run"})]
    path.write_text(json.dumps({**document, "child_runs": children}) + "\n", "utf-8")
    (session,) = read([path])
    assert [type(item).__name__ for item in session.happened] == ["Prompt", "Call", "Result"]
    assert session.calls[0].args == {"path": "bill.txt"}
