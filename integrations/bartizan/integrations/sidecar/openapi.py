"""``/openapi.json``: what can be asked of the service. The document is ``openapi.yaml`` beside this file."""

from __future__ import annotations

from importlib.resources import files

import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from bartizan.guard.canonical import JSON, canonical_json

from .service import Service

PUBLIC = frozenset({"/openapi.json"})


def document() -> dict[str, JSON]:
    """The document, read."""
    found: dict[str, JSON] = yaml.safe_load((files(__package__) / "openapi.yaml").read_bytes())
    return found


def routes(service: Service) -> list[BaseRoute]:
    """The document, to be fetched."""
    body = canonical_json(document())

    async def answer(request: Request) -> Response:
        return Response(body, media_type="application/json")

    return [Route("/openapi.json", answer)]
