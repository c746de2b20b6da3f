"""What every request passes first: is there room, who asks, and which way it goes. Raw ASGI.

``POST /v1/calls`` is answered here, past the router: it is what an agent waits for before each of its steps.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import suppress
from contextvars import Token

from opentelemetry import context, propagate
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .bodies import Disconnected, read_json
from .calls import answered, decide, proposed
from .identity import Identity
from .problems import MEDIA_TYPE, Problem, unavailable
from .service import Service

log = logging.getLogger("bartizan.sidecar")

STREAMS = frozenset({"/v1/decisions", "/v1/streams"})
"""What stays open for as long as somebody reads on: counted and bounded by its own routes (``limits.streams``)."""

_JSON = [(b"content-type", b"application/json")]


class Door:
    """``public`` are the paths that anybody may ask for; those that end with ``/`` are whole folders."""

    def __init__(self, service: Service, routes: ASGIApp, public: Collection[str]) -> None:
        self._service = service
        self._routes = routes
        self._public = frozenset(public)
        self._folders = tuple(path for path in public if path.endswith("/") and path != "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._routes(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def tell(message: Message) -> None:
            nonlocal begun
            begun = True
            try:
                await send(message)
            except (OSError, RuntimeError) as error:  # uvloop's, for a line that was cut meanwhile
                raise Disconnected from error

        token: Token[context.Context] | None = None
        try:
            path = scope["path"]
            if path in self._public or path.startswith(self._folders):
                await self._routes(scope, receive, tell)
                return
            self._admit()
            room = 0 if path in STREAMS else 1
            self._service.inside += room
            try:
                identity = self._identify(scope)
                token = _attach(scope)
                if path == "/v1/calls" and scope["method"] == "POST":
                    limits = self._service.config.limits
                    body = await read_json(scope, receive, limits.body, limits.read)
                    answer = await decide(self._service.tenants[identity.tenant], *proposed(identity, body))
                    await _send(tell, 200, answered(answer), _JSON)
                else:
                    scope.setdefault("state", {})["identity"] = identity
                    await self._routes(scope, receive, tell)
            finally:
                self._service.inside -= room
                if token is not None:
                    context.detach(token)
        except Problem as refused:
            with suppress(Disconnected):
                await _refuse(tell, refused)
        except Disconnected:
            return
        except Exception:
            log.exception("a request failed")
            if begun:
                raise
            with suppress(Disconnected):
                await _refuse(tell, Problem(500, "the service failed; see its log"))

    def _identify(self, scope: Scope) -> Identity:
        return self._service.authenticator.identify(scope["headers"], _peer(scope))

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._admit()
            identity = self._identify(scope)
        except Problem as problem:
            log.info("a websocket was refused: %s", problem.detail)
            await receive()
            await send({"type": "websocket.close", "code": 1008 if problem.status == 401 else 1013})
            return
        scope.setdefault("state", {})["identity"] = identity
        await self._routes(scope, receive, send)

    def _admit(self) -> None:
        """Raises :class:`Problem` 503 at once where it is full: who waits in a queue is answered too late."""
        if self._service.inside >= self._service.config.limits.concurrent:
            raise unavailable("the service is full: this is a denial; come again")


def _peer(scope: Scope) -> str | None:
    """The peer's address, None on a Unix socket; "" if it has none any more, since it cut its line.

    What is our own end tells which: were an unknown peer taken for one on the Unix socket, whoever can reach a port
    could send a request as the proxy does, and cut the line before it is taken up.
    """
    client, server = scope.get("client"), scope.get("server")
    if client is not None:
        address: str = client[0]
        return address
    return None if server is not None and server[1] is None else ""


def _attach(scope: Scope) -> Token[context.Context] | None:
    """The caller's trace, if it names one."""
    carrier = {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in scope["headers"]
        if name in (b"traceparent", b"tracestate")
    }
    return context.attach(propagate.extract(carrier)) if carrier else None


async def _refuse(send: Send, problem: Problem) -> None:
    headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    await _send(send, problem.status, problem.body, [*headers, (b"content-type", MEDIA_TYPE.encode())])


async def _send(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
