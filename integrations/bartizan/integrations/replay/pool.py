"""The same work on many items, in processes of this machine, with the results in the items' order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from itertools import chain, islice
from typing import TypeVar

from ..processes import workers

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 3
"""How many items a process may be ahead of whoever takes the results, so that memory does not grow with them."""


def in_order(work: Callable[[Item], Result], items: Iterable[Item], jobs: int) -> Iterator[Result]:
    """``work(item)`` for each item, in order, whatever ``jobs`` is. Work and items go to other processes: picklable.

    With one job, or one item, all of it happens here.
    """
    left = iter(items)
    begun = list(islice(left, 2)) if jobs > 1 else []
    if len(begun) < 2:
        for item in chain(begun, left):
            yield work(item)
        return
    with workers(jobs) as pool:
        pending: deque[Future[Result]] = deque()
        try:
            for item in chain(begun, left):
                pending.append(pool.submit(work, item))
                if len(pending) > AHEAD * jobs:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:  # whoever takes the results may stop before the end
            for future in pending:
                future.cancel()
