"""The monitor host: one engine, shared by many callers, in this process or behind HTTP.

limits     how much is taken at once, for how long, and what a request may look like
reasons    the fixed words for why there is no measurement
queue      who is served next: bounded, fair to tenants, by shape
batcher    the engine in its thread, and the callers that wait for it
checks     what an engine answered, held to the contract
stats      what happened so far; ``metrics`` writes it for Prometheus
local      ``LocalBackend``: an engine in this process
reading    strict JSON: what was expected, and where
wire       queries and measurements as JSON
tenants    bearer tokens, and whose they are
endpoints  how requests are taken, here and by a corrector's host
app        the routes; ``serve`` binds a socket and runs them
breaker    remembers for a moment that a host is down
connection HTTP to one host, over kept connections
client     ``RemoteBackend``: a host somewhere else

Nothing here imports torch. ``client`` imports h11, ``app`` and ``serve`` import Starlette and uvicorn; the
package itself imports none of them.
"""

from __future__ import annotations

from .batcher import Batcher, Health
from .limits import Limits, WireLimits
from .local import LocalBackend

__all__ = ["Batcher", "Health", "Limits", "LocalBackend", "WireLimits"]
