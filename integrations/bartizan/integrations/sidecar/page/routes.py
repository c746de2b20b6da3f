"""The page's addresses. What needs no token is in :data:`PUBLIC`: the files, which know nothing."""

from __future__ import annotations

from starlette.routing import BaseRoute

from ..named import named
from ..service import Service
from .approvals import answering, listing, one
from .decisions import Decisions
from .desk import Study
from .explain import explain
from .policy import policy
from .sessions import session
from .static_files import file_routes

PUBLIC = frozenset(route.path for route in file_routes())
"""Paths that are answered without a token."""


def routes(service: Service) -> list[BaseRoute]:
    """The files and what they ask for. Handlers raise ``Problem``; who asks is ``scope["state"]["identity"]``."""
    study = Study()

    return [
        *file_routes(),
        named("/v1/decisions", Decisions(service)),
        named("/v1/sessions/{session:path}", session(service, study)),
        named("/v1/policy", policy(service, study)),
        named("/v1/explain", explain(service, study), "POST"),
        named("/v1/approvals", listing(service)),
        named("/v1/approvals/{session:path}/{approval}", one(service, study)),
        named("/v1/approvals/{session:path}/{approval}", answering(service), "POST"),
    ]
