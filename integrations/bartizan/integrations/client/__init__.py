"""The client of a guard that runs as a service: the same methods, failing closed. Nothing but the kernel is needed.

::

    async with RemoteGuard("unix:///run/bartizan.sock", token=token) as guard:
        enforcement = await guard.enforce(call, execute, session="42")

``SyncRemoteGuard`` is the same for code without an event loop.
"""

from __future__ import annotations

from .errors import BadAnswer, Refused, ServiceError, Unreachable
from .guard import RemoteGuard
from .sync import SyncRemoteGuard

__all__ = ["BadAnswer", "Refused", "RemoteGuard", "ServiceError", "SyncRemoteGuard", "Unreachable"]
