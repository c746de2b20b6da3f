"""A guard between any MCP client and any MCP server: every tool call is decided before the server sees it.

The proxy *ends* the protocol on both sides instead of passing messages through: it is a server to the client and a
client to the server, so that a method nobody here knows is refused by construction. See :mod:`.proxy` for what passes,
and docs/mcp.md for what does not.
"""

from __future__ import annotations

try:
    import mcp  # noqa: F401
except ImportError as error:
    raise ImportError('install the extra: pip install "bartizan[mcp]"') from error

from .asking import Asking
from .load import guard_for
from .proxy import Proxy
from .serve import HttpListener, serve_http, serve_stdio
from .upstream import Upstream, connect

__all__ = [
    "Asking",
    "HttpListener",
    "Proxy",
    "Upstream",
    "connect",
    "guard_for",
    "serve_http",
    "serve_stdio",
]
