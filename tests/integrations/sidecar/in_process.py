"""A service in this process, asked through its ASGI application."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx

from bartizan.integrations.sidecar import Service, create_app
from bartizan.integrations.sidecar.config import ServiceConfig, parse_config

from .serving import SLOW

POLICY = """
version: 1
name: desk
tools:
  read: {args: {}, effect: read}
  open: {args: {path: str}, effect: read}
  pay: {args: {to: str, amount: int}, effect: destructive}
  write: {args: {path: str, text: str}, effect: write}
rules:
  - id: tools
    allow: [read, open, pay, write]
  - id: not-much
    deny: [pay]
    when: args.amount > 100
    reason: At most 100.
  - id: three
    deny: [pay]
    when: session.count("pay", within="1h") >= 3
    reason: Three payments an hour.
  - id: ask
    escalate: [write]
    reason: A person looks at what is written.
  - id: admins
    deny: [open]
    when: args.path == "/etc/shadow"
    unless: '"admin" in principal.roles'
    reason: For administrators.
repair:
  pay: {amount: clamp, "*": locked}
"""

TOKENS: dict[str, dict[str, Any]] = {
    "agent": {"scopes": ["decide"], "principal": "agent-1"},
    "gateway": {"scopes": ["decide"], "acts_for": True},
    "boss": {"scopes": ["approve", "read"]},
    "other": {"scopes": ["decide"], "tenant": "other"},
    "other-boss": {"scopes": ["approve", "read"], "tenant": "other"},
}


def document(policy: Path, **more: Any) -> dict[str, Any]:
    """A configuration of two tenants with one policy; the token of each name is its name with ``-token``."""
    tenant = {"policy": str(policy), **SLOW, **more.pop("tenant", {})}
    tokens = [
        {"name": name, "sha256": sha256(f"{name}-token".encode()).hexdigest(), **fields}
        for name, fields in TOKENS.items()
    ]
    return {"tenants": {"default": tenant, "other": tenant}, "tokens": tokens, **more}


def configured(directory: Path, **more: Any) -> ServiceConfig:
    policy = directory / "policy.yaml"
    policy.write_text(POLICY)
    return parse_config(document(policy, **more), directory)


class Client:
    """One identity's view of a service."""

    def __init__(self, http: httpx.AsyncClient, name: str) -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {name}-token"} if name else {}

    async def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        return await self._http.post(path, json=body, headers={**self._headers, **headers})

    async def put(self, path: str, body: Any) -> httpx.Response:
        return await self._http.put(path, json=body, headers=self._headers)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self._http.get(path, headers={**self._headers, **headers})


class Running:
    def __init__(self, http: httpx.AsyncClient, service: Service) -> None:
        self._http = http
        self.service = service

    def as_(self, name: str) -> Client:
        return Client(self._http, name)


@asynccontextmanager
async def running(config: ServiceConfig, service: Service | None = None) -> AsyncIterator[Running]:
    service = Service.open(config) if service is None else service
    transport = httpx.ASGITransport(app=create_app(config, service=service))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://pdp.test") as http:
            yield Running(http, service)
    finally:
        await service.aclose()
