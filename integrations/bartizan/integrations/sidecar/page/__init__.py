"""The page on which people answer approvals and look at decisions, and what it reads.

``static/`` is the page: HTML, CSS and JavaScript modules as they are served, with no build step. It knows nothing
before it has a token, so that its files need none; every request that it makes carries one. Whatever agents, tools
and policies wrote is hostile to it: it is put into the page as text only, and the content security policy lets no
other script run.
"""

from __future__ import annotations

from .routes import PUBLIC, routes

__all__ = ["PUBLIC", "routes"]
