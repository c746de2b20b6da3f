"""How a host takes requests: whose they are, how many at once, and what is said of those that it does not take.

What is wrong with a request is said with its place; no text of a request is repeated in an answer or a log.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Protocol

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bartizan.monitors.incoming import Unacceptable, check_json, check_name, read_body, while_connected

from . import reasons
from .reading import Malformed
from .tenants import OPERATOR, Tokens

logger = logging.getLogger(__name__)


class RequestLimits(Protocol):
    """Of a request: its bytes and the seconds for its body; and how many may be under way."""

    @property
    def max_body_bytes(self) -> int: ...
    @property
    def max_body_wait(self) -> float: ...
    @property
    def max_requests(self) -> int: ...


class Endpoints:
    """Makes endpoints of what answers. Without ``tokens`` whoever connects is trusted and speaks for anybody."""

    def __init__(self, tokens: Tokens | None, limits: RequestLimits) -> None:
        self._tokens = tokens
        self._limits = limits
        self.under_way = 0
        """How many requests with a body are being answered."""

    def answering(
        self, answer: Callable[[Request, str | None], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint of a request that must say whose it is; refusals and bugs become answers.

        ``answer`` is told the tenant, ``None`` for a request that may speak for anybody.
        """

        async def endpoint(request: Request) -> Response:
            try:
                return await answer(request, self._tenant(request))
            except Unacceptable as refused:
                return refusal(refused)
            except Malformed as malformed:
                return refusal(Unacceptable(400, malformed.place, malformed.problem))
            except Exception as error:  # noqa: BLE001 (its message may hold somebody's text: neither shown nor logged)
                logger.error("a request failed: %s", type(error).__name__)
                return refusal(Unacceptable(500, "host", "failed; see its log"))

        return endpoint

    async def read(self, request: Request, answer: Callable[[bytes], Awaitable[bytes]]) -> Response:
        """The answer to a body of JSON, as JSON; given up when whoever asked hangs up. Raises :class:`Unacceptable`."""
        check_json(request)
        if self.under_way >= self._limits.max_requests:
            raise Unacceptable(503, "host", reasons.OVERLOADED)
        self.under_way += 1
        try:
            body = await read_body(request, self._limits.max_body_bytes, self._limits.max_body_wait)
            return Response(await while_connected(request, answer(body)), media_type="application/json")
        finally:
            self.under_way -= 1

    def _tenant(self, request: Request) -> str | None:
        if self._tokens is None:
            return None
        tenant = self._tokens.tenant(request.headers.get("authorization"))
        if tenant is None:
            raise Unacceptable(401, "Authorization", "expected a bearer token that this host knows")
        return None if tenant == OPERATOR else tenant


def refusal(refused: Unacceptable) -> Response:
    """The answer to a request that is not taken."""
    headers = {"Retry-After": "1"} if refused.status == 503 else {}
    if refused.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    body: dict[str, Any] = {"error": {"place": refused.place, "problem": refused.problem}}
    return JSONResponse(body, refused.status, headers)


def named(app: ASGIApp, names: Collection[str] | None) -> ASGIApp:
    """The application, for requests that call it by one of these names (``None``: by any)."""
    if names is None:
        return app

    async def checked(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            try:
                check_name(Headers(scope=scope).get("host", ""), names)
            except Unacceptable as error:
                await refusal(error)(scope, receive, send)
                return
        await app(scope, receive, send)

    return checked
