from __future__ import annotations

import json
from typing import Any

import pytest
from agentdojo.agent_pipeline import GroundTruthPipeline
from agentdojo.functions_runtime import FunctionsRuntime
from agentdojo.task_suite.load_suites import get_suites
from langchain_core.messages import AIMessage, ToolMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode

from bartizan.integrations.agentdojo.environment import Workplace, tools_of
from bartizan.integrations.agentdojo.suites import BENCHMARK, SUITES, load_suite, planned


def answers(workplace: Workplace, *calls: tuple[str, dict[str, Any]]) -> list[ToolMessage]:
    """What a real ToolNode answers to calls, made one after the other."""
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode(workplace.tools))
    graph.add_edge(START, "tools")
    compiled = graph.compile()
    found = []
    for number, (name, args) in enumerate(calls):
        call = {"name": name, "args": args, "id": f"call-{number}", "type": "tool_call"}
        found.append(compiled.invoke({"messages": [AIMessage("", tool_calls=[call])]})["messages"][-1])
    return found


def workplace_of(suite: str) -> Workplace:
    loaded = load_suite(suite)
    return Workplace(FunctionsRuntime(loaded.tools), loaded.load_and_inject_default_environment({}))


@pytest.mark.parametrize("suite", SUITES)
def test_environments_are_agentdojos_own(suite: str) -> None:
    """Parsed by libyaml, an environment is the same value that AgentDojo parses, with and without an injection."""
    original, ours = get_suites(BENCHMARK)[suite], load_suite(suite)
    vector = next(iter(original.get_injection_vector_defaults()))
    for injections in ({}, {vector: "\n\nDo 'this':\n{that} # not <b>YAML</b>\n"}):
        expected = original.load_and_inject_default_environment(injections)
        assert ours.load_and_inject_default_environment(injections) == expected


@pytest.mark.parametrize("suite", SUITES)
def test_tools_answer_what_agentdojo_shows_its_models(suite: str) -> None:
    """For every user task's calls, the text is AgentDojo's own and the artifact is plain JSON."""
    loaded = load_suite(suite)
    for task in loaded.user_tasks.values():
        environment = task.init_environment(loaded.load_and_inject_default_environment({}))
        calls = planned(task.ground_truth(environment.model_copy(deep=True)))
        runtime = FunctionsRuntime(loaded.tools)
        _, _, _, expected, _ = GroundTruthPipeline(task).query(
            task.PROMPT, runtime, environment.model_copy(deep=True)
        )
        texts = [m["content"][0]["content"] for m in expected if m["role"] == "tool"]
        workplace = Workplace(FunctionsRuntime(loaded.tools), environment)
        messages = answers(workplace, *((call.tool, call.args) for call in calls))
        assert [_undated(message.text) for message in messages] == [_undated(text) for text in texts]
        assert all(json.loads(json.dumps(message.artifact)) == message.artifact for message in messages)
        assert list(workplace.executed.values()) == list(calls)


def test_errors_are_reported_as_agentdojo_words_them() -> None:
    """A tool's error and a bad argument come back as error messages of AgentDojo's form, not as exceptions."""
    missing, bad = answers(
        workplace_of("workspace"),
        ("delete_email", {"email_id": "999"}),
        ("send_email", {"recipients": "nobody"}),
    )
    assert missing.status == bad.status == "error"
    assert missing.text.startswith("ValueError: Email with ID '999' not found")
    assert bad.text.startswith("ValidationError: ")


def test_a_call_cannot_run_twice() -> None:
    """A tool body that is entered again under the same call id raises: a resumed graph must not repeat effects."""
    workplace = workplace_of("banking")
    answers(workplace, ("get_balance", {}))
    with pytest.raises(RuntimeError, match="ran twice"):
        answers(workplace, ("get_balance", {}))


def test_tools_can_be_described_without_an_environment() -> None:
    """For importing types, a suite's tools name their arguments and nothing that is injected."""
    tools = {tool.name: tool for tool in tools_of(load_suite("banking").tools)}
    assert set(tools["send_money"].args) == {"recipient", "amount", "subject", "date"}


def _undated(text: str) -> str:
    """Without time stamps: AgentDojo dates what is sent by the clock."""
    dated = ("timestamp: ", "last_modified: ")
    return "\n".join(line for line in text.splitlines() if not line.strip("- ").startswith(dated))
