"""What guarding a stream costs: characters held, time added, and how soon a hopeless call stops the model.

    python benchmarks/stream.py [--repeat 2000]

The text is this repository's documentation, in pieces of about four characters. ``ratio`` compares with the first row
of the same table and run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from bartizan.guard import Guard, Request, Session, ToolCall
from bartizan.guard.stream.events import End, StreamEvent, TextDelta, ToolArgs, ToolEnd, ToolStart
from bartizan.guard.stream.guarded import StreamGuard
from bartizan.guard.stream.reviewing import reviewed
from bartizan.guard.stream.rewriting import TextUnit
from bartizan.guard.stream.rules import TextRules
from bartizan.guard.stream.ruling import Decide, Ruling
from bartizan.guard.stream.setting import Setting
from bartizan.guard.stream.text_stage import TextStage
from bartizan.policies import Program, compile_policy
from bartizan.policies.completion import Completion

KEYS = "  - {id: keys, redact: 'sk-[A-Za-z0-9]{16,}'}\n"
CARDS = "  - {id: cards, redact: '[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}'}\n"
MAIL = (
    "  - {id: mail, redact: '[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+[.][A-Za-z]{2,}', except: '.*@example[.]com'}\n"
)
PAYMENTS = """
version: 1
name: bench
tools: {pay: {args: {amount: int, body: str, memo: str, to: str}, effect: write}}
rules:
  - {id: pays, allow: [pay], when: 'args.to in ["ann", "bob"]'}
  - {id: big, deny: [pay], when: args.amount > 100}
"""


def rules(*lines: str) -> TextRules:
    return compile_policy("version: 1\nname: bench\ntext:\n" + "".join(lines)).text


def text() -> str:
    docs = Path(__file__).parent.parent / "docs"
    return "\n".join(path.read_text() for path in sorted(docs.glob("*.md")))[:200_000]


def deltas(said: str) -> list[str]:
    chance = random.Random(1)
    found, at = [], 0
    while at < len(said):
        end = at + chance.randint(1, 7)
        found.append(said[at:end])
        at = end
    return found


def quantiles(values: Sequence[float], *at: float) -> list[float]:
    ordered = sorted(values)
    return [ordered[min(len(ordered) - 1, int(q * len(ordered)))] for q in at]


class Never:
    """A rewriter that proposes nothing: it makes the guard hold sentences."""

    name = "never"

    async def rewrite(self, unit: TextUnit) -> str | None:
        return None


def decider(program: Program) -> Decide:
    session = Session("s", state=program.initial())

    async def decide(call: ToolCall) -> Ruling:
        return Ruling(program.decide(Request(call, 0), session).outcome, call)

    return decide


async def say(events: Sequence[StreamEvent]) -> AsyncIterator[StreamEvent]:
    for event in events:
        yield event


async def held(said: list[str]) -> None:
    print(f"\n{'characters held after a delta':<44}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}")
    payments = decider(compile_policy(PAYMENTS))
    for name, found, rewriters in (
        ("keys", rules(KEYS), []),
        ("keys, card numbers", rules(KEYS, CARDS), []),
        ("keys, card numbers, addresses (one spared)", rules(KEYS, CARDS, MAIL), []),
        ("keys, by the sentence", rules(KEYS), [Never()]),
    ):
        stage = TextStage("content", Setting(payments, rules=found, rewriters=rewriters))
        counts: list[float] = []
        for piece in said:
            await stage.push(piece)
            counts.append(stage.held)
        p50, p95, p99, most = quantiles(counts, 0.5, 0.95, 0.99, 1.0)
        print(f"{name:<44}{p50:>8.0f}{p95:>8.0f}{p99:>8.0f}{most:>8.0f}")


async def per_delta(said: list[str]) -> None:
    print(f"\n{'a delta of text':<44}{'us':>10}{'ratio':>9}")
    events: list[StreamEvent] = [*(TextDelta(piece) for piece in said), End("stop")]
    decide, first = decider(compile_policy(PAYMENTS)), 0.0
    for name, found in (
        ("guarded, no rules", None),
        ("keys", rules(KEYS)),
        ("keys, card numbers", rules(KEYS, CARDS)),
        ("keys, card numbers, addresses (one spared)", rules(KEYS, CARDS, MAIL)),
    ):
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            async for _event in StreamGuard(decide, rules=found).run(say(events)):
                pass
            best = min(best, (time.perf_counter() - start) / len(events) * 1e6)
        first = first or best
        print(f"{name:<44}{best:>10.1f}{best / first:>9.2f}")
    start = time.perf_counter()
    async for _event in say(events):
        pass
    bare = (time.perf_counter() - start) / len(events) * 1e6
    print(f"{'not guarded':<44}{bare:>10.1f}{bare / first:>9.2f}")


async def per_call(repeat: int) -> None:
    """From the last piece of the arguments to the call."""
    print(f"\n{'a call, from its last piece to its leaving':<44}{'p50 us':>10}{'p99 us':>10}")
    program = compile_policy(PAYMENTS)
    kernel = Guard(program)
    args = json.dumps({"amount": 5, "body": "x" * 400, "memo": "rent", "to": "bob"})
    pieces = [args[at : at + 4] for at in range(0, len(args), 4)]
    for name, decide in (
        ("decided by the program", decider(program)),
        ("reviewed by a guard in memory", reviewed(kernel, session="s")),
    ):
        took: list[float] = []
        for _ in range(repeat):
            ended = 0.0

            async def model() -> AsyncIterator[StreamEvent]:
                nonlocal ended
                yield ToolStart(0, "c", "pay")
                for piece in pieces:
                    yield ToolArgs(0, piece)
                ended = time.perf_counter()
                yield ToolEnd(0)
                yield End("tool_calls")

            guard = StreamGuard(decide, possible=Completion(program).possible)
            async for event in guard.run(model()):
                if isinstance(event, ToolEnd):
                    took.append((time.perf_counter() - ended) * 1e6)
        p50, p99 = quantiles(took, 0.5, 0.99)
        assert len(took) == repeat
        print(f"{name:<44}{p50:>10.0f}{p99:>10.0f}")
    await kernel.aclose()


async def hopeless(repeat: int) -> None:
    """From the piece that makes the call hopeless to the model's being closed; what was not generated any more."""
    program = compile_policy(PAYMENTS)
    decide, possible = decider(program), Completion(program).possible
    chance = random.Random(2)
    took: list[float] = []
    saved = total = 0
    for _ in range(repeat):
        fields = {"amount": 5, "body": "word " * chance.randint(20, 200), "memo": "rent", "to": "bob"}
        fields |= chance.choice([{"amount": 101}, {"to": "eve"}])
        names = sorted(fields, key=lambda _: chance.random())
        args = json.dumps({name: fields[name] for name in names})
        pieces = [args[at : at + 4] for at in range(0, len(args), 4)]
        made, said_at, closed_at = 0, 0.0, 0.0

        async def model(pieces: list[str] = pieces) -> AsyncIterator[StreamEvent]:
            nonlocal made, said_at, closed_at
            try:
                yield ToolStart(0, "c", "pay")
                for piece in pieces:
                    await asyncio.sleep(0)  # a model takes its time
                    made += 1
                    said_at = time.perf_counter()
                    yield ToolArgs(0, piece)
                yield ToolEnd(0)
                yield End("tool_calls")
            finally:
                closed_at = time.perf_counter()

        guard = StreamGuard(decide, possible=possible)
        out = [event async for event in guard.run(model())]
        assert out == [End("aborted")] and guard.notes[0].kind == "hopeless"
        took.append((closed_at - said_at) * 1e3)
        total += len(pieces)
        saved += len(pieces) - made
    print(f"\n{'a hopeless call stops the model':<44}{'p50 ms':>10}{'p99 ms':>10}{'max ms':>10}")
    p50, p99, most = quantiles(took, 0.5, 0.99, 1.0)
    print(f"{'from its last piece to the closed stream':<44}{p50:>10.3f}{p99:>10.3f}{most:>10.3f}")
    print(
        f"{'of pieces of four characters, not generated':<44}{saved / total:>10.1%}  of {total}, {repeat} calls"
    )


async def main(repeat: int) -> None:
    said = deltas(text())
    print(f"{sum(map(len, said))} characters in {len(said)} deltas")
    await held(said)
    await per_delta(said)
    await per_call(repeat)
    await hopeless(repeat)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=2000)
    asyncio.run(main(parser.parse_args().repeat))
