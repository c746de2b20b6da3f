"""What a guarded model may say: its stream through the guard, and what is noted of it in the message.

Calls are reviewed, not let go: one that is denied or escalated is passed on as it is, since the guarded tool will deny
it, or ask a person, and tell the agent. A call is reviewed only where the conversation can be read, in a graph whose
state has it: corrected without the user's words it might be corrected to what the user did not say.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import reduce
from operator import add
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage

from bartizan.guard import Outcome, ToolCall
from bartizan.guard.stream.events import End, StreamEvent
from bartizan.guard.stream.guarded import StreamGuard
from bartizan.guard.stream.rewriting import Rewriter
from bartizan.guard.stream.rules import Score, TextRules
from bartizan.guard.stream.ruling import Possible, Ruling
from bartizan.guard.stream.setting import Limits

from . import results
from .chunks import LangChainChunks
from .corrections import CORRECTIONS
from .door import Review
from .relay import Source, Through

NOTES = "notes"
"""Under ``results.GUARDED`` in the metadata of a model's message: what was done to its text and its calls."""


@dataclass(frozen=True, slots=True)
class Speech:
    """How the speech of a model is guarded.

    ``ignored`` names content blocks and fields that may be dropped (:mod:`.chunks`); ``rewriters`` may propose other
    words for sentences that rules refuse, and ``score`` measures sentences where rules ask for it; ``limits`` are those
    of :class:`~bartizan.guard.stream.setting.Limits`. ``rules`` stand in the place of the policy's own on text.
    ``possible``, which a :class:`bartizan.policies.completion.Completion` has, ends a message as aborted with the first
    call that could not be let go however it went on: the model need not finish it, and the agent gets no tool's answer.
    """

    ignored: frozenset[str] = frozenset()
    rewriters: Sequence[Rewriter] = ()
    score: Score | None = None
    limits: Limits = field(default_factory=Limits)
    rules: TextRules | None = None
    possible: Possible | None = None


class Utterance:
    """One message of a model on its way. ``review`` is None where calls cannot be reviewed."""

    def __init__(
        self, speech: Speech, rules: TextRules | None, review: Review | None, messages: Sequence[BaseMessage]
    ) -> None:
        self.chunks = LangChainChunks(speech.ignored)
        self._review = review
        self._corrections: dict[str, Any] = {}
        asked = next((m for m in reversed(messages) if isinstance(m, HumanMessage)), None)
        self._guard = StreamGuard(
            self._decide,
            rules=rules,
            score=speech.score,
            rewriters=speech.rewriters,
            possible=speech.possible,
            denied="pass",
            escalated="pass",
            after_edit="annotate",
            prompt=results.text_of(asked) if asked is not None else "",
            limits=speech.limits,
        )

    def through(self, source: Source[list[StreamEvent]]) -> Through[list[StreamEvent], AIMessageChunk]:
        """Chunks of what may leave. Where the model itself failed there is no end: the caller raises what it raised."""

        async def made(pieces: AsyncIterator[list[StreamEvent]]) -> AsyncIterator[AIMessageChunk]:
            async with aclosing(self._guard.run(_flat(pieces))) as events:  # type: ignore[type-var]
                async for event in events:
                    if isinstance(event, End) and source.failed is not None:
                        return
                    for chunk in self.chunks.write(event):
                        yield self._noted(chunk) if isinstance(event, End) else chunk

        return made

    async def _decide(self, call: ToolCall) -> Ruling:
        if self._review is None:
            return Ruling(Outcome.ALLOW, call)
        found, notice = await self._review(call)
        rules = tuple(reason.rule for reason in found.decision.reasons)
        if notice is None or found.correction is None:
            return Ruling(found.decision.outcome, call, rules)
        corrected = ToolCall.of(call.id, found.call.tool, found.call.args)
        self._corrections[call.id] = {"message": notice.text, **notice.data}
        return Ruling(found.decision.outcome, corrected, rules, notice.text, found.correction.patch)

    def _noted(self, last: AIMessageChunk) -> AIMessageChunk:
        notes = [
            {
                "kind": note.kind,
                "rules": list(note.rules),
                "id": note.id,
                "tool": note.tool,
                "held": note.held,
            }
            for note in self._guard.notes
        ]
        if notes:
            about = {NOTES: notes, CORRECTIONS: self._corrections}
            last.response_metadata = {**last.response_metadata, results.GUARDED: about}
        return last


async def _flat(pieces: AsyncIterator[list[StreamEvent]]) -> AsyncIterator[StreamEvent]:
    async for events in pieces:
        for event in events:
            yield event


def joined(chunks: Sequence[AIMessageChunk]) -> AIMessage:
    """The message that chunks are of."""
    whole = reduce(add, chunks)
    assert isinstance(whole, AIMessageChunk)
    return AIMessage(
        content=whole.content,
        additional_kwargs=whole.additional_kwargs,
        response_metadata=whole.response_metadata,
        tool_calls=whole.tool_calls,
        invalid_tool_calls=whole.invalid_tool_calls,
        usage_metadata=whole.usage_metadata,
    )
