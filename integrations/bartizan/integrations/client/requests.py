"""Requests of one identity: its token, the trace that they belong to, and their deadline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote, urlencode

from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bartizan.guard import JSON, MalformedJSON, canonical_json
from bartizan.guard.canonical import WRAPPED_DEPTH

from .errors import Refused
from .http import HttpClient

Token = str | Callable[[], str] | None

_TRACE = TraceContextTextMapPropagator()
"""W3C's ``traceparent`` and ``tracestate``; nothing of the application's baggage."""


class Requests:
    def __init__(self, client: HttpClient, token: Token, deadline: float) -> None:
        self._client = client
        self._token = token
        self._deadline = deadline

    async def post(self, target: str | Sequence[str], body: JSON) -> JSON:
        """What the service answers to ``body``. ``target`` is a path, or its parts as they are."""
        try:
            data = canonical_json(body, max_depth=WRAPPED_DEPTH)
            path = target if isinstance(target, str) else _path(target)
        except (MalformedJSON, UnicodeEncodeError) as error:
            raise Refused(400, f"it cannot be said in JSON: {error}") from error
        return await self._client.request(
            "POST", path, within=self._deadline, body=data, headers=self._headers()
        )

    async def get(self, target: str | Sequence[str], query: Mapping[str, str] | None = None) -> JSON:
        path = target if isinstance(target, str) else _path(target)
        if query:
            path = f"{path}?{urlencode(query)}"
        return await self._client.request("GET", path, within=self._deadline, headers=self._headers())

    def _headers(self) -> Mapping[str, str]:
        headers: dict[str, str] = {}
        _TRACE.inject(headers)
        token = self._token() if callable(self._token) else self._token
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return headers


def _path(parts: Sequence[str]) -> str:
    return "".join(f"/{quote(part, safe='')}" for part in parts)
