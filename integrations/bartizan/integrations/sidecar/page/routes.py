"""The page's addresses. What needs no token is in :data:`PUBLIC`: the files, which know nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from starlette.routing import BaseRoute, Route

from ..service import Service
from .approvals import answering, listing, one
from .decisions import decisions
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

    def route(path: str, answer: Any, method: str = "GET") -> Route:
        handler: Callable[..., Any] = answer
        made = Route(path, handler, methods=[method])
        made.path_regex = re.compile(
            made.path_regex.pattern, re.DOTALL
        )  # a session's name may have line breaks
        return made

    return [
        *file_routes(),
        route("/v1/decisions", decisions(service)),
        route("/v1/sessions/{session:path}", session(service, study)),
        route("/v1/policy", policy(service, study)),
        route("/v1/explain", explain(service, study), "POST"),
        route("/v1/approvals", listing(service)),
        route("/v1/approvals/{session:path}/{approval}", one(service, study)),
        route("/v1/approvals/{session:path}/{approval}", answering(service), "POST"),
    ]
