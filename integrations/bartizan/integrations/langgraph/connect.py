"""A guard that is a service: the few lines that connect an agent with it."""

from __future__ import annotations

from collections.abc import Sequence
from ssl import SSLContext
from typing import Any

from bartizan.integrations.client import RemoteGuard
from bartizan.integrations.client.requests import Token

from .guard import LangGraphGuard


def connect_guard(
    url: str,
    *,
    token: Token = None,
    approver_token: Token = None,
    verdict_keys: bytes | Sequence[bytes] = (),
    deadline: float = 3.0,
    tls: SSLContext | None = None,
    **options: Any,
) -> LangGraphGuard:
    """A guard whose decisions are those of the service at ``url``: ``unix:///path``, ``https://...`` or ``http://...``.

    ``token`` lets it ask, ``approver_token`` lets it hand in what people answer to approvals (as the owner of that
    token); see :class:`~bartizan.integrations.client.RemoteGuard` for these and the others. ``options`` are those of
    :class:`LangGraphGuard`. Nothing is asked before the first call.
    """
    remote = RemoteGuard(
        url,
        token=token,
        approver_token=approver_token,
        verdict_keys=verdict_keys,
        deadline=deadline,
        tls=tls,
    )
    return LangGraphGuard(remote, **options)
