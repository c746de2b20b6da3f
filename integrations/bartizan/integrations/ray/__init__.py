"""Past one machine, with Ray: replay of many sessions, and monitor hosts and correctors as deployments.

session      a connection to a cluster, or a Ray of one's own on this machine
replay       the plan of a replay, carried out on Ray Data
scale        how many replicas, and what each may use
monitors, correctors    their hosts as deployments of Ray Serve
serving      Ray Serve with such deployments on it

What runs on Ray is what runs without it: the same plan, the same engine, batcher and routes.
"""

from __future__ import annotations

try:
    import ray  # noqa: F401
except ImportError as error:
    raise ImportError('install the extra: pip install "bartizan[ray]"') from error

from .replay import on_ray
from .session import CannotConnect, connected

__all__ = ["CannotConnect", "connected", "on_ray"]
