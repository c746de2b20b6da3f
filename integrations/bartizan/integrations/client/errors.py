"""What can go wrong between this process and the service.

::

    BartizanError
    └── ServiceError
        ├── Unreachable     no answer: refused, reset, too late, or the service says that it cannot (5xx)
        ├── Refused         the service will not take this request (4xx): credentials, scope, schema
        └── BadAnswer       an answer that is none, or is about something else

For a call all three are a denial (:mod:`.guard`); only what is no call raises.
"""

from __future__ import annotations

from bartizan.guard import BartizanError


class ServiceError(BartizanError):
    """The service did not answer as it should."""


class Unreachable(ServiceError):
    """Nothing is known of what became of the request: it may have been counted."""


class Refused(ServiceError):
    """The service refused the request: ``status`` is HTTP's, ``detail`` and ``type`` what it says of it (RFC 9457)."""

    def __init__(self, status: int, detail: str, type: str = "") -> None:
        self.status = status
        self.detail = detail
        self.type = type
        super().__init__(f"the service refused the request with {status}: {detail}")


class BadAnswer(ServiceError):
    """Not HTTP, not JSON, not the schema, or not about what was asked."""
