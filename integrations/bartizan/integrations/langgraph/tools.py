"""Guarding tools themselves: for tools that run outside a ToolNode, or inside other tools.

A guarded tool is a tool with the same name, description, schema, injected arguments and response format. It asks the
guard where every way of calling a tool meets (``run`` and ``arun``), and then runs the tool it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool
from langchain_core.tools import tool as create_tool
from pydantic import ConfigDict, PrivateAttr

from bartizan.guard import ToolCall

from . import results
from .door import Door
from .errors import CallDenied
from .grants import current
from .mediation import Denial
from .proposal import Proposal, from_config, injected_arguments

_COPIED = (
    "name",
    "description",
    "args_schema",
    "return_direct",
    "tags",
    "metadata",
    "response_format",
    "extras",
    "handle_tool_error",
    "handle_validation_error",
)


def guard_all(tools: Sequence[BaseTool | Callable[..., Any]], door: Door, owner: object) -> list[BaseTool]:
    """The tools, guarded, in the same order; functions become tools first."""
    return [
        tool
        if isinstance(tool, GuardedTool)
        else GuardedTool.of(tool if isinstance(tool, BaseTool) else create_tool(tool), door, owner)
        for tool in tools
    ]


class GuardedTool(BaseTool):
    """Stands for ``inner``: decides, and then runs it."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    inner: BaseTool
    _door: Door = PrivateAttr()
    _owner: object = PrivateAttr()
    _injected: frozenset[str] = PrivateAttr()

    @classmethod
    def of(cls, inner: BaseTool, door: Door, owner: object) -> GuardedTool:
        copied = {name: getattr(inner, name) for name in _COPIED if hasattr(inner, name)}
        guarded = cls(inner=inner, **copied)
        guarded._door, guarded._owner = door, owner
        guarded._injected = injected_arguments(inner)
        return guarded

    @property
    def func(self) -> Any:
        """The function behind the tool: LangGraph reads from its signature what it has to inject."""
        return getattr(self.inner, "func", None) or self.inner._run

    @property
    def coroutine(self) -> Any:
        return getattr(self.inner, "coroutine", None)

    @property
    def tool_call_schema(self) -> Any:
        return self.inner.tool_call_schema

    def get_input_schema(self, config: RunnableConfig | None = None) -> Any:
        return self.inner.get_input_schema(config)

    def run(self, tool_input: str | dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        inputs, config, tool_call_id = self._read(tool_input, kwargs)
        if self._let_go(inputs, tool_call_id):
            return self.inner.run(tool_input, *args, **kwargs)
        outcome = self._door.call(
            partial(self._propose, inputs, config, tool_call_id),
            lambda call: self.inner.run(self._decided(inputs, call), *args, **kwargs),
        )
        return self._answer(outcome, tool_call_id)

    async def arun(self, tool_input: str | dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        inputs, config, tool_call_id = self._read(tool_input, kwargs)
        if self._let_go(inputs, tool_call_id):
            return await self.inner.arun(tool_input, *args, **kwargs)
        outcome = await self._door.acall(
            partial(self._propose, inputs, config, tool_call_id),
            lambda call: self.inner.arun(self._decided(inputs, call), *args, **kwargs),
        )
        return self._answer(outcome, tool_call_id)

    def _run(self, **kwargs: Any) -> Any:
        return self.run(kwargs)

    def _read(
        self, tool_input: str | dict[str, Any], kwargs: dict[str, Any]
    ) -> tuple[dict[str, Any], RunnableConfig, str | None]:
        if isinstance(tool_input, str):  # a tool of one argument may be given just that
            fields = [name for name in self.args if name not in self._injected]
            tool_input = {fields[0] if fields else "input": tool_input}
        config: RunnableConfig | None = kwargs.get("config")
        return tool_input, config or RunnableConfig(), kwargs.get("tool_call_id")

    def _let_go(self, inputs: dict[str, Any], tool_call_id: str | None) -> bool:
        """Whether the ToolNode of a wrapped graph decided this very call just now."""
        grant = current(self._owner)
        return (
            grant is not None
            and grant.run is None
            and tool_call_id is not None
            and grant.matches(self.name, self._model_arguments(inputs))
        )

    def _model_arguments(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in inputs.items() if name not in self._injected}

    def _decided(self, inputs: dict[str, Any], call: ToolCall) -> dict[str, Any]:
        injected = {name: value for name, value in inputs.items() if name in self._injected}
        return {**call.arguments(), **injected}

    def _propose(self, inputs: dict[str, Any], config: RunnableConfig, tool_call_id: str | None) -> Proposal:
        return from_config(self.name, self._model_arguments(inputs), tool_call_id, config)

    def _answer(self, outcome: results.Output | Denial, tool_call_id: str | None) -> results.Output:
        if not isinstance(outcome, Denial):
            return outcome
        if tool_call_id is None:
            raise CallDenied(outcome.text)
        record = outcome.artifact["guard"].get("record")
        return results.error_message(
            outcome.text, self.name, tool_call_id, {results.GUARDED: record}, outcome.artifact
        )
