"""Verdicts: an executor runs what was let go, once, and nothing else."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.guard import (
    Enforcement,
    Guard,
    Outcome,
    ToolCall,
    VerdictError,
    VerdictExpired,
    VerdictForged,
    VerdictMismatch,
    Verdicts,
    VerdictSpent,
)
from bartizan.guard.testing import StaticProgram

OLD, NEW, OTHER = (bytes([n]) * 32 for n in range(3))
PROGRAM = StaticProgram(allow=["pay"], escalate=["ask"], deny=["drop"])
CALL = ToolCall.of("c1", "pay", {"amount": 5, "to": "bob"})


async def let_go(verdicts: Verdicts, call: ToolCall = CALL) -> Enforcement:
    return await Guard(PROGRAM, verdicts=verdicts).authorise(call, session="s")


async def test_an_executor_runs_what_was_let_go_once(tool: Any) -> None:
    """The call with its verdict runs; the verdict is spent by that."""
    verdicts = Verdicts(NEW)
    granted = await let_go(verdicts)
    assert granted.verdict is not None
    said = verdicts.check(granted.verdict, CALL, session="s", policy=PROGRAM.hash)
    assert (said.session_version, said.call_digest) == (1, CALL.digest)
    execute = verdicts.executor(tool)
    await execute(granted.call, granted.verdict)
    with pytest.raises(VerdictSpent):
        await execute(granted.call, granted.verdict)
    assert tool.ran == [CALL]


@pytest.mark.parametrize(
    "call",
    [
        ToolCall.of("c1", "pay", {"amount": 5.0, "to": "bob"}),
        ToolCall.of("c1", "pay", {"amount": 5, "to": "eve"}),
        ToolCall.of("c1", "drop", {"amount": 5, "to": "bob"}),
        ToolCall.of("c2", "pay", {"amount": 5, "to": "bob"}),
    ],
)
async def test_a_verdict_is_about_one_call(tool: Any, call: ToolCall) -> None:
    """Other arguments, another tool, another id: not what was let go."""
    verdicts = Verdicts(NEW)
    granted = await let_go(verdicts)
    with pytest.raises(VerdictMismatch):
        await verdicts.executor(tool)(call, granted.verdict or "")
    assert tool.ran == []


async def test_a_verdict_is_about_one_session_and_policy() -> None:
    """An executor that knows whose call it runs refuses another's verdict."""
    verdicts = Verdicts(NEW)
    verdict = (await let_go(verdicts)).verdict or ""
    with pytest.raises(VerdictMismatch, match="session"):
        verdicts.check(verdict, CALL, session="t")
    with pytest.raises(VerdictMismatch, match="policy"):
        verdicts.check(verdict, CALL, policy="0" * 64)


async def test_a_verdict_expires() -> None:
    """After its time it lets nothing go."""
    now = 1_000_000
    verdicts = Verdicts(NEW, ttl=2.0, clock=lambda: now)
    verdict = (await let_go(verdicts)).verdict or ""
    now += 1_999_999
    verdicts.check(verdict, CALL)
    now += 1
    with pytest.raises(VerdictExpired):
        verdicts.check(verdict, CALL)


async def test_keys_can_be_replaced() -> None:
    """What the old key signed is good while the executor knows it; a key it never knew signs nothing for it."""
    verdict = (await let_go(Verdicts(OLD))).verdict or ""
    Verdicts(NEW, OLD).check(verdict, CALL)
    for keys in ((NEW,), (NEW, OTHER)):
        with pytest.raises(VerdictForged):
            Verdicts(*keys).check(verdict, CALL)


@given(st.data())
def test_a_changed_verdict_is_no_verdict(data: st.DataObject) -> None:
    """Whatever is changed in its text, it is refused, and never for anything but being forged."""
    from bartizan.guard import Request, Session

    verdicts = Verdicts(NEW)
    verdict = verdicts.sign(Request(CALL, 0), PROGRAM.hash, Session("s", 1))
    at = data.draw(st.integers(0, len(verdict) - 1))
    other = data.draw(st.characters(codec="utf-8"))
    changed = verdict[:at] + other + verdict[at + 1 :]
    if changed != verdict:
        with pytest.raises(VerdictForged):
            verdicts.check(changed, CALL)


@pytest.mark.parametrize("text", ["", ".", "a.b", "..", "é.é", "e30.e30", None, b"x", 7])
def test_what_is_no_verdict_is_forged(text: Any) -> None:
    """Garbage of any type is refused in one way."""
    with pytest.raises(VerdictForged):
        Verdicts(NEW).check(text, CALL)


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"version":2}', b'{"version":1,"x":1}', b"no"])
def test_a_signature_is_not_enough(body: bytes) -> None:
    """What was signed, but is not what the guard writes, is refused too."""
    from bartizan.guard.verdict import _encode, _mac

    with pytest.raises(VerdictForged):
        Verdicts(NEW).check(f"{_encode(body)}.{_encode(_mac(NEW, body))}", CALL)


def test_the_text_of_a_verdict_is_the_only_one() -> None:
    """Padding, or other last bits, do not make a second text of the same verdict."""
    from bartizan.guard import Request, Session

    verdicts = Verdicts(NEW)
    verdict = verdicts.sign(Request(CALL, 0), PROGRAM.hash, Session("s", 1))
    mac = base64.urlsafe_b64decode(verdict.split(".")[1] + "=")
    for other in (verdict + "=", verdict[:-1] + chr(ord(verdict[-1]) + 1)):
        with pytest.raises(VerdictForged):
            verdicts.check(other, CALL)
    assert len(mac) == 32


@pytest.mark.parametrize("name", ["drop", "ask"])
async def test_what_is_not_let_go_has_no_verdict(name: str) -> None:
    """A denial and a question to a person sign nothing; nor does a guard without a key."""
    held = await let_go(Verdicts(NEW), ToolCall.of("1", name, {}))
    assert (held.verdict, held.decision.outcome >= Outcome.ESCALATE) == (None, True)
    granted = await Guard(PROGRAM).authorise(CALL, session="s")
    assert (granted.verdict, granted.decision.allowed) == (None, True)


@pytest.mark.parametrize("keys", [(), (b"short",), ("x" * 32,), (NEW, b"")])
def test_a_key_has_to_be_long(keys: Any) -> None:
    """A key that could be guessed is refused at once."""
    with pytest.raises(ValueError, match="32"):
        Verdicts(*keys)
    assert issubclass(VerdictForged, VerdictError)
