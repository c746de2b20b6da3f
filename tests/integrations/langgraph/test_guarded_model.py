"""What a guarded model says is what may leave: in streams, callbacks, traces and the state."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import BaseModel, Field

from bartizan.guard import Proposal, Refused
from bartizan.guard.stream.errors import UnknownFrame
from bartizan.guard.stream.rules import ScoreRule, Span
from bartizan.guard.stream.setting import Limits
from bartizan.guard.testing import StaticProgram
from bartizan.integrations.langgraph import Speech, correction_of
from bartizan.integrations.langgraph.testing import ScriptedModel, StreamingModel, calling
from bartizan.policies.regular import regex
from bartizan.policies.regular.hold_back import HoldBack

SECRET = "sk-4f9a81c07d"
PROGRAM = StaticProgram(allow=["pay", "read", "send"], deny=["wipe"], limits={"amount": 100})
THREAD = {"configurable": {"thread_id": "t"}}


class Clamp:
    """Proposes the largest amount there may be."""

    name = "clamp"

    async def propose(self, refused: Refused) -> Sequence[Proposal]:
        return [Proposal({**refused.request.call.arguments(), "amount": 100}, self.name)]


class Keys:
    """Text rules that redact keys: an automaton of the policies' engine, and nothing else."""

    scores: Sequence[ScoreRule] = ()

    def __init__(self) -> None:
        self._scanner = HoldBack(regex("sk-[0-9a-f]{10}").pattern, 64)

    def scanner(self) -> Any:
        return _Scanner(self._scanner.fork())

    def watcher(self) -> None:
        return None


class _Scanner:
    def __init__(self, found: HoldBack) -> None:
        self._found = found

    @property
    def held(self) -> str:
        return self._found.held

    def push(self, text: str) -> list[Span]:
        return [Span(p.text, ("keys",) if p.matched else (), "[key]", p.sure) for p in self._found.push(text)]

    def finish(self) -> list[Span]:
        return [Span(p.text, ("keys",) if p.matched else (), "[key]", p.sure) for p in self._found.finish()]

    def fork(self) -> Any:
        return _Scanner(self._found.fork())

    def drop(self) -> None:
        self._found.drop()


class Listener(BaseCallbackHandler):
    """Hears whatever callbacks are told."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.heard: list[Any] = []

    def on_llm_new_token(self, token: Any, *, chunk: Any = None, **kwargs: Any) -> None:
        self.tokens.append(token)
        self.heard.append((token, chunk))

    def on_llm_end(self, response: Any, **kwargs: Any) -> None:
        self.heard.append(response)

    def on_chain_end(self, outputs: Any, **kwargs: Any) -> None:
        self.heard.append(outputs)


SPEECH = Speech(rules=Keys())
LEAKS = AIMessage(f"The key is {SECRET}, keep it. sk-none.")
SAID = "The key is [key], keep it. sk-none."


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


# --- what goes wrong


class _Fails(StreamingModel):
    """Breaks off after a few pieces."""

    error: Any = None

    def _pieces(self, answer: AIMessage) -> Iterator[AIMessageChunk]:
        yield AIMessageChunk(content="Well, ")
        raise self.error


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_what_the_model_raises_is_raised(guard, asynchronous) -> None:
    """The very exception, so that retries and fallbacks work as without a guard; what may leave has left before."""
    error = ConnectionError("lost")
    model = guard.model(_Fails(script=[AIMessage("x")], error=error), SPEECH)
    said = []

    def drain() -> None:
        for chunk in model.stream("Go."):
            said.append(chunk.text)

    async def adrain() -> None:
        async for chunk in model.astream("Go."):
            said.append(chunk.text)

    with pytest.raises(ConnectionError) as raised:
        await (adrain() if asynchronous else asyncio.to_thread(drain))
    assert raised.value is error
    assert "".join(said) == "Well, "


class _Thinks(StreamingModel):
    """Says a block that not everybody knows."""

    def _pieces(self, answer: AIMessage) -> Iterator[AIMessageChunk]:
        yield AIMessageChunk(content=[{"type": "thinking", "thinking": SECRET, "index": 0}])
        yield AIMessageChunk(content=[{"type": "text", "text": "Hello.", "index": 1}])
        yield AIMessageChunk(content=[], chunk_position="last")


def test_what_is_not_understood_ends_the_run(guard) -> None:
    """With the remedy in the error; with it, the block is dropped."""
    inner = _Thinks(script=[AIMessage("x")])
    with pytest.raises(UnknownFrame, match="ignored="):
        list(guard.model(inner, SPEECH).stream("Go."))
    dropped = guard.model(inner, Speech(rules=Keys(), ignored=frozenset({"thinking"})))
    assert "".join(chunk.text for chunk in dropped.stream("Go.")) == "Hello."


class _Slow(StreamingModel):
    """Says something, then nothing for long."""

    closed: list[str] = Field(default_factory=list)

    async def _astream(self, messages: Any, *args: Any, **kwargs: Any) -> AsyncIterator[ChatGenerationChunk]:
        try:
            yield ChatGenerationChunk(message=AIMessageChunk(content="Well, "))
            await asyncio.sleep(60)
        finally:
            self.closed.append("closed")


async def test_a_model_that_says_nothing_for_too_long_is_cut_off(guard) -> None:
    """The stream ends as filtered, and the model's own stream is closed."""
    inner = _Slow(script=[])
    model = guard.model(inner, Speech(rules=Keys(), limits=Limits(idle=0.1)))
    chunks = [chunk async for chunk in model.astream("Go.")]
    assert "".join(chunk.text for chunk in chunks) == "Well, "
    assert any(chunk.response_metadata.get("finish_reason") == "content_filter" for chunk in chunks)
    assert inner.closed == ["closed"]


async def test_a_consumer_that_goes_away_closes_the_model(guard) -> None:
    """Leaving the loop, or being cancelled, ends both sides at once."""
    inner = _Slow(script=[])
    model = guard.model(inner, SPEECH)
    stream = model.astream("Go.")
    assert (await anext(stream)).text == "Well, "
    await stream.aclose()
    assert inner.closed == ["closed"]

    async def listen() -> None:
        async for _ in model.astream("Go."):
            pass

    listening = asyncio.create_task(listen())
    await asyncio.sleep(0.1)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    assert inner.closed == ["closed", "closed"]


def test_a_synchronous_consumer_that_goes_away_ends_the_thread(guard) -> None:
    """No thread is left reading."""
    model = guard.model(StreamingModel(script=[AIMessage("word " * 1000)]), SPEECH)
    stream = model.stream("Go.")
    next(stream)
    stream.close()
    until = time.monotonic() + 5
    while any(thread.name == "bartizan-model" for thread in threading.enumerate()):
        assert time.monotonic() < until
        time.sleep(0.01)


def test_more_than_one_answer_is_refused(guard) -> None:
    """Only the first would be looked at."""

    class Two(ScriptedModel):
        def _generate(self, *args: Any, **kwargs: Any) -> ChatResult:
            return ChatResult(generations=[ChatGeneration(message=LEAKS), ChatGeneration(message=LEAKS)])

    with pytest.raises(UnknownFrame, match="n=1"):
        guard.model(Two(script=[])).invoke("Go.")


async def test_the_callers_context_is_left_alone(guard) -> None:
    """Callbacks of the caller's own other runs go on as before."""
    from langchain_core.runnables.config import var_child_runnable_config

    before = var_child_runnable_config.get()
    async for _ in guard.model(StreamingModel(script=[LEAKS]), SPEECH).astream("Go."):
        assert var_child_runnable_config.get() is before
    assert var_child_runnable_config.get() is before


async def test_many_streams_do_not_meet(guard) -> None:
    """Each has its own text, synchronous and asynchronous ones together."""
    models = [guard.model(StreamingModel(script=[AIMessage(f"{n}: {SECRET}.")]), SPEECH) for n in range(16)]

    async def said(model: Any) -> str:
        return "".join([chunk.text async for chunk in model.astream("Go.")])

    streams = [said(model) for model in models]
    threads = [
        asyncio.to_thread(lambda m=model: "".join(c.text for c in m.stream("Go."))) for model in models
    ]
    assert await asyncio.gather(*streams, *threads) == [f"{n}: [key]." for n in range(16)] * 2


@pytest.mark.parametrize("proposer", ["crash", "hang", "garbage"])
def test_a_broken_proposer_leaves_the_stream_as_it_is(world, make_guard, run, results, proposer) -> None:
    """The call is passed on unchanged and denied at the tool."""

    class Broken:
        name = "broken"

        async def propose(self, refused: Refused) -> Any:
            if proposer == "crash":
                raise RuntimeError("no")
            if proposer == "hang":
                await asyncio.Event().wait()
            return [Proposal({"to": "eve"}, "x"), 7]

    guard = make_guard(PROGRAM, kernel={"proposers": [Broken()], "correct_within": 0.05})
    model = guard.model(StreamingModel(script=[calling(("pay", {"amount": 500}))]), SPEECH)
    out = run(guard.wrap(create_agent(model, world.tools)), "Go.")
    assert out["messages"][1].tool_calls[0]["args"] == {"amount": 500}
    assert [m.status for m in results(out)] == ["error"]
    assert isinstance(out["messages"][2], ToolMessage) and world.ran == []
