"""An endpoint of the service: Claude Code's HTTP hooks post to it, and ``bartizan hook claude-code`` does.

Claude Code takes any status but 2xx for a failure of the hook, after which the tool *runs* (unless the hook's settings
say ``"onFailure": "block"``). So whatever can be refused is refused with 200 and an answer that it understands.
"""

from __future__ import annotations

import logging

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bartizan.guard import canonical_json
from bartizan.guard.canonical import WRAPPED_DEPTH
from bartizan.integrations.claude_code import answers
from bartizan.integrations.claude_code.answers import OnAllow
from bartizan.integrations.claude_code.hooks import answer

from .service import Service

log = logging.getLogger("bartizan.claude_code")


def routes(service: Service) -> list[BaseRoute]:
    """The endpoint: it needs the scope ``decide``, and asks for the token's own principal.

    ``?allow=grant`` in the URL is :attr:`OnAllow.GRANT`: it stands in Claude Code's settings, beside its permissions.
    """

    async def hook(request: Request) -> Response:
        try:
            on_allow = OnAllow(request.query_params.get("allow", OnAllow.KEEP))
            tenant, identity = service.asked(request, "decide")
            said = await answer(
                tenant.guard,
                await service.json(request),
                principal=identity.asking_for(None),
                on_allow=on_allow,
                opened=tenant.inbox.opened,
            )
            return _response(said)
        except Exception as error:  # noqa: BLE001 (too long, not JSON, not allowed to ask: refused in any case)
            log.error("a hook could not be read: %s", error)
            return _response(answers.stopped("The guard could not read this event, and so nothing is done."))

    return [Route("/hooks/claude-code", hook, methods=["POST"])]


def _response(said: answers.Answer) -> Response:
    return Response(canonical_json(said, max_depth=WRAPPED_DEPTH), media_type="application/json")
