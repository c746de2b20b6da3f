"""Tool declarations from real LangChain tools."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from langchain_core import tools as langchain_tools

from bartizan.policies.language import types as t
from bartizan.policies.language.types import Field, Record, ToolDecl
from bartizan.policies.tools import tools_from_langchain


def test_langchain_tools_are_read_without_injected_arguments() -> None:
    """A real LangChain tool gives its name, description, types and annotations; what is injected is left out."""

    def send_money(
        recipient: str,
        amount: float,
        kind: Literal["now", "later"] = "now",
        memo: str | None = None,
        tags: list[str] | None = None,
        state: Annotated[Any, langchain_tools.InjectedToolArg] = None,
        call: Annotated[str, langchain_tools.InjectedToolCallId] = "",
    ) -> str:
        """Send money."""
        return f"{recipient} {amount} {kind} {memo} {tags} {state} {call}"

    tool = langchain_tools.StructuredTool.from_function(
        send_money, metadata={"readOnlyHint": False, "destructiveHint": False, "openWorldHint": False}
    )
    (declaration,) = tools_from_langchain([tool])
    assert declaration.name == "send_money"
    assert declaration.description == "Send money."
    assert declaration.tags == {"write"}
    assert declaration.args == Record(
        (
            ("recipient", Field(t.Str())),
            ("amount", Field(t.F64())),
            ("kind", Field(t.Enum(("now", "later")), optional=True)),
            ("memo", Field(t.Str(), optional=True)),
            ("tags", Field(t.List(t.Str(), 64), optional=True)),
        )
    )


def test_langchain_tools_may_hold_plain_schemas() -> None:
    """A tool whose schema is a dictionary (as from MCP adapters) is read as it is."""
    schema = {"type": "object", "properties": {"url": {"type": "string"}}, "required": ["url"]}
    tool = langchain_tools.StructuredTool(
        name="fetch",
        description="d",
        args_schema=schema,
        func=len,
        extras={"annotations": {"readOnlyHint": True}},
    )
    (declaration,) = tools_from_langchain([tool])
    assert declaration == ToolDecl(
        "fetch", Record((("url", Field(t.Str())),)), frozenset({"read", "open"}), description="d"
    )
