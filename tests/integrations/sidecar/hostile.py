"""Requests that nobody well-behaved sends: each a way to write bytes to a connection, made from a random number.

A case says how many answers it may have at most; what an answer's status must not be is the runner's business.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Writer = asyncio.StreamWriter
Send = Callable[[Writer], Awaitable[None]]

AGENT = b"authorization: Bearer agent-token\r\n"
READER = b"authorization: Bearer ann-token\r\n"

PATHS = [
    "/v1/calls", "/v1/batch", "/v1/calls/x/result", "/v1/events", "/v1/explain", "/v1/streams", "/v1/policy",
    "/access/v1/evaluation", "/access/v1/evaluations", "/access/v1/requests", "/v1/data/bartizan/decision",
    "/v1/approvals/s/x", "/v1/approvals", "/v1/sessions/s", "/v1/logs", "/v1/nothing", "/", "/openapi.json", "/metrics",
    "/healthz", "/readyz", "/.well-known/authzen-configuration", "/hooks/claude-code",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Case:
    """``answers`` at most; ``ok``: the last answer must be 200; ``slow``: it takes its time on purpose."""

    name: str
    send: Send
    answers: int = 1
    ok: bool = False
    slow: bool = False
    aborts: bool = False


def call(dice: random.Random) -> dict[str, Any]:
    args = {"what": f"thing {dice.randrange(100)}"}
    return {
        "session": f"s{dice.randrange(50)}",
        "call": {"id": f"c{dice.randrange(1 << 30)}", "tool": "look", "args": args},
    }


def request(
    body: bytes, path: str = "/v1/calls", method: str = "POST", headers: bytes = b"", *, length: bool = True
) -> bytes:
    announced = b"content-length: %d\r\n" % len(body) if length else b""
    kind = b"" if b"content-type" in headers.lower() else b"content-type: application/json\r\n"
    line = f"{method} {path} HTTP/1.1\r\nhost: x\r\n".encode("utf-8", "surrogatepass")
    return line + AGENT + kind + announced + headers + b"\r\n" + body


def once(data: bytes) -> Send:
    async def send(writer: Writer) -> None:
        writer.write(data)
        await writer.drain()

    return send


def valid(dice: random.Random) -> Case:
    return Case("valid", once(request(json.dumps(call(dice)).encode())), ok=True)


# --- bodies


def bad_json(dice: random.Random) -> Case:
    good = json.dumps(call(dice)).encode()
    deep = dice.randrange(10, 40_000)
    bodies: Sequence[bytes] = [
        b"", b"null", b"[]", b"0", b'""', b"{", b"}", b"\x00", b"\xef\xbb\xbf" + good, good + b" x", good + good,
        good.decode().encode("utf-16"), good.decode().encode("utf-32"), good.replace(b"look", b"l\xff\xfeok"),
        good.replace(b"look", b"\xed\xa0\x80"), good.replace(b'"look"', b'"\\ud800"'), good.replace(b"thing",
        b"\\u0000"),
        b"[" * deep, b'{"a":' * deep, b"[" * deep + b"]" * deep, b'{"call":' * deep + b"1" + b"}" * deep,
        good.replace(b'"look"', b"1e999"), good.replace(b'"look"', b"-0.0"), good.replace(b'"look"', b"NaN"),
        good.replace(b'"look"', b"Infinity"), good.replace(b'"look"', b"1" * dice.choice([10, 4299, 4301, 9000])),
        good[:-1] + b',"session":"t"}', good[: dice.randrange(len(good))], b"%PDF-1.4", b"<xml/>", b"a=b&c=d",
        good.replace(b"{", b"{/**/"), good.replace(b'"',
        b"'"), b'"' + b"\\" * 999 + b'"', b'{"":' * 20 + b"0" + b"}" * 20,
    ]  # fmt: skip
    return Case("bad JSON", once(request(dice.choice(bodies), dice.choice(PATHS[:12]))))


JUNK: Sequence[Any] = [
    None, True, False, 0, -1, 1 << 70, 1.5, -1e300, "", "x", "\x00", "\u202e", "é" * 999, [], [[]], {}, {"": None},
    ["approve"], {"id": "x"}, "s", "\uffff", "'; DROP TABLE sessions; --", "../../etc/passwd", "{{7*7}}", "${jndi:x}",
]  # fmt: skip


def mutated_json(dice: random.Random) -> Case:
    """A body of the right shape in which some things are others."""
    shapes: list[tuple[str, Any]] = [
        ("/v1/calls", {**call(dice), "once": "k", "review": False, "principal": {"id": "a", "roles": []}}),
        ("/v1/batch", {"calls": [call(dice), call(dice)]}),
        (
            "/v1/calls/c/result",
            {"session": "s", "call": {"id": "c", "tool": "look", "args": {}}, "record": "x", "text": "t"},
        ),
        ("/v1/events", {"session": "s", "kind": "prompt", "text": "t", "value": None, "is_error": False}),
        ("/v1/explain", {"session": "s", "call": {"id": "c", "tool": "look", "args": {}}}),
        ("/v1/approvals/s/x", {"answer": "approve", "args": {}}),
        (
            "/v1/streams",
            {
                "session": "s",
                "provider": "openai-chat",
                "frames": [CHUNK, CHUNK],
                "notes": True,
                "hopeless": "end",
            },
        ),
        (
            "/hooks/claude-code",
            {"session_id": "s", "hook_event_name": "PreToolUse", "tool_name": "x", "tool_input": {}},
        ),
        ("/v1/data/bartizan/allow", {"input": {"session": "s", "tool": "look", "args": {"what": "x"}}}),
        (
            "/access/v1/evaluation",
            {
                "subject": {"type": "identity", "id": "agent"},
                "action": {"name": "tools/call", "properties": {"arguments": {"what": "x"}}},
                "resource": {"type": "tool", "id": "look"},
                "context": {"session": "s", "once": "k", "call_id": "c"},
            },
        ),
    ]
    path, shape = dice.choice(shapes)
    body = json.loads(json.dumps(shape))
    for _ in range(dice.choice([1, 1, 1, 2, 5])):
        _mutate(body, dice)
    data = json.dumps(body, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
    headers = READER if "approvals" in path else b""
    raw = request(data, path, headers=headers)
    return Case("mutated JSON", once(raw.replace(AGENT, b"") if headers else raw))


CHUNK = {
    "id": "x",
    "object": "chat.completion.chunk",
    "choices": [
        {
            "index": 0,
            "delta": {
                "content": "Hello.",
                "tool_calls": [
                    {
                        "index": 0,
                        "id": "c",
                        "type": "function",
                        "function": {"name": "look", "arguments": "{}"},
                    }
                ],
            },
            "finish_reason": None,
        }
    ],
}


def streamed(dice: random.Random) -> Case:
    """A stream of events that is none, or a WebSocket that says odd things; the slow ones say nothing more."""
    good = b"data: " + json.dumps(CHUNK).encode() + b"\n\n"
    said: Sequence[bytes] = [
        good, good * 9 + b"data: [DONE]\n\n", b"data: {\n\n", b"data: \xff\n\n", b"\n" * 999, b"data:" * 999,
        b":" * 9999,
        b"event: x\r\ndata: 1\r\n\r\n", b"id: \0\n\n", dice.randbytes(999), b"data: " + b"[" * 9999 + b"\n\n", b"",
        good.replace(b"Hello", b"x" * 100_000), b"retry: 0\n\n" + good[: dice.randrange(len(good))],
    ]  # fmt: skip
    query = dice.choice(
        ["?session=s&provider=openai-chat", "?session=s&provider=x", "?session=&provider=anthropic", ""]
    )
    if dice.random() < 0.5:
        kind = b"content-type: text/event-stream\r\n"
        return Case(
            "streamed", once(request(dice.choice(said), f"/v1/streams{query}", headers=kind)), answers=2
        )
    head = (
        b"GET /v1/streams%b HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
        % query.encode()
    )
    head += AGENT + b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    text = dice.choice(said)[:120]
    mask = bytes(4)
    frames: Sequence[bytes] = [
        b"\x81" + bytes([0x80 | len(text)]) + mask + text, b"\x81" + bytes([len(text)]) + text, b"\x83\x80" + mask,
        b"\x81\xff" + b"\xff" * 8 + mask, b"\x81\xff" + (1 << 40).to_bytes(8, "big") + mask, b"\x80\x80" + mask,
        b"\xf1\x80" + mask, b"\x88\x81" + mask + b"x", b"\x89\xfe\x00\xff" + mask + b"x" * 255, b"\x01\x80" + mask,
        dice.randbytes(200), b"\x82\x84" + mask + b"abcd", b"\x81\x82" + mask + b"\xff\xff",
    ]  # fmt: skip
    return Case("websocket", once(head + b"".join(dice.choices(frames, k=3))), answers=2)


def _mutate(value: Any, dice: random.Random) -> None:
    while isinstance(value, dict | list) and value:
        key = dice.choice(list(value)) if isinstance(value, dict) else dice.randrange(len(value))
        if not isinstance(value[key], dict | list) or not value[key] or dice.random() < 0.3:
            fate = dice.random()
            if fate < 0.15:
                del value[key]
            elif fate < 0.25 and isinstance(value, dict):
                value["x" * dice.randrange(1, 99)] = deepcopy(dice.choice(JUNK))
            else:
                value[key] = deepcopy(dice.choice(JUNK))
            return
        value = value[key]


def flipped(dice: random.Random) -> Case:
    """A good request with some bytes changed, lost, doubled or moved."""
    data = bytearray(request(json.dumps(call(dice)).encode(), dice.choice(PATHS)))
    for _ in range(dice.choice([1, 1, 2, 4, 16])):
        at = dice.randrange(len(data))
        match dice.randrange(5):
            case 0:
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                del data[at : at + dice.randrange(1, 9)]
            case 2:
                data[at:at] = data[at : at + dice.randrange(1, 99)]
            case 3:
                data[at:at] = dice.randbytes(dice.randrange(1, 9))
            case _:
                data[at] = dice.choice(b"\r\n\0 :;,\t/")
        if not data:
            break
    return Case("flipped bytes", once(bytes(data)), answers=9)


def noise(dice: random.Random) -> Case:
    return Case("noise", once(dice.randbytes(dice.randrange(1, 5000))), answers=9)


# --- heads


def odd_head(dice: random.Random) -> Case:
    body = json.dumps(call(dice)).encode()
    size = b"content-length: %d\r\n" % len(body)
    kind = b"content-type: application/json\r\n"
    start = b"POST /v1/calls HTTP/1.1\r\nhost: x\r\n" + AGENT
    heads: Sequence[bytes] = [
        start + kind + b"content-length: -1\r\n\r\n" + body,
        start + kind + b"content-length: +5\r\n\r\n" + body,
        start + kind + b"content-length: 0x10\r\n\r\n" + body,
        start + kind + b"content-length: %d\r\n\r\n" % (1 << 66) + body,
        start + kind + size + b"content-length: 3\r\n\r\n" + body,
        start + kind + size + size + b"\r\n" + body,
        start + kind + b"content-length: %d, %d\r\n\r\n" % (len(body), len(body)) + body,
        start + kind + size + b" folded: x\r\n\tmore\r\n\r\n" + body,
        start + kind + b"content-length : %d\r\n\r\n" % len(body) + body,
        start + kind + size + b"x\0y: z\r\n\r\n" + body,
        start + kind + size + b"x: a\0b\r\n\r\n" + body,
        start + kind + size + b"x: a\rb\r\n\r\n" + body,
        (start + kind + size + b"\r\n").replace(b"\r\n", b"\n") + body,
        start + kind + size + b": nameless\r\n\r\n" + body,
        start + kind + size + b"no colon\r\n\r\n" + body,
        start + kind + size + b"\xff\xfe: \xff\r\n\r\n" + body,
        start + kind + size + b"traceparent: " + dice.randbytes(9).hex().encode() + b"\xff\r\n\r\n" + body,
        start + kind + size + b"traceparent: 00-" + b"0" * 32 + b"-01\r\ntracestate: ,,=,\r\n\r\n" + body,
        start + kind + size + AGENT + b"\r\n" + body,
        start + kind + size + READER + b"\r\n" + body,
        start + kind + size + b"x-request-id: " + b"\x7f" * 50 + b"\r\n\r\n" + body,
        start + kind + size + b"expect: 100-continue\r\n\r\n" + body,
        start + kind + size + b"expect: nonsense\r\n\r\n" + body,
        start + kind + size + b"upgrade: h2c\r\nconnection: upgrade\r\nhttp2-settings: AA\r\n\r\n" + body,
        start + kind + size + b"content-encoding: gzip\r\n\r\n" + body,
        start + kind + size + b"connection: close, keep-alive\r\n\r\n" + body,
        start + size + b"content-type: text/plain\r\n\r\n" + body,
        start + size + b"content-type: application/json; charset=utf-16\r\n\r\n" + body,
        start + size + b"content-type: multipart/form-data; boundary=x\r\n\r\n" + body,
        start + size + b"content-type: application/json\r\ncontent-type: text/html\r\n\r\n" + body,
        start + size + b"content-type: \xff\r\n\r\n" + body,
        start + size + b"\r\n" + body,
        start.replace(b"agent-token", b"x" * dice.randrange(20_000)) + kind + size + b"\r\n" + body,
        start.replace(b"Bearer agent-token", dice.randbytes(30).hex().encode()) + kind + size + b"\r\n" + body,
        start.replace(b"Bearer", b"Basic") + kind + size + b"\r\n" + body,
        start.replace(b"HTTP/1.1", b"HTTP/1.0") + kind + size + b"\r\n" + body,
        start.replace(b"HTTP/1.1", b"HTTP/9.9") + kind + size + b"\r\n" + body,
        start.replace(b"HTTP/1.1", b"ICE/1.0") + kind + size + b"\r\n" + body,
        start.replace(b" HTTP/1.1", b"") + kind + size + b"\r\n" + body,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/0.9\r\n\r\n", b"GET /\r\n\r\n", b"\r\n\r\n\r\n", b"\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + dice.randbytes(64),
    ]  # fmt: skip
    return Case("odd head", once(dice.choice(heads)), answers=2)


def odd_target(dice: random.Random) -> Case:
    targets = [
        "*", "//", "///v1/calls", "/v1/./calls", "/v1/../v1/calls", "/v1/calls/", "/v1/calls?x=%ff", "/v1/%63alls",
        "/v1/calls%00", "/v1/calls/%2e%2e/result", "/%ff%fe", "http://evil/v1/calls", "x:1",
        "/" + "a" * dice.randrange(60_000),
        "/v1/calls/" + "%2F" * 50 + "/result", "/v1/sessions/" + "%F0%9F%92%A9" * 9, "/v1/sessions/%00",
        "/v1/sessions/%ED%A0%80",
        "/v1/approvals/%ff/%ff", "/v1/decisions?recent=" + "9" * dice.randrange(1, 5000), "/v1/decisions?recent=-1",
        "/v1/approvals?session=%00&session=x", "/v1/logs?recent=1e9", "/static/../../../etc/passwd",
        "/static/%2e%2e%2fx",
        "/access/v1/requests/" + "A" * dice.randrange(1, 3000), "/v1/data/" + "/" * 999, "/v1/calls#f",
        "/v1/calls;a=b", "",
    ]  # fmt: skip
    methods = [
        "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "CONNECT", "get", "PROPFIND", "QUERY",
        "G\x00T", "P" * 999, "",
    ]  # fmt: skip
    body = b"" if dice.random() < 0.5 else json.dumps(call(dice)).encode()
    raw = request(body, dice.choice(targets), dice.choice(methods))
    return Case("odd target", once(raw.replace(AGENT, READER) if dice.random() < 0.4 else raw), answers=2)


def huge_head(dice: random.Random) -> Case:
    body = json.dumps(call(dice)).encode()
    size = dice.choice([8_000, 60_000, 70_000, 300_000, 5_000_000])
    if dice.random() < 0.5:
        headers = b"x: " + b"a" * size + b"\r\n"
    else:
        headers = b"".join(b"x%d: y\r\n" % number for number in range(size // 9))
    return Case("huge head", once(request(body, headers=headers)), answers=2)


def odd_chunks(dice: random.Random) -> Case:
    body = json.dumps(call(dice)).encode()
    good = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    chunked = b"transfer-encoding: chunked\r\n"
    bodies: Sequence[tuple[bytes, bytes]] = [
        (chunked, b"zz\r\n" + body), (chunked, b"-1\r\n" + body), (chunked, b"fffffffffffffffff\r\n" + body),
        (chunked, b"5;" + b"x" * 100_000 + b"\r\n" + body), (chunked, b"0\r\n" + b"t: x\r\n" * 5000 + b"\r\n"),
        (chunked, good.replace(b"\r\n", b"\n")), (chunked, b"%x \r\n%b\r\n0\r\n\r\n" % (len(body), body)),
        (chunked, b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"), (chunked, good[:-2]),
        (b"transfer-encoding: xchunked\r\n", good), (b"transfer-encoding: chunked, chunked\r\n", good),
        (b"transfer-encoding: gzip, chunked\r\n", good), (b"transfer-encoding: chunked, identity\r\n", good),
        (b"transfer-encoding : chunked\r\n", good), (b"transfer-encoding:\x0bchunked\r\n", good),
    ]  # fmt: skip
    headers, data = dice.choice(bodies)
    return Case("odd chunks", once(request(b"", headers=headers, length=False) + data), answers=2)


def smuggled(dice: random.Random) -> Case:
    """Two lengths that disagree: what one of them hides must never be answered as a request of its own."""
    hidden = b"GET /v1/decisions?recent=1 HTTP/1.1\r\nhost: x\r\n" + READER + b"\r\n"
    body = json.dumps(call(dice)).encode()
    chunk = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    encodings = [
        b"transfer-encoding: chunked\r\n",
        b"Transfer-Encoding: Chunked\r\n",
        b"transfer-encoding: x, chunked\r\n",
    ]
    headers = dice.choice(encodings) + dice.choice(
        [b"content-length: %d\r\n", b"Content-Length: %d\r\n"]
    ) % len(chunk)
    if dice.random() < 0.5:
        parts = headers.split(b"\r\n")
        headers = parts[1] + b"\r\n" + parts[0] + b"\r\n"
    if dice.random() < 0.3:
        headers = b"content-length: %d\r\ncontent-length: 0\r\n" % len(body)
        chunk = body
    return Case("smuggled", once(request(b"", headers=headers, length=False) + chunk + hidden), answers=1)


# --- connections


def pipelined(dice: random.Random) -> Case:
    many = dice.randrange(2, 30)
    data = b"".join(request(json.dumps(call(dice)).encode()) for _ in range(many))
    return Case("pipelined", once(data), answers=many, ok=True)


def half_closed(dice: random.Random) -> Case:
    data = request(json.dumps(call(dice)).encode())
    end = len(data) if dice.random() < 0.3 else dice.randrange(len(data))

    async def send(writer: Writer) -> None:
        writer.write(data[:end])
        await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    return Case("half closed", send, ok=end == len(data))


def aborted(dice: random.Random) -> Case:
    data = request(json.dumps(call(dice)).encode(), dice.choice(PATHS))
    end = dice.randrange(len(data) + 1)

    async def send(writer: Writer) -> None:
        writer.write(data[:end])
        await writer.drain()
        writer.transport.abort()

    return Case("aborted", send, aborts=True)


def slow(dice: random.Random) -> Case:
    """A byte now and then, for ever: the server ends it."""
    data = request(json.dumps(call(dice)).encode())
    head = data.index(b"\r\n\r\n") + 4
    start = dice.choice([0, 5, head - 3, head, head + 5])

    async def send(writer: Writer) -> None:
        writer.write(data[:start])
        for byte in data[start:-1] + b" " * 1000:
            if writer.transport.is_closing():
                return
            writer.write(bytes([byte]))
            await asyncio.sleep(0.25)

    return Case("slow", send, slow=True)


def enormous(dice: random.Random, size: int = 100_000_000) -> Case:
    """A body far beyond what is read, announced or in chunks."""
    piece = b" " * 65536
    kind = dice.randrange(3)

    async def send(writer: Writer) -> None:
        if kind == 0:
            head = request(b"", headers=b"content-length: %d\r\n" % size, length=False)
        elif kind == 1:
            head = request(b"", headers=b"transfer-encoding: chunked\r\n", length=False)
        else:
            head = request(b"", "/v1/events", headers=b"content-length: %d\r\n" % size, length=False)
        writer.write(head)
        for _ in range(size // len(piece)):
            if writer.transport.is_closing():
                return
            writer.write(b"10000\r\n" + piece + b"\r\n" if kind == 1 else piece)
            await writer.drain()

    return Case("enormous", send)


COMMON: Sequence[tuple[int, Callable[[random.Random], Case]]] = [
    (10, valid), (22, bad_json), (30, mutated_json), (30, flipped), (6, noise), (30, odd_head), (24, odd_target),
    (3, huge_head), (12, odd_chunks), (16, streamed), (10, smuggled), (4, pipelined), (10, half_closed), (8, aborted),
    (1, slow),
]  # fmt: skip


def cases(seed: int, many: int, enormous_ones: int, size: int = 100_000_000) -> list[Case]:
    """So many requests of all kinds, in an order that only ``seed`` determines."""
    dice = random.Random(seed)
    weights, makers = zip(*COMMON, strict=True)
    chosen = [make(dice) for make in dice.choices(makers, weights, k=many - enormous_ones)]
    chosen += [enormous(dice, size) for _ in range(enormous_ones)]
    dice.shuffle(chosen)
    return chosen
