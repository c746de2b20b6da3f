"""The routes: OpenAI's, and the one that resolves handles.

    GET  /v1/models               the model that is served
    POST /v1/chat/completions     a reply, whole or streamed (server-sent events)
    GET  /v1/signals/{handle}     the signals of a reply; 404 if unknown or expired
    GET  /healthz

A reply's handle stands in the ids of its calls, in its own id (``chatcmpl-<handle>``) and in the header
``X-Bartizan-Signals``. No text of a conversation is repeated in an error or a log.
"""

from __future__ import annotations

import hmac
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from ..incoming import Unacceptable, check_json, check_name, read_body, while_connected
from .errors import BadRequest, Overloaded
from .generate import Finished
from .handles import call_id, is_handle
from .host import ChatHost, GenerationFailed, Run
from .wire import ChatRequest, error_body, read_request

logger = logging.getLogger(__name__)

MAX_BODY = 4 * 1024 * 1024
BODY_SECONDS = 30.0
HEADER = "X-Bartizan-Signals"


def create_app(
    host: ChatHost,
    *,
    fingerprint: str,
    token: str | None = None,
    only_hosts: Collection[str] | None = None,
    max_body: int = MAX_BODY,
) -> Starlette:
    """The application. With ``token`` every request but that for its health needs it as bearer token.

    ``only_hosts``: the names that a request may call this host by. A web page whose name was rebound to this
    address calls it by another one; without a token that is what keeps it out.
    """
    routes = _Routes(host, fingerprint, token, only_hosts, max_body)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            host.close()

    return Starlette(
        routes=[
            Route("/v1/models", routes.checked(routes.models)),
            Route("/v1/models/{name:path}", routes.checked(routes.model)),
            Route("/v1/chat/completions", routes.checked(routes.completions), methods=["POST"]),
            Route("/v1/signals/{handle}", routes.checked(routes.signals)),
            Route("/healthz", routes.healthz),
        ],
        exception_handlers={404: _not_found, 405: _not_found},
        lifespan=lifespan,
    )


class _Routes:
    def __init__(
        self,
        host: ChatHost,
        fingerprint: str,
        token: str | None,
        only_hosts: Collection[str] | None,
        max_body: int,
    ) -> None:
        self._host, self._fingerprint, self._max_body = host, fingerprint, max_body
        self._expected = None if token is None else f"Bearer {token}".encode()
        self._only_hosts = None if only_hosts is None else frozenset(only_hosts)

    def checked(
        self, answer: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                self._authorise(request)
                return await answer(request)
            except BadRequest as error:
                return refusal(error)
            except Unacceptable as error:
                return refusal(BadRequest(str(error), status=error.status))
            except Overloaded as error:
                return JSONResponse(
                    error_body(str(error), "server_error", code="overloaded"), 429, {"Retry-After": "1"}
                )
            except GenerationFailed as error:
                return JSONResponse(error_body(str(error), "server_error"), 500)
            except Exception as error:  # noqa: BLE001 (its text may hold somebody's: neither shown nor logged)
                logger.error("a request failed: %s", type(error).__name__)
                return JSONResponse(error_body("the host failed; see its log", "server_error"), 500)

        return endpoint

    async def models(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [self._model()]})

    async def model(self, request: Request) -> Response:
        if request.path_params["name"] != self._host.name:
            raise BadRequest("no such model", param="model", code="model_not_found", status=404)
        return JSONResponse(self._model())

    async def signals(self, request: Request) -> Response:
        handle = request.path_params["handle"]
        record = self._host.store.get(handle) if is_handle(handle) else None
        if record is None:
            raise BadRequest("unknown or expired handle", param="handle", status=404)
        return JSONResponse(record.to_json(), headers={"Cache-Control": "no-store"})

    async def healthz(self, request: Request) -> Response:
        return PlainTextResponse("ok")

    async def completions(self, request: Request) -> Response:
        check_json(request)
        asked = read_request(await read_body(request, self._max_body, BODY_SECONDS))
        run = await self._host.start(asked)
        headers = {HEADER: run.handle, "Cache-Control": "no-store"}
        if asked.stream:
            return _Stream(self._events(run, asked), run, headers)
        try:
            finished = await while_connected(request, run.finished())
        finally:
            run.close()
        return JSONResponse(self._completion(run, finished), headers=headers)

    # --- answers

    def _completion(self, run: Run, finished: Finished) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": finished.content, "refusal": None}
        if finished.calls:
            message["content"] = finished.content or None
            message["tool_calls"] = _calls(run, finished)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finished.reason}
        return {**self._frame(run, "chat.completion"), "choices": [choice], "usage": _usage(finished)}

    async def _events(self, run: Run, asked: ChatRequest) -> AsyncIterator[str]:
        """Server-sent events. A reply that fails half-way says so in an event, and has no ``[DONE]``."""
        frame = self._frame(run, "chat.completion.chunk")
        if asked.stream_options.include_usage:
            frame["usage"] = None

        def chunk(delta: dict[str, Any], reason: str | None = None) -> str:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
            return _event({**frame, "choices": [choice]})

        yield chunk({"role": "assistant", "content": ""})
        async for piece in run.said():
            yield chunk({"content": piece})
        try:
            finished = await run.finished()
        except GenerationFailed as error:
            yield _event(error_body(str(error), "server_error"))
            return
        for index, call in enumerate(_calls(run, finished)):
            yield chunk({"tool_calls": [{"index": index, **call}]})
        yield chunk({}, finished.reason)
        if asked.stream_options.include_usage:
            yield _event({**frame, "choices": [], "usage": _usage(finished)})
        yield "data: [DONE]\n\n"

    def _frame(self, run: Run, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{run.handle}",
            "object": kind,
            "created": int(time.time()),
            "model": self._host.name,
            "system_fingerprint": self._fingerprint,
        }

    def _model(self) -> dict[str, Any]:
        return {
            "id": self._host.name,
            "object": "model",
            "created": self._host.created,
            "owned_by": "bartizan",
            "probes": list(self._host.probes),
        }

    # --- requests

    def _authorise(self, request: Request) -> None:
        check_name(request.headers.get("host", ""), self._only_hosts)
        if self._expected is None:
            return
        given = request.headers.get("authorization", "").encode("latin-1", "replace")
        if not hmac.compare_digest(given, self._expected):
            raise BadRequest("expected the host's bearer token", code="invalid_api_key", status=401)


class _Stream(StreamingResponse):
    """Events of a run. However the response ends (the client hung up, it failed), the run is closed."""

    def __init__(self, events: AsyncIterator[str], run: Run, headers: dict[str, str]) -> None:
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._run = run

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._run.close()


def _calls(run: Run, finished: Finished) -> list[dict[str, Any]]:
    """The calls, each with the host's id: arguments as the canonical JSON that its digest is of."""
    return [
        {
            "id": call_id(run.handle, index),
            "type": "function",
            "function": {"name": call.tool, "arguments": json.dumps(call.arguments(), ensure_ascii=False)},
        }
        for index, call in enumerate(finished.calls)
    ]


def _usage(finished: Finished) -> dict[str, Any]:
    prompt, reply = finished.prompt_tokens, finished.reply_tokens
    return {"prompt_tokens": prompt, "completion_tokens": reply, "total_tokens": prompt + reply}


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False, allow_nan=False)}\n\n"


def refusal(error: BadRequest) -> Response:
    kind = "authentication_error" if error.status == 401 else "invalid_request_error"
    headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else {}
    return JSONResponse(error_body(error.message, kind, error.param, error.code), error.status, headers)


async def _not_found(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return JSONResponse(error_body("no such route or method", "invalid_request_error"), status)
