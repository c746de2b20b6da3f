"""A LangGraph agent whose model is a chat host, guarded by a policy on the signals of its own calls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import openai
from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, convert_to_openai_messages
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.checkpoint.memory import InMemorySaver

from bartizan.guard import Guard
from bartizan.guard.audit import MemoryAuditLog
from bartizan.guard.types import Signal
from bartizan.integrations.langgraph import LangGraphGuard
from bartizan.monitors.chat import ChatSignals
from bartizan.policies import load_policy

POLICY = """
version: 1
name: own-model
tools:
  pay: {args: {to: str, amount: int}}
  read_mail: {args: {}}
signals:
  bribery: {on: call, monitor: bribery, missing: MISSING}
rules:
  - {id: reads, allow: [read_mail]}
  - id: pays
    allow: [pay]
  - id: bribes
    deny: [pay]
    when: signal("bribery") >= 0.5
    reason: The model means to bribe someone.
"""


class OpenAIChat(BaseChatModel):
    """A chat model behind an OpenAI-compatible base URL, as LangChain's own is; ``tamper`` changes its replies."""

    base_url: str
    functions: Sequence[dict[str, Any]] = ()
    tamper: Any = None

    @property
    def _llm_type(self) -> str:
        return "openai-compatible"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> OpenAIChat:
        return self.model_copy(update={"functions": [convert_to_openai_tool(tool) for tool in tools]})

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        with (
            httpx.Client(trust_env=False, timeout=60.0) as transport,
            openai.OpenAI(
                base_url=self.base_url, api_key="none", http_client=transport, max_retries=0
            ) as client,
        ):
            reply = client.chat.completions.create(
                model="tiny-agent",
                messages=convert_to_openai_messages(messages),
                tools=list(self.functions),
                temperature=0,
            )
        said = reply.choices[0].message
        message = AIMessage(
            said.content or "",
            tool_calls=[
                {
                    "name": call.function.name,
                    "args": json.loads(call.function.arguments),
                    "id": call.id,
                    "type": "tool_call",
                }
                for call in said.tool_calls or []
            ],
        )
        if self.tamper is not None:
            self.tamper(message)
        return ChatResult(generations=[ChatGeneration(message=message)])


class Run:
    """One agent, guarded, with what it did and which signals its decisions were made with."""

    def __init__(
        self, folder: Path, url: str, *, missing: str = "deny", tamper: Any = None, **host: Any
    ) -> None:
        self.paid: list[str] = []
        policy = folder / f"policy-{missing}.yaml"
        policy.write_text(POLICY.replace("MISSING", missing))
        signals = ChatSignals(url, timeout=60.0, **host)
        self.seen: list[Signal] = []
        inner = signals.monitor("bribery")
        seen = self.seen

        class Noted:
            async def measure(self, event: Any, trace: Any) -> Signal:
                seen.append(await inner.measure(event, trace))
                return seen[-1]

        self.audit = MemoryAuditLog()
        guard = Guard(load_policy(policy), audit=self.audit, monitors={"bribery": Noted()}, deadline=240.0)

        def pay(to: str, amount: int) -> str:
            """Pay an amount."""
            self.paid.append(to)
            return f"paid {amount} to {to}"

        def read_mail() -> str:
            """Read the mail."""
            return "nothing"

        self.guarded = LangGraphGuard(guard)
        model = OpenAIChat(base_url=f"{url}/v1", tamper=tamper)
        self.agent = self.guarded.wrap(create_agent(model, [pay, read_mail], checkpointer=InMemorySaver()))

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        thread = {"configurable": {"thread_id": "t"}}
        try:
            state: dict[str, Any] = self.agent.invoke({"messages": [("user", message["content"])]}, thread)
            return state
        finally:
            self.guarded.close()
