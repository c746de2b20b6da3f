"""``PUT /v1/policy``: try another policy, or announce it to every worker of the tenant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bartizan.guard import StoreError
from bartizan.policies import PolicyError, compile_policy

from .admission import Refused, admit
from .problems import Problem, unavailable
from .service import Service


def routes(service: Service) -> list[BaseRoute]:
    """The endpoint of a changed policy."""

    async def put(request: Request) -> Response:
        """With ``dry_run`` only what would become of it. Else every worker, this one too, takes it from Redis."""
        tenant, _ = service.asked(request, "admin")
        body = await service.json(request)
        if not isinstance(body, Mapping) or set(body) - {"policy", "dry_run"}:
            raise Problem(422, "expected an object with policy and perhaps dry_run")
        text, dry_run = body.get("policy"), body.get("dry_run", False)
        if not isinstance(text, str) or not isinstance(dry_run, bool):
            raise Problem(422, "expected policy as a text, and dry_run as true or false")
        if not dry_run and tenant.revisions is None:
            raise Problem(
                409, "this tenant takes its policy from a file: change the file, or set reload.revisions"
            )
        settings = tenant.config
        try:
            program = await asyncio.to_thread(compile_policy, text, settings.policy)
            await asyncio.to_thread(admit, program, tenant.program, settings)
        except (PolicyError, Refused) as error:
            raise Problem(422, str(error)) from error
        if not dry_run and tenant.revisions is not None:
            try:
                await tenant.revisions.announce(program.hash, text)
            except ValueError as error:
                raise Problem(413, str(error)) from error
            except StoreError as error:
                raise unavailable("the policy could not be announced; the one in force goes on") from error
        return service.answer({"hash": program.hash, "announced": not dry_run}, 200 if dry_run else 202)

    return [Route("/v1/policy", put, methods=["PUT"])]
