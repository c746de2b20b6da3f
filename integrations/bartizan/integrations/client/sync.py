"""The same guard for code without an event loop. Nothing of the protocol is said twice: see :mod:`.guard`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from bartizan.guard import (
    ANONYMOUS,
    JSON,
    Approval,
    Enforcement,
    Inspection,
    Principal,
    ToolCall,
    ToolResult,
    messages,
)
from bartizan.guard.approvals import Answer
from bartizan.guard.types import Raised
from bartizan.integrations.portal import Portal

from .guard import RemoteGuard

T = TypeVar("T")
Outcome = ToolResult | Exception


class SyncRemoteGuard:
    """A :class:`RemoteGuard` on an event loop and a thread of its own. Tools run in the caller's thread.

    Takes the options of :class:`RemoteGuard`, and may be used by many threads at once.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self._guard = RemoteGuard(url, **options)
        self._portal = Portal("bartizan-client")

    def enforce(
        self,
        call: ToolCall,
        execute: Callable[[ToolCall], ToolResult],
        *,
        session: str,
        principal: Principal = ANONYMOUS,
        once: str | None = None,
        suspends: tuple[type[BaseException], ...] = (),
    ) -> Enforcement:
        """See :meth:`RemoteGuard.enforce`. Raises what ``execute`` raises."""
        raised: list[Exception] = []

        def here(granted: ToolCall) -> Outcome:
            try:
                return execute(granted)
            except Exception as error:  # noqa: BLE001 (all of them are handed on)
                raised.append(error)
                return error

        async def there(send: Callable[[ToolCall], Awaitable[Outcome]]) -> Enforcement:
            async def run(granted: ToolCall) -> ToolResult:
                outcome = await send(granted)
                if isinstance(outcome, StopIteration):  # a coroutine cannot raise one
                    raise RuntimeError(repr(outcome))
                if isinstance(outcome, Exception):
                    raise outcome
                return outcome

            return await self._guard.enforce(
                call, run, session=session, principal=principal, once=once, suspends=suspends
            )

        try:
            return self._portal.run(there, here)
        except Exception:
            if raised:
                raise raised[0] from None
            raise

    def authorise(
        self, call: ToolCall, *, session: str, principal: Principal = ANONYMOUS, once: str | None = None
    ) -> Enforcement:
        """See :meth:`RemoteGuard.authorise`."""
        return self._do(self._guard.authorise(call, session=session, principal=principal, once=once))

    def report(
        self,
        call: ToolCall,
        outcome: ToolResult | Raised,
        *,
        session: str,
        record: str | None = None,
        once: str | None = None,
    ) -> ToolResult | None:
        """See :meth:`RemoteGuard.report`."""
        return self._do(self._guard.report(call, outcome, session=session, record=record, once=once))

    def review(self, call: ToolCall, *, session: str, principal: Principal = ANONYMOUS) -> Enforcement:
        """See :meth:`RemoteGuard.review`."""
        return self._do(self._guard.review(call, session=session, principal=principal))

    def observe(
        self,
        kind: Literal["prompt", "text", "result"],
        text: str,
        *,
        session: str,
        call: ToolCall | None = None,
        value: JSON = None,
        is_error: bool = False,
    ) -> Inspection | None:
        """See :meth:`RemoteGuard.observe`. Raises ``StoreUnavailable``."""
        return self._do(
            self._guard.observe(kind, text, session=session, call=call, value=value, is_error=is_error)
        )

    def resolve(
        self, approval_id: str, answer: Answer, *, session: str, args: Mapping[str, Any] | None = None
    ) -> Approval:
        """See :meth:`RemoteGuard.resolve`. Raises ``ApprovalError`` and ``ServiceError``."""
        return self._do(self._guard.resolve(approval_id, answer, session=session, args=args))

    def approvals(self, session: str) -> tuple[Approval, ...]:
        """See :meth:`RemoteGuard.approvals`. Raises ``ServiceError``."""
        return self._do(self._guard.approvals(session))

    def policy(self) -> Mapping[str, Any]:
        """See :meth:`RemoteGuard.policy`. Raises ``ServiceError``."""
        return self._do(self._guard.policy())

    denial_message = staticmethod(messages.denial_message)
    correction_message = staticmethod(messages.correction_message)

    def close(self) -> None:
        """Finish what is still being reported, then close the connections and end the thread."""
        self._portal.close(self._guard.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        doing = self._portal.submit(work)
        try:
            return doing.result()
        except BaseException:
            doing.cancel()  # of no effect where the work itself raised
            raise
