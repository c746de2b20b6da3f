"""How the kernel says no, and when it gives up."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

# A computation that asks for others by yielding them and is sent their results: recursion without Python's stack.
Task: TypeAlias = Generator[Any, Any, T]

STEPS = 10_000_000
DEPTH = 100_000
BITS = 1 << 24


class KernelError(ValueError):
    """A declaration is refused: ``declaration`` is its name ("" outside of any), ``reason`` says why.

    ``line`` is the line of the file, where there is one.
    """

    def __init__(self, reason: str, declaration: str = "", line: int | None = None) -> None:
        self.reason, self.declaration, self.line = reason, declaration, line
        where = f"line {line}: " if line is not None else ""
        super().__init__(f"{where}{declaration}: {reason}" if declaration else f"{where}{reason}")


class BudgetError(KernelError):
    """The kernel gave up: the term may be right, but checking it takes more than the budget."""


class Budget:
    """How much one environment may spend.

    ``steps``: reductions, comparisons and inferences, weighted so that a step takes a few hundred bytes at most: they
    bound time and memory. ``depth``: terms inside terms. ``bits``: of a literal.
    """

    __slots__ = ("bits", "depth", "steps")

    def __init__(self, steps: int = STEPS, depth: int = DEPTH, bits: int = BITS) -> None:
        self.steps, self.depth, self.bits = steps, depth, bits

    def spend(self, steps: int = 1) -> None:
        """Raise :class:`BudgetError` once nothing is left."""
        self.steps -= steps
        if self.steps < 0:
            raise BudgetError("the checking takes more steps than the budget allows")

    def each(self, items: Iterable[T]) -> Iterator[T]:
        """Each of ``items``, a step being spent on it."""
        for item in items:
            self.spend()
            yield item


def run(task: Task[T], budget: Budget) -> T:
    """The result of ``task``, each task that it yields being run for it in the same way, on a stack of our own."""
    waiting: list[Task[Any]] = []
    result: Any = None
    current: Task[Any] = task
    while True:
        try:
            asked = current.send(result)
        except StopIteration as done:
            result = done.value
            if not waiting:
                return result  # type: ignore[no-any-return]
            current = waiting.pop()
        else:
            waiting.append(current)
            if len(waiting) > budget.depth:
                raise BudgetError(f"the terms are more than {budget.depth} levels deep")
            current, result = asked, None


__all__ = ["Budget", "BudgetError", "KernelError", "Task", "run"]
