"""Requests of an ASGI application: how many, by route and status, and how many at this moment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from typing import Any

from opentelemetry.metrics import CallbackOptions, Meter, Observation

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

METRIC_REQUESTS = "bartizan.sidecar.requests"
METRIC_IN_FLIGHT = "bartizan.sidecar.requests.in_flight"
OTHER = "(other)"


class Counted:
    """An application whose requests are counted. ``routes`` are the paths told apart, each with what is below it.

    Counting is an addition in a dictionary: the SDK is asked when somebody looks.
    """

    def __init__(self, app: App, routes: Collection[str], meter: Meter) -> None:
        self._app = app
        self._routes = tuple(sorted(routes, key=len, reverse=True))
        self._known = frozenset(routes)
        self._counts: dict[tuple[str, int], int] = {}
        self._inside = 0
        meter.create_observable_counter(
            METRIC_REQUESTS, [self._observe_counts], "{request}", "Requests by route and status"
        )
        meter.create_observable_gauge(
            METRIC_IN_FLIGHT, [self._observe_inside], "{request}", "Requests that are being answered"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0  # 0: nobody waited for the answer

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self._inside += 1
        try:
            await self._app(scope, receive, noting)
        finally:
            self._inside -= 1
            key = (self._route(scope["path"]), status)
            self._counts[key] = self._counts.get(key, 0) + 1

    def _route(self, path: str) -> str:
        if path in self._known:
            return path
        for route in self._routes:
            if path == route or path.startswith(f"{route}/"):
                return route
        return OTHER

    def _observe_counts(self, options: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(count, {"http.route": route, "http.response.status_code": status})
            for (route, status), count in list(self._counts.items())
        ]

    def _observe_inside(self, options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(self._inside)]
