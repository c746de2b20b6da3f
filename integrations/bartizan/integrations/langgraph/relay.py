"""From a model's stream where the caller is, through the guard's loop, back to the caller: piece by piece.

The model is read by a task of the caller's loop (or, for synchronous callers, by a thread), because its client belongs
there; what is made of its pieces is made on the guard's loop, where proposers, rewriters and stores live. Nothing is
read that was not asked for, and a caller who goes away stops both ends.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, suppress
from contextvars import Context
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar

from bartizan.integrations.portal import Errand, Portal

A = TypeVar("A")
B = TypeVar("B")

Through: TypeAlias = Callable[[AsyncIterator[A]], AsyncIterator[B]]
"""What the guard makes of a stream; it runs on the guard's loop."""

GRACE: Final = 1.0
"""Seconds for which a model that is told to stop is waited for."""

_END: Final = object()


@dataclass(slots=True)
class Source(Generic[A]):
    """Where a stream comes from. ``failed`` is what the model raised, if it did: for the caller to raise again."""

    pieces: Iterator[A] | AsyncIterator[A]
    context: Context  # in which it is read, and in which the guard's side runs
    failed: Exception | None = None


@dataclass(frozen=True, slots=True)
class _Failed:
    error: Exception


def relay(portal: Portal, source: Source[A], through: Through[A, B]) -> Iterator[B]:
    """What ``through`` makes of a synchronous stream, which a thread reads in the source's context."""
    wanted: queue.SimpleQueue[Errand[None, Any] | None] = queue.SimpleQueue()
    made: queue.SimpleQueue[Errand[Any, None] | None] = queue.SimpleQueue()

    def read() -> None:
        pieces: Any = source.pieces
        while (errand := wanted.get()) is not None:
            try:
                errand.settle(next(pieces, _END))
            except Exception as error:  # noqa: BLE001 (raised again at the caller's)
                source.failed = error
                errand.settle(_Failed(error))
        close = getattr(pieces, "close", None)
        if close is not None:
            with suppress(Exception):
                close()

    beside = source.context.copy()
    reader = threading.Thread(target=source.context.run, args=(read,), name="bartizan-model", daemon=True)
    reader.start()
    done = beside.run(portal.submit, _make(wanted.put, made.put, through))
    done.add_done_callback(lambda _: made.put(None))
    try:
        while (item := made.get()) is not None:
            yield item.argument
            item.settle(None)
        done.result()
    finally:
        done.cancel()
        wanted.put(None)
        reader.join(GRACE)


async def arelay(portal: Portal, source: Source[A], through: Through[A, B]) -> AsyncGenerator[B, None]:
    """As :func:`relay`, of an asynchronous stream, which a task of the caller's loop reads."""
    loop = asyncio.get_running_loop()
    wanted: asyncio.Queue[Errand[None, Any]] = asyncio.Queue()
    made: asyncio.Queue[Errand[Any, None] | None] = asyncio.Queue()

    def soon(put: Callable[[Any], None]) -> Callable[[Any], None]:
        def later(item: Any) -> None:
            with suppress(RuntimeError):  # the caller's loop is closed: nobody waits any more
                loop.call_soon_threadsafe(put, item)

        return later

    async def read() -> None:
        pieces: Any = source.pieces
        try:
            while True:
                errand = await wanted.get()
                answer: Any = _Failed(RuntimeError("the model's stream was cancelled"))
                try:
                    answer = await anext(pieces, _END)
                except Exception as error:  # noqa: BLE001 (raised again at the caller's)
                    source.failed = error
                    answer = _Failed(error)
                finally:
                    errand.settle(answer)
        finally:
            close = getattr(pieces, "aclose", None)
            if close is not None:
                with suppress(Exception):
                    await close()

    beside = source.context.copy()
    reader = loop.create_task(read(), context=source.context)
    done = beside.run(portal.submit, _make(soon(wanted.put_nowait), soon(made.put_nowait), through))
    done.add_done_callback(lambda _: soon(made.put_nowait)(None))
    try:
        while (item := await made.get()) is not None:
            yield item.argument
            item.settle(None)
        done.result()
    finally:
        done.cancel()
        reader.cancel()
        await asyncio.wait({reader}, timeout=GRACE)


async def _make(
    ask: Callable[[Errand[None, Any]], None],
    give: Callable[[Errand[Any, None]], None],
    through: Through[A, B],
) -> None:
    """On the guard's loop: asks for pieces, gives what is made of them, each when the one before was taken."""

    async def pieces() -> AsyncIterator[A]:
        while True:
            answer = await _errand(ask, None)
            if isinstance(answer, _Failed):
                raise answer.error
            if answer is _END:
                return
            yield answer

    # aclosing needs an asynchronous generator, which everything here is that has something to close
    async with aclosing(through(pieces())) as made:  # type: ignore[type-var]
        async for one in made:
            await _errand(give, one)


def _errand(put: Callable[[Errand[Any, Any]], None], argument: Any) -> Awaitable[Any]:
    errand: Errand[Any, Any] = Errand(argument)
    put(errand)
    return errand.answer
