"""Our corrector behind the gate: right, it corrects; wrong, slow, garbled or foreign, it proposes nothing."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bartizan.guard import Guard, Outcome, ToolCall, ToolResult
from bartizan.guard.stream.rewriting import TextUnit
from bartizan.guard.testing import StaticProgram
from bartizan.monitors.corrector import decode
from bartizan.monitors.corrector.edit_script import EditScriptCorrector, EditScriptRewriter
from bartizan.monitors.corrector.errors import CorrectorFiles
from bartizan.monitors.corrector.reading import ToolReading
from bartizan.monitors.corrector.storage import Corrector

from .conftest import PROGRAM, SECRET, refused

Closing = Callable[[Any], Any]
LONG = 60.0
"""Seconds that a corrector has where it is not to be late."""


async def test_a_denied_call_is_corrected(of_calls: Corrector, closing: Closing) -> None:
    """Through a real guard: the proposal is permitted, allowed, executed and attributed."""
    corrector = closing(EditScriptCorrector(of_calls, within=LONG))
    ran: list[ToolCall] = []

    async def tool(call: ToolCall) -> ToolResult:
        ran.append(call)
        return ToolResult("paid")

    guard = Guard(PROGRAM, proposers=[corrector], correct_within=LONG, deadline=2 * LONG)
    outcome = await guard.enforce(ToolCall.of("c", "pay", {"amount": 740, "to": "bob"}), tool, session="s")
    assert (outcome.decision.outcome, ran) == (
        Outcome.CORRECT,
        [ToolCall.of("c", "pay", {"amount": 100, "to": "bob"})],
    )
    assert outcome.correction is not None and outcome.correction.origin == "corrector"


async def test_a_wrong_corrector_changes_no_outcome(of_calls: Corrector, closing: Closing) -> None:
    """Trained for a limit of 100 and made to guess under one of 50, what it proposes is denied by the gate."""
    stricter = StaticProgram(allow=["pay"], limits={"amount": 50})
    corrector = closing(EditScriptCorrector(of_calls, hints=True, within=LONG))

    async def tool(call: ToolCall) -> ToolResult:
        raise AssertionError("nothing may run")

    proposals = await corrector.propose(refused(740, program=stricter))
    assert [p.args["amount"] for p in proposals] == [100]
    assert proposals[0].evidence["trained_for"] == PROGRAM.hash
    guard = Guard(stricter, proposers=[corrector], correct_within=LONG, deadline=2 * LONG)
    outcome = await guard.enforce(ToolCall.of("c", "pay", {"amount": 740, "to": "bob"}), tool, session="s")
    assert outcome.decision.outcome is Outcome.DENY


async def test_it_is_bound_to_its_policy(of_calls: Corrector, closing: Closing) -> None:
    """Under another policy it abstains, unless it is asked for hints."""
    other = StaticProgram(allow=["pay"], limits={"amount": 50})
    corrector = closing(EditScriptCorrector(of_calls, within=LONG))
    assert corrector.knows(PROGRAM.hash) and not corrector.knows(other.hash)
    assert len(await corrector.propose(refused(740))) == 1
    assert await corrector.propose(refused(740, program=other)) == ()


async def test_it_abstains_below_its_threshold(of_calls: Corrector, closing: Closing) -> None:
    """What is not likely enough is not proposed."""
    shy = closing(EditScriptCorrector(replace(of_calls, threshold=0.0), within=LONG))
    assert await shy.propose(refused(740)) == ()


@pytest.mark.parametrize(
    "garbage", [b"amount", b"amount=1;;", b"\xff\xfe", b'note/text="x"', b"DENY", b"=", b"amount=1e999"]
)
async def test_garbage_is_no_proposal(
    of_calls: Corrector, closing: Closing, monkeypatch: pytest.MonkeyPatch, garbage: bytes
) -> None:
    """Whatever the network may write that is no edit of this call."""
    from bartizan.monitors.corrector import edit_script

    monkeypatch.setattr(edit_script, "write", lambda *_, **__: [decode.Written(garbage, 0.0, True)])
    assert await closing(EditScriptCorrector(of_calls, within=LONG)).propose(refused(740)) == ()


async def test_a_network_that_fails_is_no_proposal(of_calls: Corrector, closing: Closing) -> None:
    """An exception in the worker is no proposal; the next call is answered."""
    corrector = closing(EditScriptCorrector(of_calls, within=LONG))
    handle = of_calls.model.register_forward_pre_hook(
        lambda *_: (_ for _ in ()).throw(RuntimeError("out of memory"))
    )
    assert await corrector.propose(refused(740)) == ()
    handle.remove()
    assert len(await corrector.propose(refused(740))) == 1


async def test_a_slow_network_is_no_proposal(of_calls: Corrector, closing: Closing) -> None:
    """Late is nothing, and what is late stops at its next step."""
    corrector = closing(EditScriptCorrector(of_calls, within=0.5))
    go, passes = threading.Event(), []

    def slow(*_: Any) -> None:
        passes.append(1)
        assert go.wait(LONG)

    handle = of_calls.model.register_forward_pre_hook(slow)
    while not passes:  # it may have been late before its first step
        assert await corrector.propose(refused(740)) == ()
    go.set()
    await asyncio.to_thread(corrector.close)  # which ends no work that is under way
    handle.remove()
    assert len(passes) == 1


async def test_a_caller_that_goes_stops_its_work(of_calls: Corrector, closing: Closing) -> None:
    """Cancelled, a proposal costs at most the step that is running; another in the same batch is answered."""
    corrector = closing(EditScriptCorrector(of_calls, within=LONG, wait=1.0, most=2))
    go, running = threading.Event(), threading.Event()
    rows: list[int] = []

    def gate(_: Any, args: Any) -> None:
        rows.append(args[0].shape[0])
        running.set()
        assert go.wait(LONG)

    handle = of_calls.model.register_forward_pre_hook(gate)
    leaving = asyncio.create_task(corrector.propose(refused(740)))
    staying = asyncio.create_task(corrector.propose(refused(9000)))
    await asyncio.to_thread(running.wait, LONG)
    leaving.cancel()
    await asyncio.wait([leaving])
    go.set()
    assert len(await staying) == 1
    handle.remove()
    assert leaving.cancelled()
    assert rows[0] == 2 and set(rows[2:]) == {1}


async def test_many_at_once_are_answered_as_one_by_one(of_calls: Corrector, closing: Closing) -> None:
    """Batched proposals are those made alone."""
    corrector = closing(EditScriptCorrector(of_calls, within=LONG))
    amounts = [101, 250, 9999, 4000, 180, 777]
    together = await asyncio.gather(*(corrector.propose(refused(a)) for a in amounts))
    alone = [await corrector.propose(refused(a)) for a in amounts]
    assert [[p.args for p in found] for found in together] == [[p.args for p in found] for found in alone]
    assert sum(map(len, together)) >= 5


async def test_a_call_that_is_too_long_is_no_proposal(of_calls: Corrector, closing: Closing) -> None:
    """What does not fit into the network's context is not cut, and not asked."""
    tools = {"pay": ToolReading({"amount": ()} | {f"limit{i}": () for i in range(40)})}
    corrector = closing(EditScriptCorrector(replace(of_calls, tools=tools), within=LONG))
    long = ToolCall.of("c", "pay", {"amount": 740} | {f"limit{i}": "x" * 30 for i in range(40)})
    short = refused(740)
    handle = of_calls.model.register_forward_pre_hook(lambda *_: pytest.fail("it was asked"))
    assert await corrector.propose(replace(short, request=replace(short.request, call=long))) == ()
    handle.remove()


async def test_it_is_loaded_with_its_binding(of_calls: Corrector, closing: Closing, tmp_path: Path) -> None:
    """Saved and loaded, it proposes the same under the same policy only; calls and texts are not mistaken."""
    of_calls.save(tmp_path)
    loaded = closing(EditScriptCorrector.load(tmp_path, within=LONG))
    assert loaded.knows(PROGRAM.hash)
    found = await loaded.propose(refused(740))
    assert [p.args for p in found] == [{"amount": 100, "to": "bob"}]
    with pytest.raises(CorrectorFiles, match="found one of calls"):
        EditScriptRewriter.load(tmp_path)


async def test_a_closed_corrector_proposes_nothing(of_calls: Corrector) -> None:
    """Closed before or while it is asked, it answers with nothing, at once."""
    corrector = EditScriptCorrector(of_calls, within=LONG)
    assert len(await corrector.propose(refused(740))) == 1
    corrector.close()
    assert await corrector.propose(refused(740)) == ()


async def test_a_sentence_is_rewritten(of_texts: Corrector, closing: Closing) -> None:
    """The bytes that the script names are replaced, the others stay; a text that it knows nothing of is left."""
    rewriter = closing(EditScriptRewriter(of_texts, within=LONG))
    found = await rewriter.rewrite(TextUnit("", "", f"Sure: {SECRET}.", ("secrets",)))
    assert found == "Sure: I may not say."
    strange = await rewriter.rewrite(TextUnit("", "", "\ud800", ("secrets",)))
    assert strange is None
