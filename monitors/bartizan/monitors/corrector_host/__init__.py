"""Correctors behind HTTP: asked by guards of other processes and machines, which need no torch.

wire     questions and answers as JSON, read strictly
app      the routes; ``serve`` binds a socket and runs them
client   ``RemoteCorrector`` and ``RemoteRewriter``: a proposer and a rewriter somewhere else

As little trusted as correctors anywhere: what comes back passes the guard's gate, or changes nothing.
"""

from __future__ import annotations
