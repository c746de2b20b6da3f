"""Streams of models that behave and of models that do not, under a real policy."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from bartizan.guard import Outcome, Request, Session, ToolCall
from bartizan.guard.gate import Proposal, gate
from bartizan.guard.stream.events import End, StreamEvent, TextDelta, ToolArgs, ToolEnd, ToolStart
from bartizan.guard.stream.ruling import Decide, Ruling
from bartizan.policies import compile_policy
from bartizan.policies.regular import regex
from bartizan.policies.texts import CheckedText, TextRules

from .streams import pieces

STREAMS = {"chunkings": 4800, "hostile": 1800, "gone": 600, "transparent": 600, "parity": 2250}
"""How many streams each test drives at least: more than 10,000 in all."""

LIMIT = 24
PROGRAM = compile_policy("""
version: 1
name: streams
tools:
  pay: {args: {amount: int, "memo?": str, to: str}, effect: write}
  write: {args: {body: str, path: str}, effect: write}
  look: {args: {}, effect: read}
rules:
  - {id: pays, allow: [pay], when: 'args.to in ["ann", "bob"]'}
  - {id: big, deny: [pay], when: args.amount > 100}
  - {id: writes, allow: [write], when: args.path.startsWith("/tmp/")}
  - {id: no-dots, deny: [write], when: args.path.contains("..")}
  - {id: looks, escalate: [look]}
repair: {pay: {amount: clamp, memo: drop}}
text:
  - {id: keys, redact: 'sk-[a-z0-9]{4,}'}
  - {id: pins, redact: '[0-9]{4}', with: '****'}
  - {id: mail, redact: '[a-z]+@[a-z.]+[a-z]', except: '.*@corp[.]com', with: '<mail>'}
""")
RULES = PROGRAM.text.within(LIMIT)
SCORED = TextRules(
    [*PROGRAM.text.checked, CheckedText("kind", "No.", signal="toxic", above=0.5, needed=2, window=3)], LIMIT
)
STAGES = 2  # automata: one for the rule that spares something, one for the others
HIDDEN = [regex("sk-[a-z0-9]{4,}"), regex("[0-9]{4}")]
SESSION = Session("s", state=PROGRAM.initial())


def outcome_of(call: ToolCall) -> Outcome:
    return PROGRAM.decide(Request(call, 0), SESSION).outcome


def decider(proposed: list[dict[str, Any]] | None = None) -> Decide:
    """The program's word; denied calls go through the gate with these arguments proposed."""

    async def decide(call: ToolCall) -> Ruling:
        outcome = outcome_of(call)
        if outcome is Outcome.DENY and proposed:
            found = gate(
                call,
                [Proposal(args, "someone") for args in proposed],
                allows=lambda one: outcome_of(one) is Outcome.ALLOW,
                permits=PROGRAM.permits,
            )
            if found is not None:
                return Ruling(Outcome.CORRECT, found.call, patch=found.patch)
        return Ruling(outcome, call)

    return decide


SECRETS = st.sampled_from(["sk-abcd", "sk-00aa11bb", "1234", "sk-" + "a1" * 20, "0007"])
WORDS = st.sampled_from(
    ["so ", "sk", "-", "ask ", "sk-", "12", "3 ", "ann@corp.com ", "eve@x.org ", "é", "😀", ". ", "\n", "a"]
)
ARGS = st.one_of(
    st.fixed_dictionaries(
        {"amount": st.sampled_from([1, 100, 101, 10**6, "many"]), "to": st.sampled_from(["ann", "bob", "eve"])},
        optional={"memo": st.sampled_from(["hi", "", None]), "note": st.just(1)},
    ),
    st.fixed_dictionaries(
        {
            "body": st.sampled_from(["x" * 30, "a\n\u00e9\"\\", "sk-abcd"]),
            "path": st.sampled_from(["/tmp/a", "/tmp/../a", "/a"]),
        }
    ),
    st.just({}),
)  # fmt: skip
PROPOSED = st.lists(ARGS, max_size=2)


@dataclass(frozen=True)
class Said:
    """What a model says: texts and calls in order; ``planted`` counts the secrets among the texts."""

    parts: tuple[tuple[str, ...], ...]
    planted: int

    def events(self, cuts: list[int]) -> list[StreamEvent]:
        found: list[StreamEvent] = []
        for index, part in enumerate(self.parts):
            if part[0] == "call":
                found.append(ToolStart(index, f"c{index}", part[1]))
                found += [ToolArgs(index, piece) for piece in pieces(part[2], cuts)]
                found.append(ToolEnd(index))
            else:
                found += [TextDelta(piece, part[0]) for piece in pieces(part[1], cuts)]  # type: ignore[arg-type]
        calls = any(part[0] == "call" for part in self.parts)
        return [*found, End("tool_calls" if calls else "stop", {"tokens": 7})]


@st.composite
def said(draw: st.DrawFn, *, valid: bool = True) -> Said:
    parts: list[tuple[str, ...]] = []
    planted = 0
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            text = "".join(draw(st.lists(WORDS, max_size=5)))
            if draw(st.booleans()):
                planted += 1
                text += draw(SECRETS) + "".join(draw(st.lists(WORDS, max_size=3)))
            channel = "refusal" if draw(st.integers(0, 5)) == 0 else "content"
            if text:
                parts.append((channel, text))
        else:
            args = json.dumps(
                draw(ARGS), ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1]))
            )
            if not valid and draw(st.booleans()):
                args = draw(
                    st.sampled_from([args[:-1], args + "}", "[1]", '{"a": 1, "a": 2}', "", '{"x": NaN}'])
                )
            parts.append(("call", draw(st.sampled_from(["pay", "write", "look", "rob"])), args))
    return Said(tuple(parts), planted)
