"""What a guarded model says is what may leave: in streams, callbacks, traces and the state."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import BaseModel, Field

from bartizan.guard import Event, Signal
from bartizan.integrations.langgraph import Speech, correction_of, load_guard
from bartizan.integrations.langgraph.testing import ScriptedModel, StreamingModel, calling

from .speaking import LEAKS, PROGRAM, SAID, SECRET, SPEECH, THREAD, Clamp, Listener, keys


@pytest.fixture
def guard(make_guard: Any) -> Any:
    return make_guard(PROGRAM, kernel={"proposers": [Clamp()]})


@pytest.fixture
def agent(world: Any, guard: Any) -> Callable[..., Any]:
    """``agent(*script)``: an agent of ``create_agent`` with a streaming guarded model and guarded tools."""

    def make(*script: AIMessage, model: Any = None, **options: Any) -> Any:
        inner = model or StreamingModel(script=list(script))
        made = create_agent(guard.model(inner, SPEECH), world.tools, checkpointer=InMemorySaver(), **options)
        return guard.wrap(made)

    return make


def ask(text: str = "Go.") -> dict[str, Any]:
    return {"messages": [("user", text)]}


# --- nothing gets out before


async def test_messages_are_streamed_as_they_may_leave(agent) -> None:
    """Token by token, without the key; joined they are the message in the state."""
    graph = agent(LEAKS)
    chunks = [item async for item in graph.astream(ask(), THREAD, stream_mode="messages")]
    said = [chunk for chunk, _ in chunks if isinstance(chunk, AIMessageChunk)]
    assert "".join(chunk.text for chunk in said) == SAID
    assert len([chunk for chunk in said if chunk.text]) > 8
    assert SECRET not in repr(chunks)
    state = await graph.aget_state(THREAD)
    assert state.values["messages"][-1].text == SAID


def test_messages_are_streamed_synchronously(agent) -> None:
    """The same from ``stream``."""
    chunks = list(agent(LEAKS).stream(ask(), THREAD, stream_mode="messages"))
    assert "".join(chunk.text for chunk, _ in chunks) == SAID
    assert len([chunk for chunk, _ in chunks if chunk.text]) > 8
    assert SECRET not in repr(chunks)


@pytest.mark.parametrize(
    "mode", ["values", "updates", "debug", ["messages", "updates", "values", "custom", "debug"]]
)
async def test_no_stream_mode_has_the_key(agent, mode) -> None:
    """Whatever is streamed, and whatever is kept."""
    graph = agent(LEAKS)
    items = [item async for item in graph.astream(ask(), THREAD, stream_mode=mode, subgraphs=True)]
    assert items and SECRET not in repr(items)
    assert SECRET not in repr([state async for state in graph.aget_state_history(THREAD)])


async def test_no_event_has_the_key(agent) -> None:
    """``astream_events`` tells of tokens, ends and outputs as they may leave."""
    events = [event async for event in agent(LEAKS).astream_events(ask(), THREAD, version="v2")]
    assert SECRET not in repr(events)
    tokens = [event["data"]["chunk"].text for event in events if event["event"] == "on_chat_model_stream"]
    assert "".join(tokens) == SAID


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
async def test_no_event_of_the_new_protocol_has_the_key(agent, guard) -> None:
    """LangChain's third version of streams, of an agent and of the model by itself."""
    events = [event async for event in await agent(LEAKS).astream_events(ask(), THREAD, version="v3")]
    assert events and SECRET not in repr(events)
    stream = guard.model(StreamingModel(script=[LEAKS]), SPEECH).stream_events("Go.", version="v3")
    assert "".join(stream.text) == SAID


def test_callbacks_never_hear_the_key(world, guard, run) -> None:
    """Neither a run's handler nor one that the application attached to the model behind; both hear the rest."""
    ours, theirs = Listener(), Listener()
    inner = StreamingModel(script=[LEAKS], callbacks=[theirs])
    graph = guard.wrap(create_agent(guard.model(inner, SPEECH), world.tools))
    out = run(graph, "Go.", {**THREAD, "callbacks": [ours]})
    assert SECRET not in repr((out, ours.heard, theirs.heard))
    assert theirs.heard and out["messages"][-1].text == SAID


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_tokens_of_a_handler_are_those_that_leave(guard, asynchronous) -> None:
    """A model used by itself tells ``on_llm_new_token`` what it streams."""
    listener = Listener()
    model = guard.model(StreamingModel(script=[LEAKS]), SPEECH)
    config = {"callbacks": [listener]}
    if asynchronous:
        said = [chunk.text async for chunk in model.astream("Go.", config)]
    else:
        said = [chunk.text for chunk in await asyncio.to_thread(lambda: list(model.stream("Go.", config)))]
    assert "".join(said) == "".join(listener.tokens) == SAID
    assert SECRET not in repr(listener.heard)


class _Nested(ScriptedModel):
    """Asks another model as LangChain's own runnables are asked, with the callbacks of whoever is around."""

    other: StreamingModel

    def _stream(self, messages: Any, *args: Any, **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        for chunk in self.other.stream(messages):
            yield ChatGenerationChunk(message=chunk)

    async def _astream(self, messages: Any, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        async for chunk in self.other.astream(messages):
            yield ChatGenerationChunk(message=chunk)


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_model_behind_the_model_is_not_heard(agent, asynchronous) -> None:
    """What a model asks on its way inherits no callbacks: its tokens are in no stream."""
    graph = agent(model=_Nested(script=[], other=StreamingModel(script=[LEAKS])))
    if asynchronous:
        items = [item async for item in graph.astream(ask(), THREAD, stream_mode=["messages", "debug"])]
    else:
        items = await asyncio.to_thread(
            lambda: list(graph.stream(ask(), THREAD, stream_mode=["messages", "debug"]))
        )
    assert SECRET not in repr(items)
    assert "".join(data[0].text for kind, data in items if kind == "messages") == SAID


@pytest.mark.parametrize("size", [1, 2, 5, 100])
def test_it_does_not_matter_how_the_text_arrives(agent, run, size) -> None:
    """Cut anywhere, whole or streamed: the same message."""
    graph = agent(model=StreamingModel(script=[LEAKS], size=size))
    streamed = [chunk for chunk, _ in graph.stream(ask(), THREAD, stream_mode="messages")]
    assert "".join(chunk.text for chunk in streamed) == SAID
    assert run(agent(LEAKS), "Go.")["messages"][-1].text == SAID


@pytest.mark.parametrize("model", [ScriptedModel, StreamingModel])
def test_a_model_that_does_not_stream_is_guarded_too(agent, run, model) -> None:
    """Invoked or streamed, the answer as a whole goes through the rules."""
    graph = agent(model=model(script=[LEAKS]))
    assert run(graph, "Go.")["messages"][-1].text == SAID
    chunks = list(graph.stream(ask(), {"configurable": {"thread_id": "u"}}, stream_mode="messages"))
    assert "".join(chunk.text for chunk, _ in chunks) == SAID


POLICY = """
version: 1
name: cashier
tools:
  pay: {args: {amount: int}, effect: destructive}
rules:
  - {id: pays, allow: [pay]}
  - {id: never-much, deny: [pay], when: args.amount > 1000}
repair:
  pay: {amount: clamp}
text:
  - {id: no-keys, redact: "sk-[0-9a-f]{10}", with: "[key]"}
"""


def test_a_policy_file_is_enough(tmp_path, world, run, results) -> None:
    """Its text rules and its repairs, by the solver, in one agent."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    with load_guard(tmp_path / "policy.yaml", correct_within=30) as guard:
        model = guard.model(StreamingModel(script=[calling(("pay", {"amount": 5000})), LEAKS]))
        out = run(guard.wrap(create_agent(model, world.tools)), "Pay 5000.")
    assert world.ran == [("pay", 1000)]
    assert out["messages"][1].tool_calls[0]["args"] == {"amount": 1000}
    assert correction_of(results(out)[0])["origin"] == "solver"
    assert out["messages"][-1].text == SAID
    [note] = out["messages"][-1].response_metadata["bartizan"]["notes"]
    assert (note["kind"], note["rules"]) == ("redacted", ["no-keys"])


SCORED = """
version: 1
name: polite
signals:
  rude: {on: text, monitor: rudeness}
rules:
  - {id: all, allow: ["*"]}
text:
  - {id: kind, withhold: {signal: rude, above: 0.5}, with: "I take that back."}
"""


class Rudeness:
    """Measures whether the word occurs."""

    async def measure(self, event: Event, trace: Any) -> Signal:
        return Signal("rude", float("fool" in event.text))


def test_a_policys_scores_are_measured_by_its_monitors(tmp_path) -> None:
    """A sentence above the line is not said; without the monitor, which is missing then, none is."""
    (tmp_path / "policy.yaml").write_text(SCORED)
    said = AIMessage("Good day. You fool. Here it is.")
    for monitors, expected in (
        ({"rude": Rudeness()}, "Good day. I take that back. Here it is."),
        ({}, "I take that back."),
    ):
        with load_guard(tmp_path / "policy.yaml", monitors=monitors) as guard:
            chunks = list(guard.model(StreamingModel(script=[said])).stream("Go."))
        assert "".join(chunk.text for chunk in chunks).strip() == expected


# --- calls


STREAMED = ["messages", None]


@pytest.mark.parametrize("mode", STREAMED)
def test_a_call_leaves_corrected_and_the_agent_is_told(world, agent, results, mode) -> None:
    """The message holds the corrected call, the tool gets it, and the note stands before the result: once."""
    graph = agent(calling(("pay", {"amount": 500})))
    if mode:
        streamed = list(graph.stream(ask("Pay 500."), THREAD, stream_mode=mode))
        assert "500" not in repr(
            [chunk.tool_call_chunks for chunk, _ in streamed if isinstance(chunk, AIMessageChunk)]
        )
        out = graph.get_state(THREAD).values
    else:
        out = graph.invoke(ask("Pay 500."), THREAD)
    assert out["messages"][1].tool_calls[0]["args"] == {"amount": 100}
    assert world.ran == [("pay", 100)]
    [message] = results(out)
    assert message.content.count('[{"op":"replace","path":"/amount","value":100}]') == 1
    assert message.content.endswith("\nRule limit\npaid 100")
    found = correction_of(message)
    assert found is not None
    assert (found["origin"], found["reasons"]) == ("clamp", [{"rule": "limit", "text": ""}])


def test_a_review_counts_nothing(agent, guard, run, session_of) -> None:
    """A call that is reviewed on its way and then executed is one call of the session."""
    run(agent(calling(("pay", {"amount": 500}))), "Go.")
    assert session_of(guard).state["calls"] == {"pay": 1}


def test_what_is_denied_is_passed_on_and_denied_at_the_tool(world, agent, run, results) -> None:
    """The agent reads why, as without streams."""
    out = run(agent(calling(("wipe", {"amount": 5}), ("pay", {"amount": 5}))), "Go.")
    assert [call["name"] for call in out["messages"][1].tool_calls] == ["wipe", "pay"]
    assert [message.status for message in results(out)] == ["error", "success"]
    assert world.ran == [("pay", 5)]


class Counting(StreamingModel):
    """Counts the pieces that it was asked for."""

    made: list[int] = Field(default_factory=list)

    def _pieces(self, answer: AIMessage) -> Iterator[AIMessageChunk]:
        for piece in super()._pieces(answer):
            self.made.append(1)
            yield piece


@pytest.mark.parametrize("early", [True, False])
async def test_a_model_need_not_finish_a_call_that_cannot_be_let_go(world, guard, early) -> None:
    """With ``possible`` its message ends there, as filtered, without the call; else the call is denied at the tool."""
    inner = Counting(script=[calling(("wipe", {"path": "/" + "a" * 9000})), AIMessage("Done.")])
    speech = Speech(rules=keys(), possible=(lambda tool, known, sent: tool != "wipe") if early else None)
    graph = guard.wrap(create_agent(guard.model(inner, speech), world.tools, checkpointer=InMemorySaver()))
    async for _ in graph.astream(ask("Wipe."), THREAD, stream_mode="messages"):
        pass
    said = (await graph.aget_state(THREAD)).values["messages"]
    assert world.ran == []
    if early:
        assert len(inner.made) < 300 and not said[-1].tool_calls and not said[-1].invalid_tool_calls
        assert said[-1].response_metadata["finish_reason"] == "content_filter"
        [note] = said[-1].response_metadata["bartizan"]["notes"]
        assert (note["kind"], note["tool"]) == ("hopeless", "wipe")
    else:
        assert len(inner.made) > 3000 and said[-1].text == "Done."


def test_arguments_that_are_no_json_become_no_call(world, agent, run, results) -> None:
    """LangChain would complete them."""

    class Broken(StreamingModel):
        def _pieces(self, answer: AIMessage) -> Iterator[AIMessageChunk]:
            call = {"name": "pay", "args": '{"amount": 5', "id": "a", "index": 0}
            yield AIMessageChunk(content="", tool_call_chunks=[call])
            yield AIMessageChunk(content="", chunk_position="last")

    graph = agent(model=Broken(script=[calling(("pay", {"amount": 5}))]))
    list(graph.stream(ask(), THREAD, stream_mode="messages"))
    last = graph.get_state(THREAD).values["messages"][-1]
    assert (last.tool_calls, world.ran) == ([], [])
    assert last.response_metadata["bartizan"]["notes"][0]["kind"] == "malformed"


def test_without_a_conversation_calls_are_left_to_the_tools(guard) -> None:
    """Outside a graph nothing is known of what the user said: a call is not corrected on its way."""
    answer = guard.model(StreamingModel(script=[calling(("pay", {"amount": 500}))]), SPEECH).invoke(
        "Pay 500.", THREAD
    )
    assert answer.tool_calls[0]["args"] == {"amount": 500}


def test_a_hand_made_graph_is_reviewed(world, guard, run, results) -> None:
    """A node that calls the model itself, with a ToolNode."""
    model = guard.model(StreamingModel(script=[calling(("pay", {"amount": 500}))]), SPEECH)
    builder = StateGraph(MessagesState)
    builder.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
    builder.add_node("tools", ToolNode(world.tools))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", tools_condition)
    builder.add_edge("tools", "model")
    out = run(guard.wrap(builder.compile()), "Go.")
    assert out["messages"][1].tool_calls[0]["args"] == {"amount": 100}
    assert correction_of(results(out)[0]) is not None


# --- being the model behind


class Person(BaseModel):
    """Somebody."""

    name: str


class _Binding(StreamingModel):
    """Binds tools as models do that send them."""

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        return self.bind(tools=[getattr(tool, "name", tool) for tool in tools], **kwargs)

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        result = super()._generate(messages)
        result.generations[0].message.response_metadata["model_name"] = str(kwargs.get("tools"))
        return result


def test_bound_tools_reach_the_model_behind(guard, world, run) -> None:
    """A binding of the model is a binding of the guarded one, with the same arguments."""
    bound = guard.model(_Binding(script=[LEAKS]), SPEECH).bind_tools(world.tools)
    answer = bound.invoke("Go.")
    assert answer.text == SAID
    assert answer.response_metadata["model_name"] == "['pay', 'read', 'send']"


@pytest.mark.parametrize("include_raw", [False, True])
def test_structured_output_is_that_of_the_model_behind(guard, include_raw) -> None:
    """Parsed from what the guarded model says."""
    model = guard.model(_Binding(script=[calling(("Person", {"name": "Ada"}))]), SPEECH)
    found = model.with_structured_output(Person, include_raw=include_raw).invoke("Who?")
    assert (found["parsed"] if include_raw else found) == Person(name="Ada")


def test_what_binds_itself_otherwise_is_refused(guard) -> None:
    """A model whose binding cannot be guarded is an error, not a way round."""

    class Odd(StreamingModel):
        def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
            return lambda messages: messages

    with pytest.raises(TypeError, match="expected Odd to bind itself"):
        guard.model(Odd(script=[])).bind_tools([])


def test_a_guarded_model_is_guarded_once(guard) -> None:
    """And has the type, tags and profile of the model behind."""
    inner = StreamingModel(script=[], tags=["a"], profile={"max_input_tokens": 9})
    model = guard.model(inner)
    assert guard.model(model) is model
    assert (model._llm_type, model.tags, model.profile) == ("scripted", ["a"], {"max_input_tokens": 9})


class _Swaps(AgentMiddleware):
    """Chooses another model for each request."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        return handler(request.override(model=self.model))

    async def awrap_model_call(self, request: Any, handler: Any) -> Any:
        return await handler(request.override(model=self.model))


def test_middleware_guards_whichever_model_is_chosen(world, guard, run, results) -> None:
    """Listed last it stands between other middleware and the model, and guards calls and words."""
    script = [calling(("pay", {"amount": 500})), LEAKS]
    middleware = [_Swaps(StreamingModel(script=script)), guard.middleware(speech=SPEECH)]
    out = run(world.agent(AIMessage("unused"), middleware=middleware), "Go.")
    assert out["messages"][1].tool_calls[0]["args"] == {"amount": 100}
    assert correction_of(results(out)[0]) is not None
    assert out["messages"][-1].text == SAID


@pytest.mark.parametrize("guards", ["nothing", "a model", "by middleware"])
@pytest.mark.parametrize("rules", ["", "text: [{id: keys, redact: 'AKIA[0-9A-Z]{16}'}]\n"])
def test_rules_that_guard_no_model_are_told_of(tmp_path, caplog, guards: str, rules: str) -> None:
    """A policy's rules on text do nothing where no model is guarded: that is logged when the graph is wrapped."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(f"version: 1\nname: quiet\n{rules}", "utf-8")

    def look() -> str:
        "Look."
        return "x"

    with load_guard(policy) as guard:
        model: Any = StreamingModel(script=[])
        middleware = [guard.middleware(speech=SPEECH)] if guards == "by middleware" else []
        model = guard.model(model) if guards == "a model" else model
        guard.wrap(create_agent(model, [look], middleware=middleware))
    assert ("rules on text" in caplog.text) is (guards == "nothing" and rules != "")
