"""What holds of every stream: generated models, hostile ones among them, under a compiled policy.

More than 10,000 streams in all: each test counts its own, and asserts its share (``STREAMS``).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.guard import Outcome, ToolCall
from bartizan.guard.canonical import canonical_json
from bartizan.guard.stream.events import Channel, End, StreamEvent, TextDelta, ToolArgs, ToolEnd, ToolStart
from bartizan.guard.stream.guarded import StreamGuard
from bartizan.guard.stream.rewriting import TextUnit
from bartizan.guard.stream.ruling import Ruling
from bartizan.guard.stream.setting import Limits, Setting
from bartizan.guard.stream.text_stage import TextStage
from bartizan.policies.completion import Completion

from .driving import Model
from .generated import (
    HIDDEN,
    LIMIT,
    PROGRAM,
    PROPOSED,
    RULES,
    SCORED,
    STAGES,
    STREAMS,
    WORDS,
    Said,
    decider,
    outcome_of,
    said,
)
from .virtual import run

PLANTED = 2000
CUTS = st.lists(st.integers(0, 80), max_size=8)
POSSIBLE = Completion(PROGRAM).possible


def test_there_are_enough_streams() -> None:
    """The number that the documentation gives."""
    assert sum(STREAMS.values()) >= 10_000


async def out_of(guard: StreamGuard, script: list[Any]) -> list[StreamEvent]:
    return [event async for event in guard.run(Model(script))]


def texts(out: list[StreamEvent]) -> dict[str, str]:
    found = {"content": "", "refusal": ""}
    for event in out:
        if isinstance(event, TextDelta):
            found[event.channel] += event.text
    return found


def calls(out: list[StreamEvent]) -> list[tuple[ToolStart, str]]:
    """Every call that is complete, as it left; one that is not has no end."""
    starts = {event.index: event for event in out if isinstance(event, ToolStart)}
    args = {
        index: "".join(e.text for e in out if isinstance(e, ToolArgs) and e.index == index)
        for index in starts
    }
    return [(starts[event.index], args[event.index]) for event in out if isinstance(event, ToolEnd)]


def shape(out: list[StreamEvent]) -> list[Any]:
    """What a reader sees of the order: texts joined, calls, the end."""
    found: list[Any] = []
    for event in out:
        if isinstance(event, TextDelta) and found and found[-1][0] == event.channel:
            found[-1] = (event.channel, found[-1][1] + event.text)
        elif isinstance(event, TextDelta):
            found.append((event.channel, event.text))
        else:
            found.append((type(event).__name__, event))
    return found


def check(out: list[StreamEvent], passed: bool = False) -> None:
    """One end, the last; only calls that are allowed, in canonical bytes; nothing hidden in any text."""
    assert [event for event in out if isinstance(event, End)] == out[-1:]
    for start, args in calls(out):
        call = ToolCall.parse(start.id, start.name, args)
        assert canonical_json(call.arguments()).decode() == args
        assert passed or outcome_of(call) is Outcome.ALLOW
    for text in texts(out).values():
        for language in HIDDEN:
            assert language.spans(text) == [], text


def test_the_cuts_play_no_part_and_nothing_wrong_leaves() -> None:
    """Soundness, parity over chunkings, and 0 leaked bytes of the planted secrets."""
    count = {"streams": 0, "planted": 0}

    @settings(max_examples=STREAMS["chunkings"] // 3)
    @given(said(valid=False), CUTS, PROPOSED, st.booleans(), st.booleans())
    def holds(model: Said, cuts: list[int], proposed: list[Any], early: bool, passing: bool) -> None:
        shapes = []
        for cut in ([], cuts, list(range(200))):
            more: dict[str, Any] = {"possible": POSSIBLE} if early else {}
            if passing:
                more |= {"denied": "pass", "escalated": "pass"}
            guard = StreamGuard(decider(proposed), rules=RULES, **more)
            out, _ = run(out_of(guard, model.events(cut)))
            check(out, passing)
            shapes.append(shape(out))
            count["streams"] += 1
            count["planted"] += model.planted
        assert shapes[0] == shapes[1] == shapes[2]

    holds()
    assert count["streams"] >= STREAMS["chunkings"] and count["planted"] >= PLANTED


def test_what_is_allowed_leaves_as_it_is() -> None:
    """Transparency: a stream with nothing to correct has the same texts, the same calls, and the same end."""
    count = 0
    words = st.lists(
        st.sampled_from(["so ", "ask ", "12 ", "ann@corp.com ", "é", "😀", ". ", "sk-a. "]), max_size=6
    )

    @settings(max_examples=STREAMS["transparent"])
    @given(
        words.map("".join), words.map("".join), CUTS, st.integers(-5, 100), st.sampled_from(["ann", "bob"])
    )
    def holds(before: str, after: str, cuts: list[int], amount: int, to: str) -> None:
        nonlocal count
        count += 1
        args = json.dumps({"amount": amount, "to": to}, indent=2)
        parts = [("content", before), ("call", "pay", args), ("refusal", after)]
        model = Said(tuple(part for part in parts if part[1]), 0)
        guard = StreamGuard(decider(), rules=RULES, possible=POSSIBLE, progressive={"pay": ["to"]})
        out, _ = run(out_of(guard, model.events(cuts)))
        assert texts(out) == {"content": before, "refusal": after} and not guard.notes
        assert [args for _, args in calls(out)] == [canonical_json(json.loads(args)).decode()]
        assert out[-1] == End("tool_calls", {"tokens": 7})

    holds()
    assert count >= STREAMS["transparent"]


FAULTS: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([OSError("cut"), ValueError("x"), "text", None, 7, TextDelta("x", "other"), TextDelta(7)]),  # type: ignore[arg-type]
    st.sampled_from([0.5, 3.0, 1e6]),
    st.sampled_from([ToolArgs(0, "{"), ToolEnd(9), ToolStart(0, "c", "pay"), ToolStart(1, "", ""), End("length"),
                     TextDelta("\ud800"), ToolArgs(0, '"\ud800'), ToolStart(2, 3, None)]),  # type: ignore[arg-type]
)  # fmt: skip


def test_hostile_streams_end_in_time_and_leak_nothing() -> None:
    """Models that stop, break, lie and hang; deciders, scores, rewriters and questions that do: one end, in time."""
    count = 0
    limits = Limits(call=2.0, segment=1.0, rewrite=0.5, idle=5.0, whole=60.0, ahead=3)

    @settings(max_examples=STREAMS["hostile"])
    @given(said(valid=False), CUTS, st.lists(st.tuples(st.integers(0, 30), FAULTS), max_size=3), st.data())
    def holds(model: Said, cuts: list[int], faults: list[tuple[int, Any]], data: st.DataObject) -> None:
        nonlocal count
        count += 1
        script: list[Any] = list(model.events(cuts))
        for at, fault in faults:
            script.insert(at % (len(script) + 1), fault)
        wrong = data.draw(st.sampled_from(["nothing", "raises", "hangs", "stuck", "garbage"]))
        where = data.draw(st.sampled_from(["decide", "rewrite", "possible", "none"]))
        honest = decider()

        async def fail() -> Any:
            if wrong == "raises":
                raise RuntimeError
            if wrong == "hangs":
                await asyncio.sleep(1e9)
            if wrong == "stuck":
                for _ in range(3):  # ignores that it is cancelled, for a while
                    try:
                        await asyncio.sleep(0.25)
                    except asyncio.CancelledError:
                        continue
            return {"garbage": 7}.get(wrong)

        async def decide(call: ToolCall) -> Ruling:
            if where == "decide":
                found: Ruling = await fail()
                return found
            return await honest(call)

        class Rewriter:
            name = "r"

            async def rewrite(self, unit: Any) -> Any:
                return await fail() if where == "rewrite" else " sk-zzzz "

        def possible(tool: str, known: Mapping[str, Any], sent: Collection[str]) -> bool:
            if where == "possible" and wrong == "raises":
                raise RuntimeError
            return POSSIBLE(tool, known, sent)

        guard = StreamGuard(
            decide, rules=RULES, possible=possible, limits=limits, rewriters=[Rewriter()] if where == "rewrite" else [],
            progressive={"write": ["body"]} if data.draw(st.booleans()) else {},
        )  # fmt: skip
        out, took = run(out_of(guard, script))
        check(out)
        assert took <= 60.0 + 5.0, took

    holds()
    assert count >= STREAMS["hostile"]


def test_a_consumer_that_goes_away_stops_everything() -> None:
    """Upstream is closed first, then what was asked is cancelled; nothing runs on."""
    count = 0

    @settings(max_examples=STREAMS["gone"])
    @given(said(), CUTS, st.integers(0, 12), st.booleans(), st.sampled_from([0.0, 0.5, 2.0]))
    def holds(model: Said, cuts: list[int], after: int, hard: bool, slow: float) -> None:
        nonlocal count
        count += 1
        log: list[str] = []
        honest = decider()

        async def decide(call: ToolCall) -> Ruling:
            try:
                await asyncio.sleep(slow)
                return await honest(call)
            except asyncio.CancelledError:
                log.append("decision cancelled")
                raise

        async def consume(guard: StreamGuard) -> None:
            stream = guard.run(Model(model.events(cuts), log))
            seen = 0
            async for _ in stream:
                seen += 1
                if seen > after:
                    await stream.aclose()  # type: ignore[attr-defined]
                    return

        async def main() -> None:
            task = asyncio.create_task(consume(StreamGuard(decide, rules=RULES)))
            if hard:
                await asyncio.sleep(after / 10)
                task.cancel()
            await asyncio.wait({task})
            await asyncio.sleep(0)

        run(main())
        assert log.count("closed") <= 1 and (log[:1] == ["closed"] or not log), log
        assert hard or log.count("closed") == 1

    holds()
    assert count >= STREAMS["gone"]


class Echo:
    """Proposes something that depends on nothing but the unit: often a part of a secret."""

    name = "echo"

    def __init__(self, says: list[str]) -> None:
        self.says = says

    async def rewrite(self, unit: TextUnit) -> str:
        return self.says[len(unit.segment) % len(self.says)]


@settings(max_examples=400)
@given(
    said(), CUTS, st.lists(st.sampled_from(["", " sk-", "ab12", " Better. ", "\n", "12", "zz zz"]), min_size=1),
    st.booleans(), st.booleans(),
)  # fmt: skip
def test_sentences_too(model: Said, cuts: list[int], says: list[str], scored: bool, again: bool) -> None:
    """Scored, rewritten and asked again: what leaves has nothing hidden in it, and the cuts play no part."""
    shapes = []
    for cut in ([], cuts, list(range(200))):

        async def score(signal: str, sent: str, segment: str) -> float:
            return 0.9 if len(segment) % 5 == 1 else 0.2

        def reissue(prefix: str) -> Model:
            return Model([*(TextDelta(letter) for letter in "ab12. So sk-abcd. "), End("stop")])

        more: dict[str, Any] = {"score": score} if scored else {"rewriters": [Echo(says)]}
        if again:
            more |= {"after_edit": "restart", "reissue": reissue}
        rules = SCORED if scored else RULES
        guard = StreamGuard(decider(), rules=rules, limits=Limits(segment_size=30), **more)
        out, _ = run(out_of(guard, model.events(cut)))
        check(out)
        shapes.append(shape(out))
    assert shapes[0] == shapes[1] == shapes[2]


@settings(max_examples=500)
@given(st.lists(WORDS, max_size=20).map("".join), CUTS, st.sampled_from(["content", "refusal"]))
def test_what_is_held_is_bounded(text: str, cuts: list[int], channel: Channel) -> None:
    """By the limit for each automaton, whatever the text."""

    async def main() -> None:
        stage = TextStage(channel, Setting(decider(), rules=RULES))
        for letter in text:
            await stage.push(letter)
            assert stage.held <= LIMIT * STAGES

    run(main())


async def test_a_slow_consumer_slows_the_model() -> None:
    """No more is read than what is asked for and a little ahead."""
    model = Model([TextDelta(f"{n} ") for n in range(500)])
    stream = StreamGuard(decider(), limits=Limits(ahead=8)).run(model)
    for seen in range(1, 20):
        await anext(stream)
        await asyncio.sleep(0.001)
        assert model.read <= seen + 8 + 2
    await stream.aclose()  # type: ignore[attr-defined]
    assert model.log == ["closed"]
