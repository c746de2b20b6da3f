"""A server that speaks MCP only as far as it must, and then writes what it likes. Standard library only."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

ASKED: list[Any] = []
"""What the other side answered to requests of this server's own."""


def send(message: Any) -> None:
    raw = message if isinstance(message, bytes) else json.dumps({"jsonrpc": "2.0", **message}).encode()
    sys.stdout.buffer.write(raw + b"\n")
    sys.stdout.buffer.flush()


def receive() -> Any:
    line = sys.stdin.buffer.readline()
    if not line:
        sys.exit(0)
    return json.loads(line)


def result(id: Any, **fields: Any) -> None:
    send({"id": id, "result": fields})


def said(text: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text}]


def ask(method: str, params: Any) -> None:
    send({"id": f"mine-{len(ASKED)}", "method": method, "params": params})
    while True:
        answer = receive()
        if answer.get("id") == f"mine-{len(ASKED)}":
            ASKED.append({method: "error" if "error" in answer else "result"})
            return


def misbehave(kind: str, id: Any) -> None:
    if kind == "no content":
        result(id)
    elif kind == "text for content":
        result(id, content="plain")
    elif kind == "unknown block":
        result(id, content=[{"type": "hologram", "text": "x"}])
    elif kind == "task":
        result(id, task={"taskId": "1", "status": "working"})
    elif kind == "result type":
        result(id, resultType="task", content=said("x"))
    elif kind == "list for result":
        send({"id": id, "result": [1]})
    elif kind == "null for result":
        send({"id": id, "result": None})
    elif kind == "both":
        send({"id": id, "result": {"content": said("x")}, "error": {"code": 1, "message": "x"}})
    elif kind == "odd error":
        send({"id": id, "error": {"code": "x", "message": 5}})
        send({"id": id, "error": {"code": 10**30, "message": "far " * 10, "data": [[]]}})
    elif kind == "nan":
        send(b'{"jsonrpc":"2.0","id":%d,"result":{"content":[],"structuredContent":{"x":NaN}}}' % id)
    elif kind == "surrogate":
        send(b'{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"\\ud800"}]}}' % id)
        result(id, content=said("after"))
    elif kind == "deep":
        nested: Any = 1
        for _ in range(150):
            nested = {"x": nested}
        result(id, content=said("x"), structuredContent=nested)
    elif kind == "long":
        result(id, content=said("4111-1111-1111-1111 " * 100_000))
    elif kind == "asks back":
        ask("sampling/createMessage", {"messages": [], "maxTokens": 1})
        ask(
            "elicitation/create",
            {"message": "Password?", "requestedSchema": {"type": "object", "properties": {}}},
        )
        ask("roots/list", {})
        ask("tools/call", {"name": "x"})
        result(id, content=said(json.dumps(ASKED)))
    else:
        for noise in (b"", b"{", b"\xff\xfe", b"[1]", b'{"jsonrpc":"2.0","id":"nobody","result":{}}'):
            send(noise)
        for _ in range(200):
            send({"method": "notifications/tools/list_changed"})
            send({"method": "notifications/message", "params": {"level": "info", "data": "x"}})
            send({"method": "notifications/progress", "params": {"progressToken": 99, "progress": 1}})
        result(id + 1, content=said("not yours"))
        result(id, content=said("after the noise"))


def main() -> None:
    tool = {"name": "strange", "inputSchema": {"type": "object", "properties": {"kind": {"type": "string"}}}}
    while True:
        message = receive()
        method, id = message.get("method"), message.get("id")
        if method == "initialize":
            result(
                id,
                protocolVersion="2025-06-18",
                capabilities={"tools": {}},
                serverInfo={"name": "x", "version": "1"},
            )
        elif method == "tools/list":
            result(id, tools=[tool])
        elif method == "tools/call":
            with Path(sys.argv[1]).open("a") as log:
                log.write("called\n")
            misbehave(message["params"]["arguments"]["kind"], id)
        elif id is not None and method is not None:
            send({"id": id, "error": {"code": -32601, "message": "no"}})


if __name__ == "__main__":
    main()
