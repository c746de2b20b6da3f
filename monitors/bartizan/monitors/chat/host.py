"""Requests on their way to the model and back: a bounded queue, one thread that generates, one that reads prompts.

Everything of a request lives in the event loop but for what those two threads do. A request that nobody waits for any
more is given up at the next token, or before its first.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .errors import BadRequest, ChatError, Overloaded, TooLong
from .formats import ToolFormat, opening
from .generate import Finished, Generator, Job
from .handles import HandleStore, new_handle
from .limits import ChatLimits
from .prompt import ChatPrompt
from .records import ReplySignals
from .wire import ChatRequest, Named, for_template

logger = logging.getLogger(__name__)


class GenerationFailed(ChatError):
    """The model failed; the log says how."""


class ChatHost:
    """One model, served. ``form`` is how it writes tool calls (``None``: it does not).

    More requests than may wait for the one that is being generated are :class:`Overloaded`.
    """

    def __init__(
        self,
        generator: Generator,
        prompt: ChatPrompt,
        *,
        name: str,
        form: ToolFormat | None,
        limits: ChatLimits,
    ) -> None:
        self.name, self.form = name, form
        self.store: HandleStore[ReplySignals] = HandleStore(ttl=limits.ttl, capacity=limits.capacity)
        self.created = int(time.time())
        self.probes = tuple(probe.name for probe in generator.probes)
        self._generator, self._prompt = generator, prompt
        self._most_tokens, self._room = limits.most_tokens, limits.waiting + 1
        self._under_way = 0
        self._jobs: set[Job] = set()
        self._generating = ThreadPoolExecutor(1, "bartizan-chat-generate")
        self._reading = ThreadPoolExecutor(1, "bartizan-chat-read")

    async def start(self, request: ChatRequest) -> Run:
        """The request, under way. Raises :class:`BadRequest` and :class:`Overloaded`; call :meth:`Run.close`."""
        if request.model != self.name:
            raise BadRequest(
                f"expected the model {self.name!r}, which is the one served here",
                param="model",
                code="model_not_found",
                status=404,
            )
        if self._under_way >= self._room:
            raise Overloaded(f"{self._under_way} requests are under way; ask again later")
        self._under_way += 1
        try:
            job = await asyncio.get_running_loop().run_in_executor(self._reading, self._job, request)
            run = Run(job, self)
        except BaseException:
            self._under_way -= 1
            raise
        self._jobs.add(job)
        return run

    def close(self) -> None:
        """No new replies; those under way are given up at their next token."""
        for job in self._jobs:
            job.cancelled.set()
        self._generating.shutdown(wait=False, cancel_futures=True)
        self._reading.shutdown(wait=False, cancel_futures=True)

    def _job(self, request: ChatRequest) -> Job:
        form = self._form(request)
        tools = [tool.for_template() for tool in request.tools] if request.tool_choice != "none" else []
        prompt = self._prompt.encode(for_template(request.messages), tools)
        begun: list[int] = []
        if form is not None and request.tool_choice not in ("auto", "none"):
            choice = request.tool_choice
            begun = self._prompt.encode_opening(
                opening(form, choice.function.name if isinstance(choice, Named) else None)
            )
        context = self._generator.context
        room = context - len(prompt) - len(begun)
        if room < 1 or not prompt:
            raise TooLong(f"expected a prompt of 1 to {context - 1} tokens, found {len(prompt)}")
        wanted = request.most_tokens if request.most_tokens is not None else self._most_tokens
        return Job(
            handle=new_handle(),
            prompt=prompt,
            opening=begun,
            most_tokens=min(wanted, self._most_tokens, room),
            form=form,
            one_call=not request.parallel_tool_calls,
            stops=request.stop,
            temperature=request.temperature,
            top_p=request.top_p,
            seed=request.seed,
        )

    def _form(self, request: ChatRequest) -> ToolFormat | None:
        if not request.tools or request.tool_choice == "none":
            return None
        if not self._prompt.takes_tools or self.form is None:
            raise BadRequest(
                "this model's chat template takes no tools, or writes calls in a form that this host does not know",
                param="tools",
                code="unsupported_value",
            )
        return self.form

    def _generate(self, job: Job, told: Callable[[str], None]) -> Finished | None:
        """In the generating thread. The signals are in the store before anyone hears of a call."""
        if job.cancelled.is_set():
            return None
        finished = self._generator.run(job, told)
        if finished is not None:
            self.store.put(job.handle, finished.signals)
        return finished


class Run:
    """One reply under way: read what is said with :meth:`said`, then :meth:`finished`; always :meth:`close` it."""

    def __init__(self, job: Job, host: ChatHost) -> None:
        self.handle = job.handle
        self._job, self._host = job, host
        self._loop = asyncio.get_running_loop()
        self._pieces: asyncio.Queue[str | None] = asyncio.Queue()
        self._open = True
        self._done = self._loop.run_in_executor(host._generating, host._generate, job, self._told)
        self._done.add_done_callback(self._ended)

    async def said(self) -> AsyncIterator[str]:
        """What the model says, in pieces, until it is done."""
        while (piece := await self._pieces.get()) is not None:
            yield piece

    async def finished(self) -> Finished:
        """The whole reply. Raises :class:`GenerationFailed`."""
        try:
            finished = await asyncio.shield(self._done)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            # The text of the error may hold some of the conversation's.
            logger.error("a reply failed: %s", type(error).__name__)
            raise GenerationFailed("the model failed") from error
        if finished is None:
            raise GenerationFailed("the reply was given up")
        return finished

    def close(self) -> None:
        """Nobody waits for this any more: its turn is given up, or it stops at the next token."""
        self._job.cancelled.set()
        self._done.cancel()

    def _told(self, said: str) -> None:
        self._loop.call_soon_threadsafe(self._pieces.put_nowait, said)

    def _ended(self, done: asyncio.Future[Any]) -> None:
        """In the loop, whatever became of it: now there is room for another."""
        self._host._under_way -= 1
        self._host._jobs.discard(self._job)
        self._pieces.put_nowait(None)
        if not done.cancelled():
            done.exception()  # it was, or will be, reported by who waits; nobody may
