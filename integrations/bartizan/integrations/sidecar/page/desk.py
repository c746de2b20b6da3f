"""How the page's routes read requests and answer them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from bartizan.guard import AuditError, Guard, InternalError, MalformedCall, StoreError, canonical_json
from bartizan.guard.canonical import JSON, WRAPPED_DEPTH
from bartizan.policies import Program

from ..problems import Problem, unavailable
from ..service import Service

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_EXPECTED = {str: "a text", dict: "an object", list: "a list", bool: "true or false"}

Made = TypeVar("Made")
Endpoint = Callable[[Request], Awaitable[Response]]


def program_of(guard: Guard) -> Program:
    """The compiled policy behind a guard, of which the page shows more than the kernel knows."""
    if not isinstance(guard.program, Program):
        raise Problem(404, "what decides here is no policy of bartizan.policies, and cannot be shown")
    return guard.program


async def body_of(service: Service, request: Request, *names: str) -> Mapping[str, Any]:
    """The object in a request's body. Raises :class:`Problem`, also for a field that is none of ``names``."""
    body = await service.json(request)
    known(body, "the body", *names)
    assert isinstance(body, dict)
    return body


def known(value: JSON, where: str, *names: str) -> None:
    """Raises :class:`Problem` 422 unless it is an object of these fields: a misspelt one is not passed over."""
    if not isinstance(value, dict):
        raise Problem(422, f"{where}: expected an object")
    if unknown := sorted(set(value) - set(names)):
        raise Problem(422, f"{where}: expected only {', '.join(names)}; found {unknown[0]!r:.60}")


def field(body: Mapping[str, Any], name: str, kind: type[Made], default: Any = ...) -> Made:
    """One field of a body. Raises :class:`Problem` 422."""
    value = body.get(name, default)
    if value is ... or not (isinstance(value, kind) or value is default):
        raise Problem(422, f"{name}: expected {_EXPECTED[kind]}")
    return value


def json_response(value: JSON) -> Response:
    """An answer that nobody keeps."""
    return Response(
        canonical_json(value, max_depth=WRAPPED_DEPTH), headers=_HEADERS, media_type="application/json"
    )


def problem_of(error: Exception) -> Problem:
    """What a failure of store, log or program is to whoever asked."""
    if isinstance(error, StoreError | AuditError | InternalError):
        return unavailable(str(error))
    if isinstance(error, MalformedCall):
        return Problem(422, str(error))
    raise error


class Study:
    """Work that takes its time (provenance of whole sessions, policies to be compiled), off the event loop.

    One thread: such work waits for its like, and never more than one core is busy with it. At most ``waiting`` wait.
    """

    def __init__(self, waiting: int = 16) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="bartizan-page")
        self._waiting = waiting
        self._asked = 0

    async def do(self, work: Callable[[], Made]) -> Made:
        """Raises :class:`Problem` 503 if too much waits already."""
        if self._asked >= self._waiting:
            raise unavailable("too many explanations are asked for at once")
        self._asked += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._asked -= 1
