from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bartizan.integrations.replay import Call, Prompt, RecordError, Result, read

Write = Callable[[str, list[dict[str, Any]]], Path]


def _value(value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(item) for item in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": [{"key": k, "value": _value(v)} for k, v in value.items()]}}
    return {"stringValue": value}


def _span(operation: str, trace: str, id: str, start: int, end: int, **attributes: Any) -> dict[str, Any]:
    named = {"gen_ai.operation.name": operation, **{f"gen_ai.{k}": v for k, v in attributes.items()}}
    return {
        "traceId": trace,
        "spanId": id,
        "name": operation,
        "startTimeUnixNano": str(start * 1_000_000),
        "endTimeUnixNano": str(end * 1_000_000),
        "attributes": [{"key": key, "value": _value(value)} for key, value in named.items()],
    }


def _tool(
    trace: str, id: str, start: int, end: int, name: str, args: Any, result: Any = None
) -> dict[str, Any]:
    fields = {"tool.name": name, "tool.call.id": f"call-{id}", "tool.call.arguments": args}
    if result is not None:
        fields["tool.call.result"] = result
    return _span("execute_tool", trace, id, start, end, **fields)


def _line(*spans: dict[str, Any]) -> dict[str, Any]:
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}]}


def _messages(*texts: str) -> str:
    return json.dumps([{"role": "user", "parts": [{"type": "text", "content": text}]} for text in texts])


def test_tool_spans_become_calls_and_results(write_lines: Write) -> None:
    """Arguments and results are read as JSON text or as structured attributes, with their times."""
    path = write_lines(
        "spans.jsonl",
        [
            _line(
                _tool("t1", "b", 30, 40, "pay", {"to": "GB33", "amount": 12.5}, "Paid."),
                _tool("t1", "a", 10, 20, "read", '{"path": "bill.txt"}', '{"due": 12.5}'),
            ),
            _line(
                _span("invoke_agent", "t1", "root", 1, 50, **{"input.messages": _messages("Pay my bill.")})
            ),
        ],
    )
    (session,) = read([path])
    assert session.id == "t1"
    assert session.happened == (
        Prompt("Pay my bill.", 1_000),
        Call(0, "call-a", "read", {"path": "bill.txt"}, time=10_000),
        Result(0, '{"due": 12.5}', {"due": 12.5}, time=20_000),
        Call(1, "call-b", "pay", {"to": "GB33", "amount": 12.5}, time=30_000),
        Result(1, "Paid.", time=40_000),
    )


def test_overlapping_tools_keep_their_order_in_time(write_lines: Write) -> None:
    """Two calls that ran side by side are both decided before the first result."""
    spans = [_tool("t", "a", 10, 30, "read", "{}", "A"), _tool("t", "b", 11, 20, "read", "{}", "B")]
    (session,) = read([write_lines("s.jsonl", [_line(*spans)])])
    assert [(type(i).__name__, getattr(i, "step", None)) for i in session.happened] == [
        ("Call", 0),
        ("Call", 1),
        ("Result", 1),
        ("Result", 0),
    ]


def test_traces_of_one_conversation_are_one_session(write_lines: Write) -> None:
    """Later requests repeat the conversation so far; only what is new is a prompt."""
    first, second = {"conversation.id": "c"}, {"conversation.id": "c"}
    lines = [
        _line(_span("invoke_agent", "t1", "x", 1, 9, **first, **{"input.messages": _messages("One.")})),
        _line(_tool("t1", "a", 2, 3, "read", "{}", "A")),
        _line(
            _span(
                "invoke_agent", "t2", "y", 11, 19, **second, **{"input.messages": _messages("One.", "Two.")}
            )
        ),
        _line(_tool("t2", "b", 12, 13, "read", "{}", "B")),
        _line(_tool("t3", "c", 5, 6, "read", "{}", "C")),
    ]
    one, other = read([write_lines("s.jsonl", lines)])
    assert one.id == "c"
    assert [i.text for i in one.happened if isinstance(i, Prompt)] == ["One.", "Two."]
    assert [i.tool for i in one.happened if isinstance(i, Call)] == ["read", "read"]
    assert other.id == "t3"


def test_chat_spans_give_prompts_where_no_agent_span_does(write_lines: Write) -> None:
    """Without ``invoke_agent`` the user's messages come from the model requests, each once."""
    lines = [
        _line(_span("chat", "t", "x", 1, 2, **{"input.messages": _messages("Hello.")})),
        _line(_span("chat", "t", "y", 3, 4, **{"input.messages": _messages("Hello.")})),
        _line(_tool("t", "a", 2, 3, "read", "{}", "A")),
    ]
    (session,) = read([write_lines("s.jsonl", lines)])
    assert [i.text for i in session.happened if isinstance(i, Prompt)] == ["Hello."]


def test_failed_tools_have_error_results(write_lines: Write) -> None:
    """A span with an error status is a call whose result is an error; one without result has none."""
    failed = {**_tool("t", "a", 1, 2, "read", "{}", "boom"), "status": {"code": 2}}
    (session,) = read([write_lines("s.jsonl", [_line(failed, _tool("t", "b", 3, 4, "read", "{}"))])])
    assert session.calls[0].state == "error"
    assert [i.is_error for i in session.happened if isinstance(i, Result)] == [True]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (_line(_span("execute_tool", "t", "a", 1, 2, **{"tool.name": "read"})), "switch content capture on"),
        (_line(_span("execute_tool", "t", "a", 1, 2, **{"tool.call.arguments": "{}"})), "gen_ai.tool.name"),
        (_line({**_tool("t", "a", 1, 2, "read", "{}"), "startTimeUnixNano": "soon"}), "startTimeUnixNano"),
        (_line({**_tool("t", "a", 1, 2, "read", "{}"), "attributes": [{"key": 1}]}), "attributes as"),
        ({"resourceSpans": [{"scopeSpans": [{"spans": [3]}]}]}, "expected spans to be objects"),
    ],
)
def test_bad_spans_are_located(write_lines: Write, line: dict[str, Any], message: str) -> None:
    """A span that cannot be decided is an error that names the file and the line."""
    good = _line(_tool("t", "z", 1, 2, "read", "{}"))
    with pytest.raises(RecordError) as error:
        list(read([write_lines("s.jsonl", [good, line])]))
    assert str(error.value).startswith("s.jsonl:2: ")
    assert message in str(error.value)
