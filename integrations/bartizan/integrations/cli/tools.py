"""``bartizan schema`` and ``bartizan tools import``."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from bartizan.guard import MalformedJSON, parse_json
from bartizan.policies import ToolDecl
from bartizan.policies.document.schema import json_schema
from bartizan.policies.tools import to_yaml, tool_from_json_schema, tools_from_langchain, tools_from_mcp

from .console import give_up, out, read, write

app = typer.Typer(help="The types of tools.", no_args_is_help=True)


def schema(
    output: Annotated[Path | None, typer.Option("--out", "-o", help="Write to a file.")] = None,
) -> None:
    """Print the JSON Schema of policy files, for editors."""
    text = json.dumps(json_schema(), indent=2)
    if output is None:
        typer.echo(text)
    else:
        write(output, text + "\n")
        out.print(f"wrote {output}", markup=False)


@app.callback()
def _group() -> None:
    """The types of tools."""


@app.command("import")
def import_tools(
    source: Annotated[
        str, typer.Argument(help="A JSON file, or package.module:attribute for LangChain tools.")
    ],
    guess: Annotated[
        bool, typer.Option("--guess-effects", help="Guess effects from names where nothing is declared.")
    ] = False,
) -> None:
    """Print a `tools:` block from an MCP tool list, OpenAI function schemas, or LangChain tools.

    A JSON file holds the result of MCP's tools/list, a list of such tools, or a list of OpenAI functions.
    Importing from a module runs that module: import only code that you trust.
    """
    try:
        declarations = _declarations(source, guess)
        typer.echo(to_yaml(declarations), nl=False)
    except ValueError as error:
        give_up(f"{source}: {error}")


def _declarations(source: str, guess: bool) -> Sequence[ToolDecl]:
    module, colon, attribute = source.partition(":")
    if colon and not Path(source).exists():
        return tools_from_langchain(_attribute(module, attribute), guess)
    try:
        document = parse_json(read(Path(source)))
    except MalformedJSON as error:
        raise ValueError(str(error)) from error
    listed = document.get("tools", document) if isinstance(document, Mapping) else document
    if not isinstance(listed, list) or not all(isinstance(tool, dict) for tool in listed):
        raise ValueError("expected a list of tools, or an object with a list `tools`")
    functions = [_openai_function(tool) for tool in listed]
    if functions and all(functions):
        return [
            tool_from_json_schema(
                str(f["name"]), f.get("parameters") or {}, str(f.get("description") or ""), None, guess
            )
            for f in functions
            if f is not None
        ]
    if not all("name" in tool for tool in listed):
        raise ValueError("every tool needs a name")
    return tools_from_mcp(listed, guess)


def _openai_function(tool: Mapping[str, Any]) -> Mapping[str, Any] | None:
    function = tool.get("function", tool) if tool.get("type") == "function" else None
    return function if isinstance(function, Mapping) and "name" in function else None


def _attribute(module: str, attribute: str) -> Sequence[Any]:
    try:
        found = getattr(importlib.import_module(module), attribute)
        tools = found() if callable(found) and not hasattr(found, "name") else found
    except (ImportError, AttributeError, TypeError) as error:
        raise ValueError(str(error)) from error
    listed = list(tools) if isinstance(tools, (list, tuple)) else [tools]
    for tool in listed:
        if not hasattr(tool, "name"):
            raise ValueError(f"expected LangChain tools, found {type(tool).__name__}")
    return listed
