"""The routes of a corrector's host.

    POST /v1/corrections   calls or texts, see :mod:`.wire`
    GET  /v1/correctors    what is corrected here, and for which policy
    GET  /metrics          Prometheus
    GET  /healthz, /readyz

What :mod:`bartizan.monitors.host.endpoints` says of requests holds for all but the last two.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from bartizan.guard.gate import Proposal
from bartizan.guard.stream.rewriting import Rewriter
from bartizan.monitors.corrector.reading import CallQuestion
from bartizan.monitors.host.endpoints import Endpoints, named
from bartizan.monitors.host.metrics import CONTENT_TYPE
from bartizan.monitors.host.tenants import Tokens
from bartizan.monitors.incoming import Unacceptable

from .wire import read_asked, write_proposals, write_rewrites

logger = logging.getLogger(__name__)
A = TypeVar("A")


class CallCorrector(Protocol):
    """Answers questions about calls: an ``EditScriptCorrector``. Never raises but for cancellation."""

    async def answer(self, question: CallQuestion) -> Sequence[Proposal]: ...


@dataclass(frozen=True, slots=True)
class Correctors:
    """What a host has: for calls, for texts, or both. ``policy`` is the hash of the policy that calls are judged by."""

    calls: CallCorrector | None = None
    texts: Rewriter | None = None
    policy: str = ""


@dataclass(frozen=True, slots=True)
class CorrectorLimits:
    """Of a request: its bytes, the seconds for its body, those for its answer; and how many may be under way."""

    max_body_bytes: int = 1024 * 1024
    max_body_wait: float = 5.0
    max_requests: int = 256
    timeout: float = 10.0


def create_app(
    correctors: Correctors,
    *,
    tokens: Tokens | None = None,
    limits: CorrectorLimits = CorrectorLimits(),
    only_hosts: Collection[str] | None = None,
) -> ASGIApp:
    """The application; ``tokens`` and ``only_hosts`` are as for a monitor host (:mod:`bartizan.monitors.host.app`)."""
    host = _Host(correctors, tokens, limits)
    answering = host.endpoints.answering
    app = Starlette(
        routes=[
            Route("/v1/corrections", answering(host.corrections), methods=["POST"]),
            Route("/v1/correctors", answering(host.correctors)),
            Route("/metrics", answering(host.metrics)),
            Route("/healthz", _well),
            Route("/readyz", _well),
        ]
    )
    return named(app, only_hosts)


async def _well(request: Request) -> Response:
    return PlainTextResponse("ok")


class _Host:
    def __init__(self, correctors: Correctors, tokens: Tokens | None, limits: CorrectorLimits) -> None:
        self._has = correctors
        self._limits = limits
        self.endpoints = Endpoints(tokens, limits)
        self._answers: Counter[str] = Counter()

    async def corrections(self, request: Request, tenant: str | None) -> Response:
        return await self.endpoints.read(request, self._answer)

    async def correctors(self, request: Request, tenant: str | None) -> Response:
        calls = {"policy": self._has.policy} if self._has.calls is not None else None
        texts = {"name": self._has.texts.name} if self._has.texts is not None else None
        return JSONResponse({"calls": calls, "texts": texts})

    async def metrics(self, request: Request, tenant: str | None) -> Response:
        name = "bartizan_corrector_answers_total"
        lines = [f"# HELP {name} Answers by outcome.", f"# TYPE {name} counter"]
        lines += [f'{name}{{outcome="{outcome}"}} {n}' for outcome, n in sorted(self._answers.items())]
        under_way = "bartizan_corrector_http_requests_under_way"
        lines += [f"# HELP {under_way} Requests being answered.", f"# TYPE {under_way} gauge"]
        return Response(
            "\n".join([*lines, f"{under_way} {self.endpoints.under_way}", ""]), media_type=CONTENT_TYPE
        )

    async def _answer(self, body: bytes) -> bytes:
        asked = read_asked(body)
        within = min(asked.within or self._limits.timeout, self._limits.timeout)
        calls, texts = self._has.calls, self._has.texts
        if asked.calls:
            if calls is None:
                raise Unacceptable(404, "$.calls", "expected texts: no calls are corrected here")
            empty: Sequence[Proposal] = ()
            found = await asyncio.gather(*(self._within(calls.answer(q), within, empty) for q in asked.calls))
            return write_proposals(found)
        if texts is None:
            raise Unacceptable(404, "$.texts", "expected calls: no texts are corrected here")
        rewrites = await asyncio.gather(
            *(self._within(texts.rewrite(unit), within, None) for unit in asked.texts)
        )
        return write_rewrites(rewrites)

    async def _within(self, answer: Awaitable[A], within: float, nothing: A) -> A:
        """An answer in time; what is late or fails is no correction."""
        try:
            async with asyncio.timeout(within):
                found = await answer
        except TimeoutError:
            self._answers["late"] += 1
            return nothing
        except Exception as error:  # noqa: BLE001 (its message may hold somebody's text)
            logger.warning("a corrector failed: %s", type(error).__name__)
            self._answers["failed"] += 1
            return nothing
        self._answers["corrected" if found else "abstained"] += 1
        return found
