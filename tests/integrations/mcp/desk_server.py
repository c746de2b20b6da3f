"""A service desk as an MCP server: a real one, run as a process of its own or inside a test.

Every call that reaches a tool is written to the file named by ``DESK_LOG``, one JSON text a line.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import anyio
from mcp import types
from mcp.server import Server
from mcp.server.stdio import stdio_server

CARD = "4111-1111-1111-1111"


def _tool(name: str, properties: dict[str, Any], **more: Any) -> types.Tool:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return types.Tool(name=name, input_schema=schema, **more)


TOOLS = [
    _tool("refund", {"order": {"type": "string"}, "amount": {"type": "integer"}}),
    _tool("lookup", {"order": {"type": "string"}}),
    _tool("wipe", {}),
    _tool("wait", {"seconds": {"type": "number"}}),
    _tool("crash", {}),
    _tool("strange", {"kind": {"type": "string"}}),
    _tool(
        "not declared", {"text": {"type": "string"}}, annotations=types.ToolAnnotations(read_only_hint=True)
    ),
    _tool("näme;\u202e\n$(id)", {}),
]


def record(call: dict[str, Any], log: Path | None = None) -> None:
    path = log or Path(os.environ["DESK_LOG"])
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(call) + "\n")


def text(said: str, **more: Any) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=said)], **more)


def strange(kind: str) -> Any:
    """Results that a hostile server might send."""
    if kind == "structured only":
        return types.CallToolResult(content=[], structured_content={"card": CARD, "n": 1})
    if kind == "escaped":
        return text("ok", structured_content={"said": f'"{CARD}"\n'})
    if kind == "link":
        block = types.ResourceLink(type="resource_link", name="a", uri="desk://a", description=f"card {CARD}")
        return types.CallToolResult(content=[block], _meta={"hidden": CARD})
    if kind == "embedded":
        inner = types.TextResourceContents(uri="desk://a", text=f"card {CARD}", _meta={"hidden": CARD})
        return types.CallToolResult(content=[types.EmbeddedResource(type="resource", resource=inner)])
    if kind == "image":
        image = types.ImageContent(type="image", data="aGVsbG8=", mime_type="image/png")
        return types.CallToolResult(content=[types.TextContent(type="text", text=f"card {CARD}"), image])
    if kind == "error":
        return text(f"no such card: {CARD}", is_error=True)
    if kind == "input required":
        asked = types.ElicitRequestFormParams(
            message="Password?", requested_schema={"type": "object", "properties": {}}
        )
        return types.InputRequiredResult(input_requests={"p": types.ElicitRequest(params=asked)})
    if kind == "protocol error":
        raise types_error(f"bad order {CARD}")
    return text("plain", _meta={"hidden": "meta"})


def types_error(message: str) -> Exception:
    from mcp.shared.exceptions import MCPError

    return MCPError(code=-32602, message=message)


def make_server(log: Path | None = None) -> Server[Any]:
    async def list_tools(context: Any, params: Any) -> types.ListToolsResult:
        half = len(TOOLS) // 2
        if params is not None and params.cursor == "half":
            return types.ListToolsResult(tools=TOOLS[half:])
        return types.ListToolsResult(tools=TOOLS[:half], next_cursor="half")

    async def call_tool(context: Any, params: types.CallToolRequestParams) -> Any:
        args = params.arguments or {}
        record({"tool": params.name, "args": args}, log)
        if params.name == "lookup":
            found = {"order": args["order"], "card": CARD, "paid": 120}
            return text(json.dumps(found), structured_content=found)
        if params.name == "wait":
            await context.session.report_progress(1, 2, "secret progress")
            try:
                await anyio.sleep(args["seconds"])
            except BaseException:
                record({"tool": "wait", "cancelled": True}, log)
                raise
        if params.name == "crash":
            os._exit(9)
        if params.name == "strange":
            return strange(args["kind"])
        return text(f"{params.name} done", structured_content={"done": args})

    async def list_resources(context: Any, params: Any) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=[types.Resource(name="card", uri="desk://card")])

    async def list_templates(context: Any, params: Any) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=[])

    async def read_resource(
        context: Any, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        record({"read": str(params.uri)}, log)
        said = f"the card is {CARD}"
        if "escaped" in str(params.uri):
            said = '["' + "".join(f"\\u{ord(letter):04x}" for letter in CARD) + '"]'
        content = types.TextResourceContents(uri=params.uri, text=said)
        return types.ReadResourceResult(contents=[content])

    async def list_prompts(context: Any, params: Any) -> types.ListPromptsResult:
        return types.ListPromptsResult(prompts=[types.Prompt(name="greet")])

    async def get_prompt(context: Any, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        said = types.PromptMessage(role="user", content=types.TextContent(type="text", text=f"hello {CARD}"))
        return types.GetPromptResult(messages=[said])

    return Server(
        "desk", version="7", instructions="Be kind.",
        on_list_tools=list_tools, on_call_tool=call_tool,
        on_list_resources=list_resources, on_list_resource_templates=list_templates,
        on_read_resource=read_resource, on_list_prompts=list_prompts, on_get_prompt=get_prompt,
    )  # fmt: skip


async def main() -> None:
    server = make_server()
    if sys.argv[1:] == ["http"]:
        import uvicorn

        app = server.streamable_http_app(host="127.0.0.1")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            print(listener.getsockname()[1], flush=True)
            config = uvicorn.Config(app, log_level="warning", lifespan="on")
            await uvicorn.Server(config).serve([listener])
    else:
        async with stdio_server() as (read, write):
            await server.run(read, write, server.create_initialization_options())


if __name__ == "__main__":
    asyncio.run(main())
