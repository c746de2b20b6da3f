"""Text of a stream: redacted, withheld, rewritten, in its place and before it leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bartizan.guard import Event, Missing, Signal, Trace
from bartizan.guard.stream.events import End, StreamEvent, TextDelta
from bartizan.guard.stream.guarded import StreamGuard
from bartizan.guard.stream.reviewing import measured
from bartizan.guard.stream.rewriting import TextUnit
from bartizan.guard.stream.setting import Limits
from bartizan.guard.testing import StaticProgram
from bartizan.policies import Program, compile_policy

from .driving import Model, call, decider, drive
from .virtual import run

PROGRAM = StaticProgram(allow=["pay"])
KEYS = "  - {id: keys, redact: 'sk-[a-z0-9]{3,}'}\n"
KIND = "  - {id: kind, withhold: {signal: toxic, above: 0.5}, with: No.}\n"
TWICE = "  - {id: kind, withhold: {signal: toxic, above: 0.5, of: [2, 3]}, with: No.}\n"


def policy(*rules: str) -> Program:
    head = "version: 1\nname: t\nsignals: {toxic: {on: text, monitor: m}}\ntext:\n"
    return compile_policy(head + "".join(rules))


def said(out: list[StreamEvent], channel: str = "content") -> str:
    return "".join(e.text for e in out if isinstance(e, TextDelta) and e.channel == channel)


async def toxic(signal: str, sent: str, segment: str) -> float:
    return 0.9 if "bad" in segment else 0.1


class Says:
    """A rewriter that says something; it remembers what it was asked."""

    def __init__(self, what: Any, name: str = "says") -> None:
        self.what = what
        self.name = name
        self.asked: list[TextUnit] = []

    async def rewrite(self, unit: TextUnit) -> Any:
        self.asked.append(unit)
        if isinstance(self.what, Exception):
            raise self.what
        if self.what == "hang":
            await asyncio.sleep(60)
        return self.what


def guarded(*rules: str, **more: Any) -> StreamGuard:
    return StreamGuard(decider(PROGRAM), rules=policy(*rules).text, **more)


async def test_a_secret_in_pieces_does_not_leave() -> None:
    """Everything else leaves at once, as it is."""
    script = [TextDelta("the key s"), TextDelta("k-ab"), TextDelta("c1 is so"), TextDelta("und"), End("stop")]
    guard = guarded(KEYS)
    out, notes = await drive(guard, script)
    assert said(out) == "the key [redacted] is sound" and notes == ["redacted"]
    assert out[0] == TextDelta("the key ") and guard.notes[0].rules == ("keys",) and guard.notes[0].held == 7


async def test_channels_are_texts_of_their_own() -> None:
    """Half a secret in each is none."""
    script = [TextDelta("sk-a"), TextDelta("bc", "refusal"), TextDelta("bc!"), End("stop")]
    out, _ = await drive(guarded(KEYS), script)
    assert (said(out), said(out, "refusal")) == ("[redacted]!", "bc")


async def test_a_call_in_between_ends_no_text() -> None:
    """A secret told in two halves around a call is one, and the call comes after where it began."""
    script = [TextDelta("a sk-a"), *call(0, "pay", "{}"), TextDelta("bc d"), End("tool_calls")]
    out, _ = await drive(guarded(KEYS), script)
    assert out == [
        TextDelta("a "), TextDelta("[redacted]"), *call(0, "pay", "{}"), TextDelta(" d"), End("tool_calls"),
    ]  # fmt: skip


@pytest.mark.parametrize("after", [["k!"], ["k", "!"], []])
async def test_a_call_waits_for_text_before_it_that_is_held(after: list[str]) -> None:
    """And is exactly where it was, however the text after it came."""
    script = [TextDelta("as"), *call(0, "pay", "{}"), *map(TextDelta, after), End("tool_calls")]
    out, _ = await drive(guarded(KEYS), script)
    assert out.index(TextDelta("s")) < out.index(call(0, "pay")[0])
    at = out.index(call(0, "pay", "{}")[-1])
    assert said(out[:at]) == "as" and said(out[at:]) == "".join(after)


async def test_half_a_letter_is_no_text() -> None:
    """Joined with its other half it is; alone it ends the stream."""
    out, _ = await drive(guarded(KEYS), [TextDelta("a\ud83d"), TextDelta("\ude00b"), End("stop")])
    assert said(out) == "a\U0001f600b"
    out, notes = await drive(guarded(KEYS), [TextDelta("a\ud83d"), End("stop")])
    assert out == [TextDelta("a"), End("aborted")] and notes == ["aborted"]


async def test_a_rule_in_shadow_only_watches() -> None:
    """It is told, and nothing is held."""
    guard = guarded("  - {id: keys, redact: 'sk-[a-z]+', mode: shadow}\n")
    out, notes = await drive(guard, [TextDelta("x sk-a"), TextDelta("b."), End("stop")])
    assert out == [TextDelta("x sk-a"), TextDelta("b."), End("stop")] and notes == ["shadow"]


# --- sentences


async def test_a_sentence_above_the_line_is_withheld() -> None:
    """A run of them has one replacement, in their white space."""
    script = [TextDelta("Good one. A bad "), TextDelta("one. Also bad. Fine again."), End("stop")]
    guard = guarded(KIND, score=toxic)
    out, notes = await drive(guard, script)
    assert said(out) == "Good one. No. Fine again." and notes == ["withheld", "withheld"]


async def test_two_of_three() -> None:
    """One sentence above the line may be an accident; the second is not said."""
    script = [TextDelta("A bad one. Fine. So bad. Fine. Fine. Is bad."), End("stop")]
    out, _ = await drive(guarded(TWICE, score=toxic), script)
    assert said(out) == "A bad one. Fine. No. Fine. Fine. Is bad."


async def test_monitors_score_sentences() -> None:
    """By the name of the signal, with what was sent before; one that is wrong is missing."""
    seen: list[tuple[str, list[str]]] = []

    class Toxic:
        async def measure(self, event: Event, trace: Trace) -> Signal:
            seen.append((event.text, [one.text for one in trace]))
            return Signal("toxic", 0.9 if "bad" in event.text else 0.1)

    script = [TextDelta("Fine. A bad one."), End("stop")]
    out, _ = await drive(guarded(KIND, score=measured({"toxic": Toxic()})), script)
    assert said(out) == "Fine. No." and seen == [("Fine.", []), (" A bad one.", ["Fine."])]
    out, _ = await drive(guarded(KIND, score=measured({"other": Toxic()})), script)
    assert said(out) == "No."


@pytest.mark.parametrize("how", ["none", "raises", "hangs", "garbage", "nan", "missing"])
def test_what_is_not_measured_counts_as_above(how: str) -> None:
    """Missing is never safe, unless the policy says so."""

    async def score(signal: str, sent: str, segment: str) -> Any:
        if how == "raises":
            raise OSError
        if how == "hangs":
            await asyncio.sleep(60)
        return {"garbage": "0.1", "nan": float("nan"), "missing": Missing("cold")}.get(how)

    more = {} if how == "none" else {"score": score}
    limits = Limits(segment=0.02)
    (out, _), _ = run(drive(guarded(KIND, limits=limits, **more), [TextDelta("Fine."), End("stop")]))
    assert said(out) == "No."
    passing = KIND.replace("with: No.", "with: No., missing: pass")
    (out, _), _ = run(drive(guarded(passing, limits=limits, **more), [TextDelta("Fine."), End("stop")]))
    assert said(out) == "Fine."


async def test_a_rewriter_is_asked_where_a_rule_refuses() -> None:
    """With what was sent, the segment and the rules; what it says leaves if the rules let it pass."""
    rewriter = Says(" I cannot tell the key.")
    script = [TextDelta("Hello. The key is sk-abc."), TextDelta(" Bye."), End("stop")]
    guard = guarded(KEYS, rewriters=[rewriter], prompt="the key?")
    out, notes = await drive(guard, script)
    assert said(out) == "Hello. I cannot tell the key. Bye." and notes == ["rewritten"]
    assert rewriter.asked == [TextUnit("the key?", "Hello.", " The key is sk-abc.", ("keys",))]


@pytest.mark.parametrize(
    "what", [" Say sk-xyz.", " A bad thing.", None, 7, "\ud800", OSError("x"), "hang", " x" * 1000], ids=repr
)
def test_a_rewriter_that_is_wrong_changes_nothing(what: Any) -> None:
    """The next is asked; after the last, the policy's own replacement leaves."""
    wrong, right = Says(what), Says(" Better.")
    script = [TextDelta("Hello. A bad thing is sk-abc. Bye."), End("stop")]
    limits = Limits(rewrite=0.02)

    def left(*rules: str, **more: Any) -> str:
        (out, _), _ = run(drive(guarded(*rules, limits=limits, **more), script))
        return said(out)

    assert left(KEYS, KIND, score=toxic, rewriters=[wrong, right]) == "Hello. Better. Bye."
    assert len(wrong.asked) == 1
    assert left(KEYS, KIND, score=toxic, rewriters=[wrong]) == "Hello. No. Bye."
    assert left(KEYS, rewriters=[Says(None)]) == "Hello. A bad thing is [redacted]. Bye."


async def test_a_proposal_cannot_complete_a_secret() -> None:
    """It is looked at together with what was sent before it, and what comes after with it."""
    sneaky = Says("abc rest.\n")
    script = [TextDelta("Take sk-\nsk-zzz bad.\nabc end."), End("stop")]
    rules = "  - {id: keys, redact: 'sk-\\s*[a-z0-9]{3,}'}\n"
    out, _ = await drive(guarded(rules, KIND, score=toxic, rewriters=[sneaky]), script)
    assert "abc rest" not in said(out)
    out, _ = await drive(guarded(rules, KIND, score=toxic, rewriters=[Says("sk-\n")]), script)
    assert "sk-" not in said(out) or "sk-\nabc" not in said(out)


# --- after an edit


async def _reissued(prefixes: list[str], events: list[StreamEvent]) -> AsyncIterator[StreamEvent]:
    for event in events:
        yield event


async def test_the_model_is_asked_again_once() -> None:
    """It goes on after what was sent; the old stream is closed, and a second edit does not ask again."""
    prefixes: list[str] = []

    def reissue(prefix: str) -> AsyncIterator[StreamEvent]:
        prefixes.append(prefix)
        return _reissued(prefixes, [TextDelta(" and sk-zzz, too"), TextDelta("."), End("stop", {"n": 1})])

    log: list[str] = []
    guard = guarded(KEYS, after_edit="restart", reissue=reissue)
    script = [TextDelta("x sk-abc y"), TextDelta("never said"), End("stop")]
    out, notes = await drive(guard, script, log)
    assert said(out) == "x [redacted] and [redacted], too." and out[-1] == End("stop", {"n": 1})
    assert prefixes == ["x [redacted]"] and notes == ["redacted", "restarted", "redacted"]
    assert log == ["closed"]


async def test_no_restart_after_a_call_has_begun() -> None:
    """What was called cannot be asked for again."""

    def reissue(prefix: str) -> AsyncIterator[StreamEvent]:
        raise AssertionError

    guard = guarded(KEYS, after_edit="restart", reissue=reissue)
    out, _ = await drive(guard, [*call(0, "pay", "{}"), TextDelta("sk-abc y"), End("tool_calls")])
    assert said(out) == "[redacted] y"
    guard = guarded(KEYS, after_edit="restart", reissue=reissue)
    out, notes = await drive(guard, [TextDelta("sk-abc y"), End("stop")])
    assert said(out) == "" and out == [End("aborted")] and notes == ["redacted", "aborted"]


async def test_edits_are_told_at_the_next_turn() -> None:
    """With `annotate`, and only the edits."""
    guard = guarded(KEYS, after_edit="annotate")
    await drive(guard, [TextDelta("sk-abc y"), End("stop")])
    assert [note.kind for note in guard.annotations] == ["redacted"]
    assert guarded(KEYS).annotations == ()
    with pytest.raises(ValueError, match="reissue"):
        guarded(KEYS, after_edit="restart")


async def test_a_guard_is_for_one_stream() -> None:
    """Its stages remember."""
    guard = guarded(KEYS)
    await drive(guard, [End("stop")])
    with pytest.raises(RuntimeError, match="one stream"):
        async for _ in guard.run(Model([])):
            pass
