"""A suite's tools as LangChain tools, bound to one task environment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agentdojo.agent_pipeline.tool_execution import tool_result_to_str
from agentdojo.functions_runtime import Function, FunctionsRuntime, TaskEnvironment
from langchain_core.tools import BaseTool, StructuredTool, ToolException
from langgraph.prebuilt import ToolRuntime
from pydantic_core import to_jsonable_python

from .agent import PlannedCall


class Workplace:
    """One environment, its tools, and the log of the tool bodies that really ran, by call id.

    ``executed`` is written by the tools themselves and so does not depend on what a guard says it let through.
    """

    def __init__(self, runtime: FunctionsRuntime, environment: TaskEnvironment) -> None:
        self.environment = environment
        self.executed: dict[str, PlannedCall] = {}
        self._functions = runtime
        self.tools: Sequence[BaseTool] = [self._tool(function) for function in runtime.functions.values()]

    def _tool(self, function: Function[Any, Any]) -> StructuredTool:
        def run(runtime: ToolRuntime, **args: Any) -> tuple[str, Any]:
            return self._run(runtime.tool_call_id or "", PlannedCall(function.name, args))

        async def arun(runtime: ToolRuntime, **args: Any) -> tuple[str, Any]:
            return self._run(runtime.tool_call_id or "", PlannedCall(function.name, args))

        return StructuredTool.from_function(
            func=run,
            coroutine=arun,  # in memory: a thread per call would only cost time
            name=function.name,
            description=function.description,
            args_schema=function.parameters.model_json_schema(),  # AgentDojo validates, and words its own errors
            infer_schema=False,
            response_format="content_and_artifact",
            handle_tool_error=True,  # as in AgentDojo: an error is the tool's answer, not the end of the run
        )

    def _run(self, call_id: str, call: PlannedCall) -> tuple[str, Any]:
        """The text that AgentDojo shows its models, and the same result as JSON values."""
        if call_id in self.executed:
            raise RuntimeError(f"the call {call_id} ({call.tool}) ran twice")
        self.executed[call_id] = call
        result, error = self._functions.run_function(self.environment, call.tool, call.args)
        if error is not None:
            raise ToolException(error)
        return tool_result_to_str(result), to_jsonable_python(result)


def tools_of(functions: Sequence[Function[Any, Any]]) -> Sequence[BaseTool]:
    """A suite's tools for reading their names and schemas only; they have no environment to run in."""
    return Workplace(FunctionsRuntime(functions), TaskEnvironment()).tools
