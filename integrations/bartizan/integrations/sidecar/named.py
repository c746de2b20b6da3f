"""Routes with names in their paths that agents choose: of calls, of sessions."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from starlette.routing import Route


def named(path: str, answer: Any, method: str = "GET") -> Route:
    """A route whose names (``{id:path}``) hold any character, line breaks too; a ``{session:path}`` is not empty."""
    handler: Callable[..., Any] = answer
    route = Route(path, handler, methods=[method])
    pattern = route.path_regex.pattern.replace("(?P<session>.*)", "(?P<session>.+)")
    route.path_regex = re.compile(pattern, re.DOTALL)
    return route
