"""What tests of guarded models share: rules that mask a key, a proposer, and a handler that hears everything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import AIMessage

from bartizan.guard import Proposal, Refused
from bartizan.guard.stream.rules import TextRules
from bartizan.guard.testing import StaticProgram
from bartizan.integrations.langgraph import Speech
from bartizan.policies import compile_policy

SECRET = "sk-4f9a81c07d"
PROGRAM = StaticProgram(allow=["pay", "read", "send"], deny=["wipe"], limits={"amount": 100})
THREAD = {"configurable": {"thread_id": "t"}}


class Clamp:
    """Proposes the largest amount there may be."""

    name = "clamp"

    async def propose(self, refused: Refused) -> Sequence[Proposal]:
        return [Proposal({**refused.request.call.arguments(), "amount": 100}, self.name)]


def keys() -> TextRules:
    """The rules on text of a policy that masks keys."""
    lines = [
        "version: 1",
        "name: keys",
        "text:",
        "  - {id: no-keys, redact: 'sk-[0-9a-f]{10}', with: '[key]'}",
    ]
    return compile_policy("\n".join([*lines, "rules:", "  - {id: all, allow: ['*']}", ""])).text


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


SPEECH = Speech(rules=keys())
LEAKS = AIMessage(f"The key is {SECRET}, keep it. sk-none.")
SAID = "The key is [key], keep it. sk-none."
