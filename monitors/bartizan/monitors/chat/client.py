"""The guard's side: the monitor that resolves a tool call's id into the signals of the generation that wrote the call.

::

    host = ChatSignals("http://127.0.0.1:8000")
    guard = Guard(program, monitors={"deception": host.monitor("deception")})

No torch here. Whatever keeps a signal from being known (an id that no host gave, an expired one, other arguments, a
host that is dead, slow or talks nonsense, an incomplete capture) is ``Missing`` with the reason, never a number.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Literal
from weakref import WeakKeyDictionary

import httpx

from bartizan.guard.canonical import parse_json
from bartizan.guard.errors import MalformedJSON
from bartizan.guard.types import Event, Missing, Signal, ToolCall, Trace

from ..types import Measurement
from .handles import CallId
from .records import CallSignals, ReplySignals

Span = Literal["call", "reply", "prompt"]
"""Over which tokens: those of the call itself, of the whole reply that holds it, or of the prompt before it."""

MAX_ANSWER = 4 * 1024 * 1024


class ChatSignals:
    """A chat host, asked for the signals of its replies.

    ``base_url`` is the host's address, with or without the ``/v1`` that OpenAI clients want; ``uds`` a Unix socket
    to connect to instead. ``timeout`` (seconds) bounds one question as a whole: keep it below what the guard gives
    its monitors. ``fingerprint`` is the ``system_fingerprint`` that replies must have: signals of other weights are
    missing. Several monitors of one event ask once. It belongs to no event loop: use it from any, or from several.
    """

    def __init__(
        self,
        base_url: str,
        *,
        token: str | None = None,
        uds: str | None = None,
        timeout: float = 0.8,
        fingerprint: str | None = None,
    ) -> None:
        if not timeout > 0:
            raise ValueError(f"expected a timeout above 0 seconds, found {timeout!r}")
        self._base_url = base_url.rstrip("/").removesuffix("/v1")
        self._headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        self._uds, self._timeout, self._fingerprint = uds, timeout, fingerprint
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()
        self._asking: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Task[Any]]] = (
            WeakKeyDictionary()
        )

    def monitor(self, name: str, *, probe: str | None = None, span: Span = "call") -> ChatMonitor:
        """The monitor of the signal ``name``, read by ``probe`` (of the same name unless said otherwise)."""
        return ChatMonitor(self, name, probe if probe is not None else name, span)

    async def resolve(self, handle: str) -> ReplySignals | Missing:
        """The signals of one reply. Never raises but for cancellation."""
        asking = self._asking.setdefault(asyncio.get_running_loop(), {})
        task = asking.get(handle)
        if task is None:
            task = asyncio.create_task(self._ask(handle), name=f"signals {handle[:8]}")
            asking[handle] = task
            task.add_done_callback(lambda _: asking.pop(handle, None))
        answer: ReplySignals | Missing = await asyncio.shield(task)
        return answer

    async def aclose(self) -> None:
        """Close the connections of the running loop; those of loops that ended are gone with them."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    async def _ask(self, handle: str) -> ReplySignals | Missing:
        try:
            async with asyncio.timeout(self._timeout):
                status, body = await self._get(f"{self._base_url}/v1/signals/{handle}")
        except TimeoutError:
            return Missing("the chat host did not answer in time")
        except httpx.HTTPError as error:
            return Missing(f"the chat host cannot be asked: {type(error).__name__}")
        except (httpx.InvalidURL, OSError, ValueError) as error:
            return Missing(f"the chat host cannot be asked: {type(error).__name__}")
        if status == 404:
            return Missing("unknown or expired handle")
        if status != 200:
            return Missing(f"the chat host answered with status {status}")
        if body is None:
            return Missing("the chat host's answer is too long")
        try:
            record = ReplySignals.from_json(parse_json(body))
        except (MalformedJSON, ValueError):
            return Missing("the chat host's answer cannot be understood")
        if record.handle != handle:
            return Missing("the chat host answered for another handle")
        if self._fingerprint is not None and record.fingerprint != self._fingerprint:
            return Missing("the chat host serves another model")
        return record

    async def _get(self, url: str) -> tuple[int, bytes | None]:
        """Status and body; no body if it is longer than any that a host of ours writes."""
        async with self._client().stream("GET", url) as response:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER:
                    return response.status_code, None
            return response.status_code, bytes(body)

    def _client(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            client = httpx.AsyncClient(
                headers=self._headers,
                timeout=self._timeout,
                transport=httpx.AsyncHTTPTransport(
                    uds=self._uds,
                    verify=self._base_url.startswith("https:"),  # a context is costly, and only then of use
                    # A guard's loop may end without a word to its monitors: nothing is left open between questions.
                    limits=httpx.Limits(max_keepalive_connections=0),
                    trust_env=False,
                ),
                follow_redirects=False,
                trust_env=False,
            )
            self._clients[loop] = client
        return client


class ChatMonitor:
    """Measures ``call`` events: the guard's ``Monitor``. Build it with :meth:`ChatSignals.monitor`."""

    def __init__(self, host: ChatSignals, name: str, probe: str, span: Span) -> None:
        if span not in ("call", "reply", "prompt"):
            raise ValueError(f"expected the span 'call', 'reply' or 'prompt', found {span!r}")
        self._host, self._name, self._probe, self._span = host, name, probe, span

    async def measure(self, event: Event, trace: Trace) -> Signal:
        call = event.call
        if event.kind != "call" or call is None:
            return self._missing("only calls carry a handle")
        named = CallId.parse(call.id)
        if named is None:
            return self._missing("the call carries no handle of a chat host")
        started = time.perf_counter()
        record = await self._host.resolve(named.handle)
        if isinstance(record, Missing):
            return self._missing(record.reason)
        of_call = _vouched(record, named.index, call)
        if isinstance(of_call, Missing):
            return self._missing(of_call.reason)
        readings = {"call": of_call.readings, "reply": record.reply, "prompt": record.prompt}[self._span]
        reading = readings.get(self._probe)
        if reading is None:
            return self._missing(f"the chat host has no probe {self._probe!r:.80}")
        return self._signal(reading, record, milliseconds=(time.perf_counter() - started) * 1000)

    def _signal(self, reading: Measurement, record: ReplySignals, milliseconds: float) -> Signal:
        evidence: Mapping[str, Any] = MappingProxyType(
            {
                **reading.evidence,
                "span": self._span,
                "model": record.model,
                "host": {
                    "generate_ms": record.generate_ms,
                    "signals_ms": record.signals_ms,
                    "resolve_ms": round(milliseconds, 3),
                },
            }
        )
        signal = Signal(self._name, reading.value, reading.p_value, evidence)
        if isinstance(reading.value, Missing) and not isinstance(reading.p_value, Missing):
            return replace(signal, p_value=reading.value)  # a p-value of nothing
        return signal

    def _missing(self, reason: str) -> Signal:
        return Signal(self._name, Missing(reason), Missing(reason))


def _vouched(record: ReplySignals, index: int, call: ToolCall) -> CallSignals | Missing:
    """The record's call, if it is exactly the one that is asked about: its tool and its canonical arguments."""
    if index >= len(record.calls):
        return Missing("the reply has no such call")
    found = record.calls[index]
    if found.tool != call.tool or found.digest != call.digest:
        return Missing("the handle belongs to another call")
    return found
