"""Refusals as RFC 9457 says them: one JSON object with a status, a title and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from starlette.responses import Response

from bartizan.guard.canonical import canonical_json

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A request that is not answered with what it asked for. ``detail`` goes to whoever asked."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})
        super().__init__(f"{status}: {detail}")

    @property
    def body(self) -> bytes:
        """The problem as JSON."""
        title = HTTPStatus(self.status).phrase
        return canonical_json(
            {"type": "about:blank", "title": title, "status": self.status, "detail": self.detail}
        )

    def response(self) -> Response:
        """The problem as an answer."""
        return Response(self.body, self.status, self.headers, MEDIA_TYPE)


def unavailable(detail: str, after: int = 1) -> Problem:
    """Come again in ``after`` seconds; until then it is a denial."""
    return Problem(503, detail, {"retry-after": str(after)})
