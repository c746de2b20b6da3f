"""A guard in another process: the methods of :class:`~bartizan.guard.Guard`, answered by a service.

Everything fails closed. A service that cannot be reached, is too late or too busy, refuses the request or answers what
it should not, is a denial with a reserved reason (:mod:`bartizan.guard.reasons`); a result that could not be reported
is withheld, as the kernel withholds one that it could not record. Nothing is sent twice: a request without an answer
may have been counted, and the call is denied here although the service let it go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from ssl import SSLContext
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from bartizan.guard import (
    ANONYMOUS,
    JSON,
    Approval,
    Enforcement,
    Execute,
    Inspection,
    Principal,
    StoreUnavailable,
    ToolCall,
    ToolResult,
    VerdictError,
    messages,
    reasons,
)
from bartizan.guard.approvals import Answer
from bartizan.guard.canonical import scalar_text
from bartizan.guard.given import check_call, check_event
from bartizan.guard.parts import detached
from bartizan.guard.types import Raised
from bartizan.guard.verdict import Verdicts
from bartizan.integrations import wire

from . import reading
from .address import address_of
from .answers import checked
from .errors import BadAnswer, Refused
from .failures import Failures
from .http import MAX_ANSWER, HttpClient
from .reading import read
from .requests import Requests, Token
from .resolving import refusal

T = TypeVar("T")


class RemoteGuard:
    """Stands between an agent and its tools; what is decided, is decided by the service at ``url``.

    ``url`` is ``unix:///path/to/socket``, ``https://host:port`` (``tls`` if Python's default is not enough) or
    ``http://host:port``. ``token`` is a bearer token with the scope ``decide``, or a function that gives the one that
    is good now; ``approver_token`` another, with the scope ``approve``, without which nothing can be resolved here.
    ``deadline`` (seconds) bounds each request: it should be above the service's own. ``verdict_keys`` are those by
    which the service signs: with them nothing runs without a valid verdict for exactly its bytes. At most so many
    ``connections`` are open.

    It belongs to one event loop. Close it, or use it as a context manager.
    """

    def __init__(
        self,
        url: str,
        *,
        token: Token = None,
        approver_token: Token = None,
        deadline: float = 3.0,
        verdict_keys: bytes | Sequence[bytes] = (),
        tls: SSLContext | None = None,
        connections: int = 64,
        max_answer: int = MAX_ANSWER,
    ) -> None:
        if not deadline > 0:
            raise ValueError(f"expected a deadline above 0 s, found {deadline}")
        keys = (verdict_keys,) if isinstance(verdict_keys, bytes) else tuple(verdict_keys)
        self._verdicts = Verdicts(*keys) if keys else None
        client = HttpClient(address_of(url, tls), connections=connections, max_answer=max_answer)
        self._client = client
        self._agent = Requests(client, token, deadline)
        self._approver = Requests(client, approver_token, deadline) if approver_token is not None else None
        self._deadline = deadline
        self._background: set[asyncio.Task[Any]] = set()
        self._failures = Failures()

    # --- calls

    async def enforce(
        self,
        call: ToolCall,
        execute: Execute,
        *,
        session: str,
        principal: Principal = ANONYMOUS,
        once: str | None = None,
        suspends: tuple[type[BaseException], ...] = (),
    ) -> Enforcement:
        """As :meth:`Guard.enforce <bartizan.guard.Guard.enforce>`: decided there, executed here, reported there.

        Raises ``CancelledError`` and what ``execute`` raises, nothing else.
        """
        granted = await self._asked(call, session, principal, once, spend=True)
        if not granted.decision.allowed or granted.result is not None:
            return granted
        try:
            result = await execute(granted.call)
        except BaseException as error:
            raised = Raised.by(error, suspended=bool(once) and isinstance(error, suspends))
            reporting = self._behind(self._report(granted.call, raised, session, granted.record, once))
            if isinstance(error, Exception):
                await asyncio.wait({reporting})
            raise
        shown = await self.report(granted.call, result, session=session, record=granted.record, once=once)
        return replace(granted, result=shown)

    async def authorise(
        self, call: ToolCall, *, session: str, principal: Principal = ANONYMOUS, once: str | None = None
    ) -> Enforcement:
        """As :meth:`Guard.authorise <bartizan.guard.Guard.authorise>`. Raises nothing but ``CancelledError``."""
        return await self._asked(call, session, principal, once)

    async def report(
        self,
        call: ToolCall,
        outcome: ToolResult | Raised,
        *,
        session: str,
        record: str | None = None,
        once: str | None = None,
    ) -> ToolResult | None:
        """As :meth:`Guard.report <bartizan.guard.Guard.report>`: what cannot be reported is withheld.

        The tool ran, so the reporting goes on even if the caller is cancelled.
        """
        return await asyncio.shield(self._behind(self._report(call, outcome, session, record, once)))

    async def review(self, call: ToolCall, *, session: str, principal: Principal = ANONYMOUS) -> Enforcement:
        """As :meth:`Guard.review <bartizan.guard.Guard.review>`. Raises nothing but ``CancelledError``."""
        return await self._asked(call, session, principal, None, review=True)

    # --- what happens besides calls

    async def observe(
        self,
        kind: Literal["prompt", "text", "result"],
        text: str,
        *,
        session: str,
        call: ToolCall | None = None,
        value: JSON = None,
        is_error: bool = False,
    ) -> Inspection | None:
        """As :meth:`Guard.observe <bartizan.guard.Guard.observe>`: raises ``StoreUnavailable`` if not recorded."""
        check_event(kind, text, call)
        body: dict[str, JSON] = {"session": session, "kind": kind, "text": scalar_text(text)}
        if call is not None:
            body["call"] = wire.call_to_json(call)
        if value is not None:
            body["value"] = detached(value)
        if is_error:
            body["is_error"] = True
        try:
            found = read(wire.inspection_of, await self._agent.post("/v1/events", body))
            if kind == "result" and found is None:
                raise BadAnswer("expected what of the result may be shown, found nothing")
            return found
        except Exception as error:
            self._failures.reason(error)
            raise StoreUnavailable(f"the event was not recorded: {error}") from error

    async def remind(
        self, kind: Literal["prompt", "text", "result"], text: str, *, session: str, occurrence: int
    ) -> None:
        """As :meth:`observe`, unless the session holds ``occurrence`` such events already.

        So a door that starts anew reports a conversation from its beginning, and nothing twice.
        """
        check_event(kind, text)
        body = {"session": session, "kind": kind, "text": scalar_text(text), "occurrence": occurrence}
        try:
            await self._agent.post("/v1/events", body)
        except Exception as error:
            self._failures.reason(error)
            raise StoreUnavailable(f"the event was not recorded: {error}") from error

    # --- approvals

    async def resolve(
        self,
        approval_id: str,
        answer: Answer,
        *,
        session: str,
        by: Principal = ANONYMOUS,
        args: Mapping[str, Any] | None = None,
    ) -> Approval:
        """Record a person's answer, with the approver's token: whom that belongs to, has answered.

        ``by`` is for the signature's sake and is not sent. Raises a subclass of ``ApprovalError`` for an answer that
        cannot be taken, and ``ServiceError`` for one that the service did not take otherwise.
        """
        if self._approver is None:
            raise Refused(401, "this client has no approver_token, and the agent's own must not approve")
        body: dict[str, JSON] = {"answer": answer}
        if args is not None:
            body["args"] = dict(args)
        try:
            document = await self._approver.post(["v1", "approvals", session, approval_id], body)
        except Refused as error:
            raise refusal(error, approval_id) from error
        return read(reading.approval, document)

    async def approvals(self, session: str) -> tuple[Approval, ...]:
        """The approvals of a session, oldest first, asked for with the approver's token. Raises ``ServiceError``."""
        document = await (self._approver or self._agent).get("/v1/approvals", {"session": session})
        found = read(lambda body: [reading.approval(one) for one in body["approvals"]], document)
        return tuple(sorted(found, key=lambda approval: approval.created))

    denial_message = staticmethod(messages.denial_message)
    correction_message = staticmethod(messages.correction_message)

    async def policy(self) -> Mapping[str, Any]:
        """What the service says of its policy (``GET /v1/policy``). Raises ``ServiceError``."""
        return read(dict, await (self._approver or self._agent).get("/v1/policy"))

    async def aclose(self) -> None:
        """Finish what is still being reported, then close the connections."""
        if self._background:
            await asyncio.wait(self._background, timeout=self._deadline)
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # --- what the above share

    async def _asked(
        self,
        call: ToolCall,
        session: str,
        principal: Principal,
        once: str | None,
        *,
        review: bool = False,
        spend: bool = False,
    ) -> Enforcement:
        check_call(call, once)
        once = once or None
        said = principal if principal != ANONYMOUS else None
        asked = wire.Proposed(session, call, once, review, said)
        try:
            document = await self._agent.post("/v1/calls", asked.to_json())
            answer = read(wire.enforcement_of, document)
            answer = checked(call, answer, once=once, reviewed=review)
            if answer.decision.allowed and answer.result is None and not review:
                self._verify(answer, session, spend)
            return answer
        except Exception as error:  # noqa: BLE001 (whatever it is, a bug included, it denies)
            return Enforcement(reasons.denial(self._failures.reason(error), ""), call)

    def _verify(self, answer: Enforcement, session: str, spend: bool) -> None:
        if self._verdicts is None:
            return
        check = self._verdicts.spend if spend else self._verdicts.check
        try:
            check(answer.verdict or "", answer.call, session=session, policy=answer.decision.policy)
        except VerdictError as error:
            raise BadAnswer(str(error)) from error

    async def _report(
        self,
        call: ToolCall,
        outcome: ToolResult | Raised,
        session: str,
        record: str | None,
        once: str | None,
    ) -> ToolResult | None:
        """Report, and withhold what could not be. Raises nothing but ``CancelledError``."""
        try:
            said = reading.told(session, call, outcome, record, once)
            document = await self._agent.post(["v1", "calls", call.id, "result"], said)
            return read(reading.shown, document) if isinstance(outcome, ToolResult) else None
        except Exception as error:  # noqa: BLE001 (not reported: withheld, whatever the reason)
            self._failures.reason(error)
            return None if isinstance(outcome, Raised) else ToolResult(reasons.WITHHELD, None, True)

    def _behind(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start what goes on even if nobody waits for it any more."""
        task = asyncio.create_task(work)
        self._background.add(task)  # the loop itself keeps only a weak reference
        task.add_done_callback(self._background.discard)
        return task
