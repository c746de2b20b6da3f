"""Runs an analysis in a process of its own, which may hang, run out of memory or die without taking us along.

An analysis is a generator function ``analysis(*arguments, skip)`` that yields ``Asking(question)`` before each
question and then its results. ``skip`` holds the questions that it is to pass over without a word: those that
an earlier worker answered, or failed to answer.

The process is a fresh interpreter that imports nothing of ``__main__``, so that scripts without a ``__main__``
guard and interactive sessions may run analyses too. The analysis is looked up by its name, and has to be importable.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any, TypeVar

from ..answers import Budget, Unknown
from .errors import WorkerError

T = TypeVar("T")
Analysis = Callable[..., "Iterator[Asking | T]"]

_STARTING = "the start of the analysis"
_STARTUP = 60.0  # seconds to load the package, on a busy machine
_EXITING = 10.0


@dataclass(frozen=True, slots=True)
class Asking:
    """The analysis now works on ``question``. No two questions of an analysis have the same name."""

    question: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The worker was lost over ``question``. What was yielded for it before then stands."""

    question: str
    answer: Unknown


@dataclass(frozen=True, slots=True)
class _Done:
    pass


@dataclass(frozen=True, slots=True)
class _Raised:
    report: str
    out_of_memory: bool


@dataclass(frozen=True, slots=True)
class _Lost:
    reason: str


def run(
    analysis: Analysis[T], *arguments: Any, budget: Budget | None = None, isolated: bool = True
) -> Iterator[T | Unanswered]:
    """The results of an analysis as they come, with ``Unanswered`` for each question that was given up.

    Args:
        analysis: a generator function that can be imported by its name; see above.
        arguments: what it is called with, before the set of questions to skip. They are pickled.
        budget: ``seconds`` for one question, and ``megabytes`` of address space (where the system enforces it).
        isolated: False runs it here, for callers that are isolated already: then no limit is enforced.

    Raises:
        WorkerError: the analysis raised an exception, or cannot be sent to a worker; or this is an event loop's
            thread, which it would block.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise WorkerError(
            "an analysis blocks: expected a thread without an event loop; use asyncio.to_thread"
        )
    if isolated:
        return _isolated(analysis, arguments, Budget() if budget is None else budget)
    return (item for item in analysis(*arguments, frozenset()) if not isinstance(item, Asking))


def _isolated(analysis: Analysis[T], arguments: tuple[Any, ...], budget: Budget) -> Iterator[T | Unanswered]:
    skip: set[str] = set()
    while True:
        question = _STARTING
        with _Process(analysis, arguments, frozenset(skip), budget) as process:
            while True:
                item = process.next(
                    max(budget.seconds, _STARTUP) if question == _STARTING else budget.seconds
                )
                if isinstance(item, _Done):
                    return
                if isinstance(item, _Lost):
                    break
                if isinstance(item, Asking):
                    question = item.question
                    skip.add(question)
                else:
                    yield item
        yield Unanswered(question, Unknown(item.reason))
        if question == _STARTING:
            return


class _Process:
    """One worker, killed when the block is left, whatever the reason."""

    def __init__(
        self, analysis: Analysis[Any], arguments: tuple[Any, ...], skip: frozenset[str], budget: Budget
    ) -> None:
        if getattr(analysis, "__module__", None) == "__main__":
            raise WorkerError(
                f"expected an analysis that can be imported, found {analysis.__qualname__} of the main script; "
                "move it to a module"
            )
        try:
            task = pickle.dumps((analysis, (*arguments, skip), budget.megabytes))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise WorkerError(f"the analysis cannot be sent to a worker process: {error}") from error
        boot = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import serve; serve()"
        try:
            self._process = subprocess.Popen(  # the interpreter that runs us
                [sys.executable, "-c", boot], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        except OSError as error:
            raise WorkerError(f"the worker process could not be started: {error}") from error
        self._items: queue.Queue[Any] = queue.Queue()
        self._threads = (
            threading.Thread(target=self._send, args=(task,), daemon=True),
            threading.Thread(target=self._receive, daemon=True),
        )

    def __enter__(self) -> _Process:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(OSError):  # what was not sent yet is of no use any more
                pipe.close()

    def next(self, seconds: float) -> Any:
        """The next item, ``_Done``, or ``_Lost`` if there will be none."""
        try:
            item = self._items.get(timeout=seconds)
        except queue.Empty:
            return _Lost(f"it took more than {seconds:g} s")
        if isinstance(item, _Raised):
            if item.out_of_memory:
                return _Lost("the worker process ran out of memory")
            raise WorkerError(f"the analysis raised an exception in its worker process:\n{item.report}")
        return item

    def _send(self, task: bytes) -> None:
        """Write the task. The pipe stays open: the worker ends when it closes, as it does when we die."""
        assert self._process.stdin is not None
        with suppress(OSError):  # the worker died; the receiving thread reports it
            self._process.stdin.write(task)
            self._process.stdin.flush()

    def _receive(self) -> None:
        assert self._process.stdout is not None
        try:
            while True:
                item = pickle.load(self._process.stdout)  # noqa: S301 - what our own worker wrote
                self._items.put(item)
        except EOFError:
            code = self._process.wait()
            how = f"was killed by signal {-code}" if code < 0 else f"ended with status {code}"
            self._items.put(_Lost(f"the worker process {how}"))
        except Exception as error:  # noqa: BLE001 - garbage in the pipe must end the question, not the thread
            self._items.put(_Lost(f"the worker process sent what cannot be read: {error!r}"))


# --- in the worker


def serve() -> None:
    """The worker's whole life: reads one task from standard input, writes what it yields to standard output."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is interrupted, and kills us
    tasks, results = _own_pipes()
    task = pickle.load(tasks)  # noqa: S301 - what our own parent wrote
    threading.Thread(target=_die_with_parent, args=(tasks,), daemon=True).start()
    try:
        analysis, arguments, megabytes = task
        _limit_memory(megabytes)
        for item in analysis(*arguments):
            _write(results, item)
        _write(results, _Done())
    except MemoryError as error:
        _write(results, _Raised(repr(error), out_of_memory=True))
    except BaseException:  # noqa: BLE001 - whatever it is, the parent raises it
        import traceback

        _write(results, _Raised(traceback.format_exc(), out_of_memory=False))
    finally:
        # Not sys.exit: Z3's destructors may crash while the interpreter shuts down.
        os._exit(0)


def _own_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """The pipes to the parent, out of reach of prints, and of Z3, which on a failed assertion asks standard input."""
    tasks, results = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    return tasks, results


def _write(results: IO[bytes], item: Any) -> None:
    results.write(pickle.dumps(item))
    results.flush()


def _die_with_parent(tasks: IO[bytes]) -> None:
    tasks.read(1)
    os._exit(1)


def _limit_memory(megabytes: int) -> None:
    try:
        import resource
    except ImportError:  # not on this system
        return
    size = megabytes << 20
    with suppress(ValueError, OSError):  # a system that refuses, or a stricter limit that is there already
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
