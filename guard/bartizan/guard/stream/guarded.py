"""The guard of one stream: reads what a model says, and lets leave what may.

::

    stream = StreamGuard(decide, rules=program.text)
    async for event in stream.run(events): ...
    stream.notes  # what was done

It knows no transport and no provider (:mod:`.providers`). Upstream is read by a task, ahead of the consumer but not
far; text and calls leave in order (:mod:`.order`); there is one ``End``, always, and after anything that is not
understood, or takes too long, nothing but ``End("aborted")``. If the consumer goes away, the upstream is closed first,
then what is being asked is cancelled.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias, get_args

from .call_stage import CallStage
from .errors import BrokenStream
from .events import Channel, End, StreamEvent, TextDelta, ToolArgs, ToolEnd, ToolStart
from .notes import Note
from .order import Order
from .rewriting import Rewriter
from .rules import Score, TextRules
from .ruling import Decide, Possible
from .setting import Abort, Limits, Otherwise, Setting
from .text_stage import Said, TextStage, Told
from .upstream import OutOfTime, Upstream

AfterEdit: TypeAlias = Literal["continue", "annotate", "restart"]
Reissue: TypeAlias = Callable[[str], AsyncIterator[StreamEvent]]
"""Asks the model again, to go on after this text: what it then says continues it."""

MAX_RESTARTS = 1


class StreamGuard:
    """One per stream.

    Attributes:
        decide: decides whole calls (:func:`.reviewing.reviewed` asks a ``Guard``).
        rules: the policy's rules on text; None lets every text leave.
        score: measures signals of segments, for rules that ask for them; without it they are missing.
        rewriters: asked for other words, in this order, for segments that rules refuse.
        possible: asked while calls arrive whether they can still be let go; None if that is not to be asked.
        progressive: by tool, the arguments whose texts may leave while they arrive.
        denied, escalated: what becomes of calls that are: ``withhold`` them, or ``pass`` them on as they are to an
            executor that is guarded itself.
        after_edit: of text: ``continue``; ``annotate``, so that the caller tells the model at its next turn
            (:attr:`annotations`); or ``restart``: the model is asked by ``reissue`` to go on after the edited text,
            once, unless it has begun a call.
        prompt: what the model was asked, for the rewriters.
        on_note: told of every note as it is made.
    """

    def __init__(
        self,
        decide: Decide,
        *,
        rules: TextRules | None = None,
        score: Score | None = None,
        rewriters: Sequence[Rewriter] = (),
        possible: Possible | None = None,
        progressive: Mapping[str, Collection[str]] | None = None,
        denied: Otherwise = "withhold",
        escalated: Otherwise = "withhold",
        after_edit: AfterEdit = "continue",
        reissue: Reissue | None = None,
        prompt: str = "",
        limits: Limits | None = None,
        on_note: Callable[[Note], None] | None = None,
    ) -> None:
        if (after_edit == "restart") != (reissue is not None):
            raise ValueError(
                "expected `reissue` with after_edit='restart', and only then: it asks the model again"
            )
        self._setting = Setting(
            decide, rules, score, tuple(rewriters), possible, dict(progressive or {}), denied, escalated, prompt,
            limits or Limits(), on_note,
        )  # fmt: skip
        self._after_edit = after_edit
        self._reissue = reissue
        self._restarts = 0
        self._upstream: Upstream | None = None
        self._order = Order()
        self._numbers = itertools.count()
        self._calls = CallStage(self._setting)
        self._texts: dict[Channel, TextStage] = {
            channel: TextStage(channel, self._setting) for channel in get_args(Channel)
        }
        self._texts["content"].stop_at_edit = reissue is not None

    @property
    def notes(self) -> Sequence[Note]:
        """What was done so far."""
        return tuple(self._setting.notes)

    @property
    def annotations(self) -> Sequence[Note]:
        """With ``annotate``: the edits that the model should be told of at its next turn."""
        return tuple(note for note in self.notes if note.edited) if self._after_edit == "annotate" else ()

    async def run(self, upstream: AsyncIterator[StreamEvent]) -> AsyncIterator[StreamEvent]:
        """What may leave of ``upstream``, which is read and closed here. Raises nothing but cancellations."""
        if self._upstream is not None:
            raise RuntimeError("expected one stream for each StreamGuard, found a second")
        setting = self._setting
        if setting.limits.whole is not None:
            setting.until = setting.now() + setting.limits.whole
        self._upstream = Upstream(upstream, setting.limits.ahead)
        end: End | None = None
        try:
            while end is None:
                events, end = await self._step()
                for event in events:
                    yield event
        finally:
            await self._close()
        yield end

    async def _step(self) -> tuple[list[StreamEvent], End | None]:
        """What leaves after one more event, and the end if that was it."""
        last = None
        try:
            assert self._upstream is not None
            event = await self._upstream.next(self._setting.left(self._setting.limits.idle))
            return await self._on(event)
        except Abort as error:
            note, last = error.note, error.last
        except (OutOfTime, BrokenStream) as error:
            note = Note("aborted", str(error))
        except Exception as error:  # noqa: BLE001 (whatever it is, a bug included: nothing more leaves)
            note = Note("aborted", f"{type(error).__name__}: {error}"[:300])
        held = note.held or sum(stage.held for stage in self._texts.values())
        unread = await self._close()
        self._setting.note(replace(note, held=held, unread=unread))
        if last is not None:
            await last()
        return [], End("aborted")

    async def _close(self) -> int:
        """Upstream first, then what is being asked."""
        try:
            return await self._upstream.close() if self._upstream is not None else 0
        finally:
            await self._setting.tasks.cancel()

    async def _on(self, event: StreamEvent | None) -> tuple[list[StreamEvent], End | None]:
        match event:
            case TextDelta(str() as text, "content" | "refusal" as channel):
                told = await self._texts[channel].push(text)
                return [*self._told(channel, told), *await self._restart()], None
            case End():
                return await self._end(event)
            case None:
                raise BrokenStream("the stream stopped without an end")
        if not isinstance(event, ToolStart | ToolArgs | ToolEnd):
            raise BrokenStream(f"expected an event of a stream, found {event!r:.80}")
        if isinstance(event, ToolStart):
            self._texts["content"].stop_at_edit = False  # what has been called cannot be asked for again
        return await self._on_call(event), None

    async def _on_call(self, event: StreamEvent) -> list[StreamEvent]:
        found: list[StreamEvent] = []
        for index, events in await self._calls.push(event):
            numbers = ((stage, next(self._numbers)) for stage in self._texts.values())
            marks = {number for stage, number in numbers if stage.mark(number)}
            found += self._order.call(index, events, marks)
        return found

    def _told(self, channel: Channel, told: Sequence[Told]) -> list[StreamEvent]:
        found: list[StreamEvent] = []
        for one in told:
            if isinstance(one, Said):
                found += self._order.text(TextDelta(one.text, channel))
            else:
                found += self._order.passed(one.mark)
        return found

    async def _restart(self) -> list[StreamEvent]:
        stage = self._texts["content"]
        if not stage.stopped or self._reissue is None or self._upstream is None:
            return []
        unread = await self._upstream.close()
        self._restarts += 1
        self._upstream = Upstream(self._reissue(stage.sent), self._setting.limits.ahead)
        self._setting.note(Note("restarted", held=stage.held, unread=unread))
        stage.resume()
        stage.stop_at_edit = self._restarts < MAX_RESTARTS
        return []

    async def _end(self, end: End) -> tuple[list[StreamEvent], End]:
        found: list[StreamEvent] = []
        if end.finish == "aborted":
            return found, end
        await self._calls.push(end)
        for channel, stage in self._texts.items():
            stage.stop_at_edit = False
            found += self._told(channel, await stage.finish())
        if end.finish == "tool_calls" and self._calls.seen and not self._calls.left:
            self._setting.note(Note("finish", "no call was left to run: tool_calls became stop"))
            end = End("stop", end.usage)
        return found, end
