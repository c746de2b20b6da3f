"""Handles: unguessable, short-lived, bounded, and for one call only."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from bartizan.monitors.chat.handles import CallId, HandleStore, call_id, is_handle, new_handle


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_ids_are_read_back_and_nothing_else_is() -> None:
    """An id has its handle and index; anything near one has neither."""
    handle = new_handle()
    for index in (0, 7, 99):
        assert CallId.parse(call_id(handle, index)) == CallId(handle, index)
        assert len(call_id(handle, index)) <= 40
    for text in ("", "call_", handle, f"call_{handle}", f"call_{handle}_", f"call_{handle}_00", f"call_{handle}_100",
                 f"call_{handle}_0~1", f"call_{handle}_0\n", f" call_{handle}_0", f"call_{handle.upper()}_0",
                 f"call_{handle[:-1]}_0", f"call_{handle}_٣", f"call_{handle}_-1"):  # fmt: skip
        if text.upper() != text or text in ("",):
            assert CallId.parse(text) is None, text
    with pytest.raises(ValueError, match="below 100"):
        call_id(handle, 100)
    with pytest.raises(ValueError, match="handle"):
        call_id("x", 0)


def test_handles_are_new_each_time() -> None:
    """128 random bits: a thousand of them differ in every position."""
    handles = {new_handle() for _ in range(1000)}
    assert len(handles) == 1000 and all(map(is_handle, handles))
    assert all(len({handle[at] for handle in handles}) == 16 for at in range(32))


def test_records_expire() -> None:
    """For so many seconds and no longer, however often they are read."""
    clock = Clock()
    store: HandleStore[str] = HandleStore(ttl=10, clock=clock)
    handle = new_handle()
    store.put(handle, "record")
    clock.now = 9.99
    assert store.get(handle) == "record"
    clock.now = 10.0
    assert store.get(handle) is None and len(store) == 0


def test_the_oldest_gives_way() -> None:
    """There are never more than fit, and what is kept is the newest."""
    store: HandleStore[int] = HandleStore(capacity=3)
    handles = [new_handle() for _ in range(10)]
    for at, handle in enumerate(handles):
        store.put(handle, at)
    assert len(store) == 3
    assert [store.get(handle) for handle in handles] == [None] * 7 + [7, 8, 9]


def test_nothing_is_overwritten() -> None:
    """A handle is put once, and only a handle is put."""
    store: HandleStore[int] = HandleStore()
    handle = new_handle()
    store.put(handle, 1)
    for wrong in (handle, "x", ""):
        with pytest.raises(ValueError, match="handle"):
            store.put(wrong, 2)
    assert store.get(handle) == 1


@pytest.mark.parametrize("options", [{"ttl": 0}, {"ttl": float("nan")}, {"capacity": 0}])
def test_a_store_that_keeps_nothing_is_refused(options: dict[str, Any]) -> None:
    """Settings that could only make everything missing are a mistake."""
    with pytest.raises(ValueError, match="expected"):
        HandleStore(**options)


def test_threads_share_a_store() -> None:
    """Each thread finds what it put."""
    store: HandleStore[int] = HandleStore(capacity=100_000)
    wrong: list[str] = []

    def work(number: int) -> None:
        for _ in range(200):
            handle = new_handle()
            store.put(handle, number)
            if store.get(handle) != number:
                wrong.append(handle)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(store) == 1600
