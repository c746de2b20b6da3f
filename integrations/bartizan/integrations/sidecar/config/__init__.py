"""The configuration of a service: one YAML file. Secrets come from files or the environment, never from here.

See ``docs/operations.md`` for an example with every field.
"""

from __future__ import annotations

from .callers import Proxy, Token, Workload
from .fields import ConfigError, Secret
from .loading import load_config, parse_config
from .service import TLS, Limits, ServiceConfig
from .tenant import Certified, Reload, Tenant

__all__ = [
    "TLS",
    "Certified",
    "ConfigError",
    "Limits",
    "Proxy",
    "Reload",
    "Secret",
    "ServiceConfig",
    "Tenant",
    "Token",
    "Workload",
    "load_config",
    "parse_config",
]
