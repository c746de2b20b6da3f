"""Why there is no measurement: fixed words, so that they can be counted and hold nobody's text."""

from __future__ import annotations

from typing import Final

# Said by a batcher, wherever it runs.
TIMEOUT: Final = "timeout"
OVERLOADED: Final = "overloaded"
SHUTTING_DOWN: Final = "shutting down"
TOO_LONG: Final = "too long"
UNREADABLE: Final = "unreadable"
OTHER_SCRIPT: Final = "other script"
ENGINE_FAILED: Final = "engine failed"
ENGINE_STUCK: Final = "engine stuck"
ENGINE_STOPPED: Final = "engine stopped"
NOT_A_MEASUREMENT: Final = "not a measurement"
NOT_A_QUERY: Final = "not a query"
FORKED: Final = "forked"

# Said by a host about a request, or by its client about the host.
UNKNOWN_PROBE: Final = "unknown probe"
HOST_DOWN: Final = "host down"
HOST_ERROR: Final = "host error"
GARBAGE: Final = "garbage from host"
REDIRECTED: Final = "redirected"
REFUSED: Final = "refused by host"
UNAUTHORISED: Final = "unauthorised"
WRONG_FINGERPRINT: Final = "wrong fingerprint"
CLOSED: Final = "client closed"
