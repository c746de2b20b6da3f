"""The agent's own model, guarded where it runs: an OpenAI-compatible host that measures what it generates.

client        the guard's side: resolves a tool call's id into the signals of the generation that wrote it
handles       what names a reply's signals: unguessable, chosen by the host, bound to a call, short-lived
records       the signals of a reply, as they are kept and as they travel
wire          OpenAI's requests, strictly
prompt        messages to tokens, by the chat template; text never becomes a control token
detokenise, scan, formats, reply    tokens to what is said and what is called, and which tokens a call is made of
watch         probes on a tap, token by token
generate      one reply, with its signals
limits, host, app, serve            what it takes on, the queue, the routes, the server

Nothing is imported here but the guard's side: it needs no torch. The host starts with ``serve.serve_chat``.
"""

from __future__ import annotations

from .client import ChatMonitor, ChatSignals, Span
from .errors import BadRequest, ChatError, ChatSetupError, Overloaded
from .handles import CallId
from .limits import ChatLimits

__all__ = [
    "BadRequest",
    "CallId",
    "ChatError",
    "ChatLimits",
    "ChatMonitor",
    "ChatSetupError",
    "ChatSignals",
    "Overloaded",
    "Span",
]
