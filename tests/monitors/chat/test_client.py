"""The guard's side: no torch, and no answer but a proper one is a number."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bartizan.guard.types import Event, Missing, Signal, ToolCall
from bartizan.monitors.chat import ChatSignals
from bartizan.monitors.chat.handles import call_id, new_handle
from bartizan.monitors.chat.records import CallSignals, ReplySignals
from bartizan.monitors.types import Measurement

HANDLE = new_handle()
CALL = ToolCall.of(call_id(HANDLE, 0), "pay", {"to": "GB33", "amount": 90})
RECORD = ReplySignals(
    handle=HANDLE,
    model="tiny",
    fingerprint="fp",
    generate_ms=12.5,
    signals_ms=0.5,
    prompt_tokens=5,
    reply_tokens=7,
    prompt={"harm": Measurement(0.1, 0.9)},
    reply={"harm": Measurement(0.2, 0.8), "broken": Measurement.missing("incomplete capture: x")},
    calls=(CallSignals("pay", CALL.digest, (1, 6), {"harm": Measurement(0.7, 0.01, {"tokens": 5})}),),
)


@asynccontextmanager
async def answering(answer: Callable[[str], bytes | None]) -> AsyncIterator[str]:
    """A server of a few lines that answers as it is told, or not at all."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            answered = answer(head.decode("latin-1").split()[1])
            if answered is None:
                await asyncio.sleep(3600)
            else:
                writer.write(answered)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def http(body: Any, status: str = "200 OK") -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (
        f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode() + content
    )


async def measured(
    answer: bytes | None, *, call: ToolCall = CALL, wait: float = 60.0, probe: str = "harm", **options: Any
) -> Signal:
    async with answering(lambda path: answer) as url:
        fingerprint = options.pop("fingerprint", None)
        signals = ChatSignals(url + "/v1", timeout=wait, fingerprint=fingerprint)
        return await signals.monitor("signal", probe=probe, **options).measure(
            Event("call", 0, call=call), ()
        )


@pytest.mark.parametrize(("span", "value"), [("call", 0.7), ("reply", 0.2), ("prompt", 0.1)])
async def test_each_span_has_its_value(span: str, value: float) -> None:
    """The call's own tokens, the whole reply's, or the prompt's."""
    signal = await measured(http(RECORD.to_json()), span=span)
    assert (signal.name, signal.value) == ("signal", value)
    assert signal.evidence["span"] == span and signal.evidence["model"] == "tiny"
    assert signal.evidence["host"]["generate_ms"] == 12.5 and signal.evidence["host"]["resolve_ms"] > 0


RECORDED = RECORD.to_json()
OTHER = ToolCall.of(CALL.id, "pay", {"to": "GB33", "amount": 91})


@pytest.mark.parametrize(
    ("answer", "options", "reason"),
    [
        (http({}, "404 Not Found"), {}, "unknown or expired handle"),
        (http({}, "401 Unauthorized"), {}, "the chat host answered with status 401"),
        (http({}, "302 Found"), {}, "the chat host answered with status 302"),
        (http(b"<html>"), {}, "the chat host's answer cannot be understood"),
        (http(b"\xff\xfe"), {}, "the chat host's answer cannot be understood"),
        (http([]), {}, "the chat host's answer cannot be understood"),
        (http({**RECORDED, "calls": None}), {}, "the chat host's answer cannot be understood"),
        (http({**RECORDED, "more": 1}), {}, "the chat host's answer cannot be understood"),
        (http({**RECORDED, "reply_tokens": -1}), {}, "the chat host's answer cannot be understood"),
        (http({**RECORDED, "reply": {"harm": {"value": 2, "p_value": 0.5, "evidence": {}}}}), {},
         "the chat host's answer cannot be understood"),
        (http(b'{"handle": 1, "handle": 2}'), {}, "the chat host's answer cannot be understood"),
        (http({**RECORDED, "handle": new_handle()}), {}, "the chat host answered for another handle"),
        (http(b" " * (5 * 1024 * 1024)), {}, "the chat host's answer is too long"),
        (b"garbage\r\n\r\n", {}, "the chat host cannot be asked: RemoteProtocolError"),
        (b"", {}, "the chat host cannot be asked: RemoteProtocolError"),
        (None, {"wait": 0.1}, "the chat host did not answer in time"),
        (http(RECORDED), {"call": OTHER}, "the handle belongs to another call"),
        (http(RECORDED), {"call": ToolCall.of(CALL.id, "send", CALL.args)}, "the handle belongs to another call"),
        (http(RECORDED), {"call": ToolCall.of(call_id(HANDLE, 1), "pay", CALL.args)}, "the reply has no such call"),
        (http(RECORDED), {"call": ToolCall.of("call_1", "pay", CALL.args)},
         "the call carries no handle of a chat host"),
        (http(RECORDED), {"call": ToolCall.of(CALL.id + "~1", "pay", CALL.args)},
         "the call carries no handle of a chat host"),
        (http(RECORDED), {"fingerprint": "fp2"}, "the chat host serves another model"),
        (http(RECORDED), {"probe": "other"}, "the chat host has no probe 'other'"),
        (http(RECORDED), {"probe": "broken", "span": "reply"}, "incomplete capture: x"),
    ],
)  # fmt: skip
async def test_everything_else_is_missing(answer: bytes | None, options: dict[str, Any], reason: str) -> None:
    """Never a number, never an exception; value and p-value both say why."""
    signal = await measured(answer, **options)
    assert signal.value == Missing(reason)
    assert isinstance(signal.p_value, Missing)


async def test_a_host_that_is_not_there_is_missing() -> None:
    """Nobody listens, the address is nonsense, the socket does not exist."""
    event = Event("call", 0, call=CALL)
    for signals in (
        ChatSignals("http://127.0.0.1:9", timeout=60.0),
        ChatSignals("not a url", timeout=60.0),
        ChatSignals("http://[::1", timeout=60.0),
        ChatSignals("http://host", uds="/nowhere/chat.sock", timeout=60.0),
    ):
        value = (await signals.monitor("harm").measure(event, ())).value
        assert isinstance(value, Missing) and value.reason.startswith("the chat host cannot be asked")


async def test_other_events_carry_no_handle() -> None:
    """A prompt, a text and a result have no signals of this kind; nobody is asked."""
    monitor = ChatSignals("http://127.0.0.1:9").monitor("harm")
    for event in (Event("prompt", 0, text="x"), Event("text", 0), Event("result", 0, call=CALL)):
        assert (await monitor.measure(event, ())).value == Missing("only calls carry a handle")


async def test_monitors_of_one_call_ask_once() -> None:
    """Several signals of a call are one question, and one that is cancelled spoils nothing for the others."""
    asked: list[str] = []

    def answer(path: str) -> bytes:
        asked.append(path)
        return http(RECORDED)

    async with answering(answer) as url:
        signals = ChatSignals(url, timeout=60.0)
        event = Event("call", 0, call=CALL)
        tasks = [asyncio.create_task(signals.monitor("harm").measure(event, ())) for _ in range(8)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert [signal.value for signal in found[1:] if isinstance(signal, Signal)] == [0.7] * 7
    assert asked == [f"/v1/signals/{HANDLE}"]


def test_it_is_used_from_several_loops() -> None:
    """A guard may run its kernel in a loop of its own, and another guard in another."""
    signals = ChatSignals("http://127.0.0.1:9")
    for _ in range(3):
        signal = asyncio.run(signals.monitor("harm").measure(Event("call", 0, call=CALL), ()))
        assert isinstance(signal.value, Missing)


def test_records_travel_unchanged() -> None:
    """What is written is read back equal."""
    assert ReplySignals.from_json(json.loads(json.dumps(RECORD.to_json()))) == RECORD


def test_mistakes_are_told_at_once() -> None:
    """A span or a timeout that cannot be."""
    with pytest.raises(ValueError, match="span"):
        ChatSignals("http://host").monitor("harm", span="tool")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="timeout"):
        ChatSignals("http://host", timeout=0)


def test_the_guards_side_needs_no_torch() -> None:
    """Importing it leaves the model's libraries alone."""
    heavy = {"torch", "transformers", "uvicorn", "starlette"}
    script = f"import sys, bartizan.monitors.chat; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
