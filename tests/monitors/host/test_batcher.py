"""Many callers, one engine: batches, deadlines, shedding, isolation, cancellation, shutdown."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
from collections import Counter
from typing import Any

import pytest
from tests.waiting import until

from bartizan.guard import Missing
from bartizan.monitors import Measurement, Query
from bartizan.monitors.host import Batcher, Limits

from .engines import FaultyEngine, HashedEngine, query


def reason(measurement: Measurement) -> str:
    assert isinstance(measurement.value, Missing), measurement
    assert isinstance(measurement.p_value, Missing)
    return measurement.value.reason


def value(measurement: Measurement) -> float:
    assert isinstance(measurement.value, float), measurement
    return measurement.value


async def test_an_answer_is_the_engine_s_own() -> None:
    """A query gets what the engine alone would have answered, and how long it took beside the evidence."""
    asked = query("hello there world")
    (alone,) = HashedEngine().measure([asked])
    async with Batcher(HashedEngine(), Limits(timeout=60.0)) as batcher:
        got = await batcher.measure(asked)
    assert got.value == alone.value and got.p_value == alone.p_value
    assert got.evidence["words"] == alone.evidence["words"]
    host = got.evidence["host"]
    assert host["batch"] == 1 and host["queued_ms"] >= 0 and host["computed_ms"] > 0


async def test_answers_do_not_depend_on_the_batch(faulty: FaultyEngine) -> None:
    """Hundreds of concurrent queries of four tenants, some cancelled, each get their own answer and no other's."""
    rng = random.Random(5)
    asked = [
        query(" ".join(f"w{rng.randrange(300)}" for _ in range(rng.randrange(1, 60))), tenant=f"t{n % 4}")
        for n in range(400)
    ]
    reference = HashedEngine()
    async with Batcher(faulty, Limits(timeout=60.0)) as batcher:
        busy = asyncio.create_task(batcher.measure(query("stop")))  # until many have gathered
        await asyncio.to_thread(faulty.waiting.wait)
        tasks = [asyncio.create_task(batcher.measure(one)) for one in asked]
        cancelled = set(rng.sample(range(400), 60))
        for number, task in enumerate(tasks):
            if number % 50 == 0:
                await asyncio.sleep(0)
            if number == 100:
                faulty.go.set()
            if number in cancelled:
                task.cancel()
        value(await busy)
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert batcher.stats().queue_depth == batcher.stats().queue_tokens == 0
    for number, (one, answer) in enumerate(zip(asked, answers, strict=True)):
        if isinstance(answer, asyncio.CancelledError):
            assert number in cancelled
            continue
        assert isinstance(answer, Measurement)
        assert value(answer) == pytest.approx(reference.measure([one])[0].value, abs=1e-6)
        assert answer.evidence["tenant"] == one.tenant
    assert max(len(batch) for batch in faulty.batches) > 8


async def test_batches_hold_one_shape_and_keep_their_bounds() -> None:
    """No batch mixes sizes, exceeds the count, or exceeds the tokens once padded."""
    limits = Limits(sizes=(8, 16, 64), max_batch=6, max_batch_tokens=64, timeout=60.0)
    engine = HashedEngine()
    async with Batcher(engine, limits) as batcher:
        texts = [" ".join(["w"] * (1 + n * 7 % 50)) for n in range(120)]
        await asyncio.gather(*(batcher.measure(query(text)) for text in texts))
    assert sum(len(batch) for batch in engine.batches) == 120
    for batch in engine.batches:
        sizes = {limits.padded(engine.tokens(one)) for one in batch}
        assert len(sizes) == 1
        assert len(batch) == 1 or len(batch) * sizes.pop() <= 64
        assert len(batch) <= 6


async def test_a_lone_query_waits_for_company_a_full_batch_does_not() -> None:
    """With an hour's patience, a batch that is full is computed at once."""
    engine = HashedEngine()
    async with Batcher(engine, Limits(max_batch=3, max_wait=3600.0, timeout=60.0)) as batcher:
        lone = asyncio.create_task(batcher.measure(query("a")))
        await asyncio.sleep(0.02)
        assert not lone.done() and engine.batches == []
        others = await asyncio.gather(batcher.measure(query("b")), batcher.measure(query("c")))
        assert [value(one) for one in (await lone, *others)]
    assert [len(batch) for batch in engine.batches] == [3]


async def test_a_query_whose_time_is_up_is_not_computed(faulty: FaultyEngine) -> None:
    """While the engine is busy a waiting query times out, frees its place, and the engine never sees it."""
    async with Batcher(faulty, Limits(timeout=60.0)) as batcher:
        busy = asyncio.create_task(batcher.measure(query("stop")))
        await asyncio.to_thread(faulty.waiting.wait)
        late = await batcher.measure(query("late"), within=0.02)
        assert reason(late) == "timeout"
        assert batcher.stats().queue_depth == 0
        faulty.go.set()
        value(await busy)
        value(await batcher.measure(query("next")))
    assert "late" not in faulty.counted
    assert [one.passages[-1].text for batch in faulty.batches for one in batch] == ["stop", "next"]


async def test_no_time_at_all_is_a_timeout(engine: HashedEngine) -> None:
    """A deadline that has passed already is answered at once."""
    async with Batcher(engine) as batcher:
        for within in (0.0, -1.0, float("nan")):
            assert reason(await batcher.measure(query("a"), within=within)) == "timeout"
    assert engine.batches == []


async def test_too_much_is_shed_at_once(faulty: FaultyEngine) -> None:
    """Past its share of a bounded queue a tenant is told "overloaded"; another tenant still gets in."""
    limits = Limits(max_queued=20, max_tenant_queued=12, max_batch=4, timeout=60.0)
    async with Batcher(faulty, limits) as batcher:
        busy = asyncio.create_task(batcher.measure(query("stop", tenant="flood")))
        await asyncio.to_thread(faulty.waiting.wait)
        flood = [asyncio.create_task(batcher.measure(query(f"w{n}", tenant="flood"))) for n in range(50)]
        await until(lambda: sum(task.done() for task in flood) == 38)
        other = [asyncio.create_task(batcher.measure(query(f"w{n}", tenant="other"))) for n in range(8)]
        third = asyncio.create_task(batcher.measure(query("w", tenant="third")))
        await until(
            lambda: sum(task.done() for task in flood) == 39
        )  # the queue is full: the flood gives way
        assert batcher.stats().queue_depth == 20 and batcher.stats().tenants_waiting == 3
        faulty.go.set()
        answers = await asyncio.gather(busy, *flood, *other, third)
    assert Counter(isinstance(one.value, float) for one in answers) == {True: 21, False: 39}
    assert {reason(one) for one in answers if not isinstance(one.value, float)} == {"overloaded"}
    assert batcher.stats().answers == {"measured": 21, "overloaded": 39}


async def test_a_quiet_tenant_is_not_starved_by_a_flood(faulty: FaultyEngine) -> None:
    """A query that arrives behind two hundred of another tenant is in one of the next two batches."""
    limits = Limits(max_batch=4, max_tenant_queued=200, timeout=60.0)
    async with Batcher(faulty, limits) as batcher:
        busy = asyncio.create_task(batcher.measure(query("stop", tenant="flood")))
        await asyncio.to_thread(faulty.waiting.wait)
        flood = [asyncio.create_task(batcher.measure(query(f"w{n}", tenant="flood"))) for n in range(200)]
        await until(lambda: batcher.stats().queue_depth == 200)
        quiet = asyncio.create_task(batcher.measure(query("please", tenant="quiet")))
        await until(lambda: batcher.stats().queue_depth == 201)
        faulty.go.set()
        await asyncio.gather(busy, *flood, quiet)
    places = [n for n, batch in enumerate(faulty.batches) if any(one.tenant == "quiet" for one in batch)]
    assert places[0] in (1, 2)


async def test_a_cancelled_caller_frees_its_place(faulty: FaultyEngine) -> None:
    """Cancellation goes through, and what was waited for is neither queued nor computed any more."""
    async with Batcher(faulty, Limits(max_tenant_queued=5, timeout=60.0)) as batcher:
        busy = asyncio.create_task(batcher.measure(query("stop")))
        await asyncio.to_thread(faulty.waiting.wait)
        tasks = [asyncio.create_task(batcher.measure(query("gone"))) for _ in range(5)]
        await until(lambda: batcher.stats().queue_depth == 5)
        assert reason(await batcher.measure(query("no place"))) == "overloaded"
        for task in tasks:
            task.cancel()
        assert all(
            isinstance(gone, asyncio.CancelledError)
            for gone in await asyncio.gather(*tasks, return_exceptions=True)
        )
        assert batcher.stats().queue_depth == 0
        place = asyncio.create_task(batcher.measure(query("place")))
        faulty.go.set()
        assert value(await place) and value(await busy)
    assert "gone" not in faulty.counted


async def test_a_poisonous_query_does_not_spoil_its_batch(
    faulty: FaultyEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """When the engine raises, each query of the batch is tried alone once; only those that raise are missing."""
    async with Batcher(faulty, Limits(max_wait=3600.0, max_batch=6, timeout=60.0)) as batcher:
        texts = ["a", "poison secret", "b", "nan", "c", "d"]
        answers = await asyncio.gather(*(batcher.measure(query(text)) for text in texts))
    assert [isinstance(one.value, float) for one in answers] == [True, False, True, False, True, True]
    assert reason(answers[1]) == "engine failed" and reason(answers[3]) == "not a measurement"
    assert [len(batch) for batch in faulty.batches] == [6, 1, 1, 1, 1, 1, 1]
    assert answers[0].evidence["host"]["batch"] == 1
    assert batcher.stats().failures == 2 and batcher.stats().failing == 0
    assert "RuntimeError at engines.py" in caplog.text and "secret" not in caplog.text


async def test_who_sends_poison_is_batched_alone_for_a_while(faulty: FaultyEngine) -> None:
    """After a tenant made the engine raise, others are not batched with it."""
    async with Batcher(faulty, Limits(max_batch=4, timeout=60.0, quarantine=3600.0)) as batcher:
        assert reason(await batcher.measure(query("poison", tenant="bad"))) == "engine failed"
        busy = asyncio.create_task(batcher.measure(query("stop", tenant="good")))
        await asyncio.to_thread(faulty.waiting.wait)
        tasks = [
            asyncio.create_task(batcher.measure(query("w", tenant=t))) for t in ("bad", "good", "bad", "good")
        ]
        await until(lambda: batcher.stats().queue_depth == 4)
        faulty.go.set()
        for answer in await asyncio.gather(busy, *tasks):
            value(answer)
    assert all(len({one.tenant for one in batch}) == 1 for batch in faulty.batches)


async def test_a_wrong_number_of_answers_is_a_failure(faulty: FaultyEngine) -> None:
    """Answers that cannot be told apart are nobody's: each query is asked again alone."""
    async with Batcher(faulty, Limits(max_wait=3600.0, max_batch=2, timeout=60.0)) as batcher:
        answers = await asyncio.gather(batcher.measure(query("short")), batcher.measure(query("b")))
    assert reason(answers[0]) == "engine failed" and value(answers[1])


async def test_what_cannot_be_counted_or_is_too_long_is_missing(faulty: FaultyEngine) -> None:
    """Each of these is answered with its reason, without the engine computing anything."""
    limits = Limits(max_query_tokens=20, max_characters=1_000, timeout=60.0)
    async with Batcher(faulty, limits) as batcher:
        assert reason(await batcher.measure(query("uncountable"))) == "engine failed"
        assert reason(await batcher.measure(query("w " * 30))) == "too long"
        assert reason(await batcher.measure(query("w" * 2_000))) == "too long"
        assert reason(await batcher.measure(Query("injection", ()))) == "unreadable"
        garbage: Any = Query("injection", ("text",))  # type: ignore[arg-type]
        assert reason(await batcher.measure(garbage)) == "not a query"
    assert faulty.batches == []


async def test_a_hanging_engine_piles_nothing_up(faulty: FaultyEngine) -> None:
    """Queries time out, the batcher says that the engine is stuck and refuses at once; then it recovers."""
    async with Batcher(faulty, Limits(timeout=300.0, stuck_after=0.05)) as batcher:
        assert batcher.health().ready
        busy = asyncio.create_task(batcher.measure(query("stop")))
        await asyncio.to_thread(faulty.waiting.wait)
        answers = await asyncio.gather(*(batcher.measure(query("w"), within=0.05) for _ in range(20)))
        assert {reason(one) for one in answers} <= {"timeout", "engine stuck"}
        await until(lambda: not batcher.health().live)
        assert reason(await batcher.measure(query("w"))) == "engine stuck"
        assert batcher.stats().queue_depth == 0
        faulty.go.set()
        value(await busy)
        await until(lambda: batcher.health().ready)
        value(await batcher.measure(query("w")))


async def test_an_engine_that_ends_its_thread_is_reported(
    faulty: FaultyEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever waits is answered, and so is whoever comes later."""
    async with Batcher(faulty, Limits(timeout=60.0)) as batcher:
        assert reason(await batcher.measure(query("exit"))) == "engine stopped"
        assert reason(await batcher.measure(query("w"))) == "engine stopped"
        assert not batcher.health().live
    assert "SystemExit" in caplog.text


async def test_shutting_down_answers_whoever_waits(faulty: FaultyEngine) -> None:
    """Queued queries are answered at once, what is being computed is finished, nothing new is taken."""
    batcher = Batcher(faulty, Limits(timeout=60.0))
    busy = asyncio.create_task(batcher.measure(query("stop")))
    await asyncio.to_thread(faulty.waiting.wait)
    queued = [asyncio.create_task(batcher.measure(query("w"))) for _ in range(5)]
    await until(lambda: batcher.stats().queue_depth == 5)
    closing = asyncio.create_task(batcher.aclose(grace=60.0))
    assert {reason(one) for one in await asyncio.gather(*queued)} == {"shutting down"}
    assert reason(await batcher.measure(query("w"))) == "shutting down"
    assert not busy.done()
    faulty.go.set()
    value(await busy)
    await closing
    await batcher.aclose()


async def test_shutting_down_does_not_wait_for_a_hanging_engine(faulty: FaultyEngine) -> None:
    """After the grace the engine is abandoned and its caller is answered."""
    batcher = Batcher(faulty, Limits(timeout=60.0))
    busy = asyncio.create_task(batcher.measure(query("stop")))
    await asyncio.to_thread(faulty.waiting.wait)
    await batcher.aclose(grace=0.01)
    assert reason(await busy) == "shutting down"


async def test_closing_what_never_started_is_fine(engine: HashedEngine) -> None:
    """No thread was started, none has to end."""
    await Batcher(engine).aclose()


def test_any_number_of_event_loops_may_ask(engine: HashedEngine) -> None:
    """One batcher serves event loops in turn and side by side, in several threads."""
    batcher = Batcher(engine, Limits(timeout=60.0))

    async def ask(count: int) -> list[Measurement]:
        return list(await asyncio.gather(*(batcher.measure(query(f"w{n}")) for n in range(count))))

    async def side_by_side() -> None:
        found = await asyncio.gather(*(asyncio.to_thread(asyncio.run, ask(20)) for _ in range(3)))
        assert [value(one) for one in found[0]] == pytest.approx([value(one) for one in found[1]], abs=1e-6)

    assert all(value(one) for one in asyncio.run(ask(3)))
    asyncio.run(side_by_side())
    asyncio.run(batcher.aclose())


def test_an_answer_for_a_closed_loop_is_dropped(faulty: FaultyEngine) -> None:
    """A caller whose event loop has gone away does not hold the engine up."""
    batcher = Batcher(faulty, Limits(timeout=60.0))

    async def leave() -> None:
        task = asyncio.create_task(batcher.measure(query("stop")))
        await asyncio.to_thread(faulty.waiting.wait)
        task.cancel()

    asyncio.run(leave())
    faulty.go.set()
    assert value(asyncio.run(batcher.measure(query("w"))))
    asyncio.run(batcher.aclose())


async def test_a_fork_is_answered(engine: HashedEngine) -> None:
    """In a forked process there is no engine thread: the answer is missing, nobody waits."""
    async with Batcher(engine, Limits(timeout=60.0)) as batcher:
        value(await batcher.measure(query("w")))
        batcher._process = os.getpid() + 1  # what a fork sees
        assert reason(await batcher.measure(query("w"))) == "forked"
        batcher._process = os.getpid()


async def test_an_engine_that_only_raises_is_not_ready(
    faulty: FaultyEngine, caplog: pytest.LogCaptureFixture
) -> None:
    """After many failures in a row the batcher is alive but not ready; one success mends that."""
    caplog.set_level(logging.CRITICAL)
    async with Batcher(faulty, Limits(timeout=60.0, quarantine=0.0)) as batcher:
        for _ in range(16):
            assert reason(await batcher.measure(query("poison"))) == "engine failed"
        assert batcher.health().live and not batcher.health().ready
        value(await batcher.measure(query("w")))
        assert batcher.health().ready


async def test_nothing_is_left_behind(engine: HashedEngine) -> None:
    """After a batcher was closed no future complains about an answer that nobody read."""
    async with Batcher(engine, Limits(timeout=60.0)) as batcher:
        await asyncio.gather(*(batcher.measure(query("w"), within=0.0005) for _ in range(50)))
    gc.collect()


@pytest.mark.parametrize(
    ("limits", "problem"),
    [
        ({"sizes": ()}, "sizes"),
        ({"sizes": (32, 16)}, "ascending"),
        ({"max_batch": 0}, "max_batch"),
        ({"max_queued": 2.5}, "whole number"),
        ({"timeout": float("nan")}, "timeout"),
        ({"max_wait": -1}, "max_wait"),
        ({"max_queued_tokens": 10}, "max_queued_tokens"),
    ],
)
def test_limits_that_make_no_sense_are_refused(limits: dict[str, Any], problem: str) -> None:
    """Each says which of them, and what was expected."""
    with pytest.raises(ValueError, match=problem):
        Limits(**limits)
