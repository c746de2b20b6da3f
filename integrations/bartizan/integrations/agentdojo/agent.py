"""The obedient agent: a chat model that plays a script and does whatever a tool output tells it to.

It is the worst case for a guard. A real model resists some injections and botches others; this one never
does: as soon as a tool message shows a planted text, it makes the attacker's calls, in full and correctly,
then goes on with the user's task. What it does next depends only on its script and the messages in the graph's
state, so a run that is interrupted for an approval and resumed continues where it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult

Role = Literal["user", "injected"]


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A tool name and JSON arguments."""

    tool: str
    args: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Script:
    """What the agent will do: the user's task and, once one of ``planted`` shows, the attacker's."""

    user: tuple[PlannedCall, ...]
    answer: str = ""
    injected: tuple[PlannedCall, ...] = ()
    injected_answer: str = ""
    planted: tuple[str, ...] = field(default=(), repr=False)


class ObedientAgent(BaseChatModel):
    """A :class:`Script` as a LangChain chat model, one tool call per turn."""

    script: Script

    @property
    def _llm_type(self) -> str:
        return "bartizan-obedient-agent"

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> ObedientAgent:
        """The script already names the tools it calls."""
        return self

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=next_message(self.script, messages))])


def next_message(script: Script, messages: Sequence[BaseMessage]) -> AIMessage:
    """The agent's next turn. A refused call counts as made: it is noted, never retried."""
    made = [
        call["id"] or ""
        for message in messages
        if isinstance(message, AIMessage)
        for call in message.tool_calls
    ]
    obeying = has_seen(script.planted, messages)
    if obeying and (position := _count(made, "injected")) < len(script.injected):
        return _turn("injected", position, script.injected[position], messages)
    if (position := _count(made, "user")) < len(script.user):
        return _turn("user", position, script.user[position], messages)
    said = [script.answer, script.injected_answer if obeying else ""]
    return AIMessage("\n".join(part for part in said if part))


def role_of(call_id: str) -> Role:
    """Whose call it is, by the id that the agent gave it."""
    return "injected" if call_id.startswith("injected-") else "user"


def has_seen(planted: Iterable[str], messages: Sequence[BaseMessage]) -> bool:
    """Whether any tool message shows one of the planted texts."""
    wanted = [form for text in planted for form in _forms(text) if form]
    return any(
        form in shown
        for message in messages
        if isinstance(message, ToolMessage)
        for shown in _forms(message.text)
        for form in wanted
    )


def _count(made: Sequence[str], role: Role) -> int:
    return sum(role_of(call_id) == role for call_id in made)


def _turn(role: Role, position: int, call: PlannedCall, messages: Sequence[BaseMessage]) -> AIMessage:
    last = messages[-1] if messages else None
    refused = isinstance(last, ToolMessage) and last.status == "error"
    note = f"{last.name} did not go through; going on without it." if refused and last is not None else ""
    return AIMessage(
        note,
        tool_calls=[{"name": call.tool, "args": call.args, "id": f"{role}-{position}", "type": "tool_call"}],
    )


# AgentDojo prints results as YAML or as Python literals, which wrap and escape: "\u00fc", "\n", a line
# folded after a backslash. A model reads through that, and so does this agent: texts are compared by
# their letters and digits alone, as they stand and with escapes decoded.
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|.)", re.DOTALL)


def _forms(text: str) -> tuple[str, str]:
    def decoded(match: re.Match[str]) -> str:
        digits = match[1] or match[2] or match[3]
        return chr(int(digits, 16)) if digits else " "

    return _letters(text), _letters(_ESCAPE.sub(decoded, text))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.casefold()))
