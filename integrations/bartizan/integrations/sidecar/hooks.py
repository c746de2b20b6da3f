"""The endpoint for a service: Claude Code's HTTP hooks post to it, and ``bartizan hook claude-code`` does.

Claude Code takes any status but 2xx for a failure of the hook, after which the tool *runs* (unless the hook's settings
say ``"onFailure": "block"``). So whatever can be refused is refused with 200 and an answer that it understands.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bartizan.guard import ANONYMOUS, JSON, Gatekeeper, Principal, canonical_json
from bartizan.guard.canonical import WRAPPED_DEPTH
from bartizan.integrations.claude_code import answers
from bartizan.integrations.claude_code.answers import OnAllow
from bartizan.integrations.claude_code.hooks import Opened, answer, unheard

from .service import Service

log = logging.getLogger("bartizan.claude_code")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which guard answers a request, and for whom it asks."""

    gate: Gatekeeper
    principal: Principal = ANONYMOUS
    opened: Opened = unheard


def hooks(
    asked: Callable[[Request], Asked], read: Callable[[Request], Awaitable[JSON]]
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint. ``asked`` finds the guard; ``read`` reads the body, bounded and strictly.

    ``?allow=grant`` in the URL is :attr:`OnAllow.GRANT`: it stands in Claude Code's settings, beside its permissions.
    """

    async def endpoint(request: Request) -> Response:
        try:
            on_allow = OnAllow(request.query_params.get("allow", OnAllow.KEEP))
            found = asked(request)
            body = await read(request)
            said = await answer(
                found.gate, body, principal=found.principal, on_allow=on_allow, opened=found.opened
            )
            return _response(said)
        except Exception as error:  # noqa: BLE001 (too long, not JSON, not allowed to ask: refused in any case)
            log.error("a hook could not be read: %s", error)
            return _response(answers.stopped("The guard could not read this event, and so nothing is done."))

    return endpoint


def routes(service: Service) -> list[BaseRoute]:
    """The endpoint in the service: it needs the scope ``decide``, and asks for the token's own principal."""

    def asked(request: Request) -> Asked:
        tenant, identity = service.asked(request)
        identity.require("decide")
        return Asked(tenant.guard, identity.asking_for(None), tenant.inbox.opened)

    return [Route("/hooks/claude-code", hooks(asked, service.json), methods=["POST"])]


def _response(said: answers.Answer) -> Response:
    return Response(canonical_json(said, max_depth=WRAPPED_DEPTH), media_type="application/json")
