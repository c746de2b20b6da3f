"""What every session store must do. Run each check against your store::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    async def test_store(check, tmp_path):
        async def open_store():
            return MyStore(tmp_path)

        await check(open_store)

``open_store`` answers another handle to the same, at first empty, data each time (for a store in memory: the
same store). ``DURABLE_CHECKS`` are for stores that outlive their process.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from bartizan.guard.errors import StoreUnavailable, VersionConflict
from bartizan.guard.session import Retention, SessionStore, remember
from bartizan.guard.types import Event, Labels, Missing, Session, Signal, ToolCall

OpenStore = Callable[[], Awaitable[SessionStore]]
Check = Callable[[OpenStore], Awaitable[None]]

_KEEP = Retention(events=8, bytes=10_000)
_AWKWARD = {
    "big": 2**70,
    "one": 1,
    "one as a float": 1.0,
    "small": 5e-324,
    "negative zero": -0.0,
    "text": 'quote " slash \\ nul \x00 line \u2028 emoji \U0001f600 combining e\u0301',
    "": [None, True, False, [], {}],
    "deep": [[[[[[[[[[{"x": [1]}]]]]]]]]]],
}


async def loads_nothing_for_an_unknown_session(open_store: OpenStore) -> None:
    """A session that was never committed is ``None``, not an error and not an empty session."""
    store = await open_store()
    try:
        assert await store.load("unknown") is None
    finally:
        await store.aclose()


async def loads_exactly_what_was_committed(open_store: OpenStore) -> None:
    """Every field of a session and of every kind of event comes back equal, types included."""
    store = await open_store()
    try:
        session = Session("exact", state={"n": 0})
        for number, event in enumerate(_events()):
            after = remember(session, event, {"n": number, "awkward": _AWKWARD}, Retention())
            after = replace(
                after,
                approvals={f"approval {number}": {"created": number, "text": _AWKWARD["text"]}},
                once=(*session.once, (f"key{number}", "digest", "let go")),
            )
            await store.commit(after, session.version, (event,))
            session = after
        loaded = await store.load("exact")
        assert loaded is not None
        assert _plain(loaded) == _plain(session)
        assert repr(loaded.state["awkward"]) == repr({key: _AWKWARD[key] for key in loaded.state["awkward"]})
    finally:
        await store.aclose()


async def refuses_a_stale_version(open_store: OpenStore) -> None:
    """A change based on any version but the stored one raises ``VersionConflict`` and changes nothing."""
    store = await open_store()
    try:
        first = _next(Session("stale"), 1)
        await _commit(store, first)
        second = _next(first, 2)
        await _commit(store, second)
        for stale in (_next(Session("stale"), 9), _next(first, 9), _next(_next(second, 9), 9)):
            await _expect_conflict(store, stale)
        await _expect_conflict(store, _next(_next(Session("never seen"), 1), 2))
        loaded = await store.load("stale")
        assert loaded is not None
        assert _plain(loaded) == _plain(second)
        assert await store.load("never seen") is None
    finally:
        await store.aclose()


async def lets_exactly_one_of_fifty_commits_win(open_store: OpenStore) -> None:
    """Of fifty concurrent changes based on one version, through two handles, exactly one is committed."""
    stores = [await open_store(), await open_store()]
    try:
        session = Session("race")
        for round_ in range(4):
            candidates = [_next(session, 100 * round_ + number) for number in range(50)]
            outcomes = await asyncio.gather(
                *(_won(stores[number % 2], candidate) for number, candidate in enumerate(candidates))
            )
            assert outcomes.count(True) == 1
            winner = candidates[outcomes.index(True)]
            loaded = await stores[round_ % 2].load("race")
            assert loaded is not None
            assert _plain(loaded) == _plain(winner)
            session = winner
    finally:
        for store in {id(store): store for store in stores}.values():
            await store.aclose()


async def loses_no_update_among_retrying_writers(open_store: OpenStore) -> None:
    """Thirty writers that load, change and retry on conflict leave thirty versions and all their events."""
    store = await open_store()
    try:

        async def write(number: int) -> None:
            while True:
                session = await store.load("busy") or Session("busy", state={"sum": 0})
                event = Event("prompt", number, f"prompt {number}")
                after = remember(session, event, {"sum": session.state["sum"] + number}, Retention())
                try:
                    await store.commit(after, session.version, (event,))
                except VersionConflict:
                    continue
                return

        await asyncio.gather(*(write(number) for number in range(30)))
        final = await store.load("busy")
        assert final is not None
        assert (final.version, final.state["sum"]) == (30, sum(range(30)))
        assert sorted(event.text for event in final.events) == sorted(f"prompt {n}" for n in range(30))
    finally:
        await store.aclose()


async def keeps_sessions_apart(open_store: OpenStore) -> None:
    """Sessions whose ids look alike to a sloppy key scheme do not touch each other."""
    store = await open_store()
    ids = ["a", "A", "a:1", "a:1:events", "{a}", "a ", "a*", "é", "e\u0301", "%", "_", "a/b", "x" * 200]
    try:
        for number, name in enumerate(ids):
            await _commit(store, _next(Session(name), number))
        for number, name in enumerate(ids):
            loaded = await store.load(name)
            assert loaded is not None
            assert (loaded.id, loaded.version, loaded.state) == (name, 1, {"n": number})
            assert [event.text for event in loaded.events] == [f"event {number}"]
    finally:
        await store.aclose()


async def keeps_a_bounded_history_and_counts_the_rest(open_store: OpenStore) -> None:
    """Events that fell out of the history are gone and counted exactly, those too large to be kept included."""
    store, other = await open_store(), await open_store()
    try:
        session = Session("long")
        for number in range(40):
            text = "x" * 20_000 if number == 20 else f"event {number}"
            event = Event("text", number, text)
            after = remember(session, event, {}, _KEEP)
            await store.commit(after, session.version, (event,))
            session = after
            if number % 7 == 0 or number in (19, 20, 21):
                loaded = await other.load("long")
                assert loaded is not None
                assert _plain(loaded) == _plain(session)
                assert loaded.dropped + len(loaded.events) == number + 1
                assert (loaded.updated, loaded.clock) == (number, number)
        assert [event.text for event in session.events] == [f"event {n}" for n in range(32, 40)]
    finally:
        await store.aclose()
        await other.aclose()


async def shows_one_handle_what_another_committed(open_store: OpenStore) -> None:
    """Whatever a handle remembers of a session, it answers with the latest committed version."""
    one, two = await open_store(), await open_store()
    try:
        session = Session("shared")
        for number in range(12):
            session = _next(session, number)
            await _commit(one if number % 3 else two, session)
            for store in (one, two):
                loaded = await store.load("shared")
                assert loaded is not None
                assert _plain(loaded) == _plain(session)
    finally:
        await one.aclose()
        await two.aclose()


async def keeps_sessions_when_reopened(open_store: OpenStore) -> None:
    """A session is there, exactly, after the store was closed and opened again, and goes on from there."""
    store = await open_store()
    session = Session("durable")
    for number in range(12):
        event = Event("prompt", number, f"event {number}")
        after = remember(session, event, {"n": number}, _KEEP)
        await store.commit(after, session.version, (event,))
        session = after
    await store.aclose()
    store = await open_store()
    try:
        loaded = await store.load("durable")
        assert loaded is not None
        assert _plain(loaded) == _plain(session)
        await _commit(store, _next(loaded, 99))
    finally:
        await store.aclose()


async def answers_nothing_once_closed(open_store: OpenStore) -> None:
    """A closed store raises ``StoreUnavailable``: no stale answer, no commit that goes nowhere."""
    store = await open_store()
    await _commit(store, _next(Session("closed"), 1))
    await store.aclose()
    for attempt in (store.load("closed"), _commit(store, _next(Session("other"), 1))):
        try:
            await attempt
        except StoreUnavailable:
            continue
        raise AssertionError("a closed store answered")
    await store.aclose()


CHECKS: tuple[Check, ...] = (
    loads_nothing_for_an_unknown_session,
    loads_exactly_what_was_committed,
    refuses_a_stale_version,
    lets_exactly_one_of_fifty_commits_win,
    loses_no_update_among_retrying_writers,
    keeps_sessions_apart,
    keeps_a_bounded_history_and_counts_the_rest,
    shows_one_handle_what_another_committed,
)
DURABLE_CHECKS: tuple[Check, ...] = (keeps_sessions_when_reopened, answers_nothing_once_closed)


def _events() -> list[Event]:
    call = ToolCall.of("call é", "tool", _AWKWARD)
    signals = {
        "measured": Signal("measured", 0.25, 0.5, {"layer": 3, "why": ["x"]}),
        "missing": Signal("missing", Missing("timeout"), Missing("timeout")),
    }
    labels = Labels("trusted", (("$[*].subject", "untrusted"), ("$.x", "trusted")))
    return [
        Event("prompt", 1, _AWKWARD["text"]),  # type: ignore[arg-type]
        Event("call", 2, call=call, signals=signals, once="key"),
        Event("result", 3, "text", call, _AWKWARD, labels, signals=signals, once="key"),
        Event("result", 4, "", call, is_error=True),
        Event("result", 4, "no call", value=[1, 1.0, "1"]),
        Event("text", 5, "done"),
    ]


def _plain(session: Session) -> Session:
    """The session with plain dictionaries, to compare whatever mappings a store answers with."""
    return replace(
        session,
        state=dict(session.state),
        approvals=dict(session.approvals),
        events=tuple(replace(event, signals=dict(event.signals)) for event in session.events),
    )


def _next(session: Session, number: int) -> Session:
    event = Event("prompt", session.clock, f"event {number}")
    return remember(session, event, {"n": number}, Retention())


async def _commit(store: SessionStore, session: Session) -> None:
    await store.commit(session, session.version - 1, session.events[-1:])


async def _won(store: SessionStore, session: Session) -> bool:
    try:
        await _commit(store, session)
    except VersionConflict:
        return False
    return True


async def _expect_conflict(store: SessionStore, session: Session) -> None:
    if await _won(store, session):
        raise AssertionError(f"version {session.version} was committed over a version it was not based on")
