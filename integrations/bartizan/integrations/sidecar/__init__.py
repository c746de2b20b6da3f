"""The guard as a service beside its agents: decisions, events, approvals and streams over HTTP. Extra ``sidecar``.

::

    bartizan serve --config service.yaml

One process is one worker (:mod:`.serve`); a worker has one guard for each tenant (:mod:`.tenants`). A request passes
the door (:mod:`.door`: who asks, is there room), then the hot path (:mod:`.calls`) or a route (:mod:`.app`).
"""

from __future__ import annotations

try:
    import starlette  # noqa: F401
    import uvicorn  # noqa: F401
except ImportError as error:
    raise ImportError('install the extra: pip install "bartizan[sidecar]"') from error

from .app import create_app
from .config import ConfigError, ServiceConfig, load_config, parse_config
from .service import Service

__all__ = ["ConfigError", "Service", "ServiceConfig", "create_app", "load_config", "parse_config"]
