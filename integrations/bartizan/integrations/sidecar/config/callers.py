"""Who may ask: the owners of tokens, and workloads that a proxy vouches for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from bartizan.guard import Principal

from ..identity import Authenticator, Identity, Scope
from .fields import ConfigError, Model, Secret

_DIGEST = re.compile("[0-9a-f]{64}")


def _sha256(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise ValueError("expected the SHA-256 of the token in hexadecimal: printf %s TOKEN | sha256sum")
    if text == sha256().hexdigest():
        raise ValueError("expected the SHA-256 of a token, found that of nothing: anybody could ask")
    return text


class Who(Model):
    """``acts_for``: may name the principal that it asks for (``principal`` in the body)."""

    name: str = Field(min_length=1)
    tenant: str = "default"
    principal: str = Field(default="", description="the principal's id; without it the name")
    roles: list[str] = Field(default=[])
    scopes: list[Scope] = Field(min_length=1)
    acts_for: bool = False

    @model_validator(mode="after")
    def _apart(self) -> Who:
        if "decide" in self.scopes and not {"approve", "admin"}.isdisjoint(self.scopes):
            raise ValueError(
                "expected a token to decide, or to approve and to change the policy, not both: an agent must not "
                "approve itself"
            )
        return self

    @property
    def identity(self) -> Identity:
        """Who they are to the service."""
        asks = Principal(self.principal or self.name, frozenset(self.roles))
        return Identity(self.name, self.tenant, asks, frozenset(self.scopes), self.acts_for)


class Token(Who):
    """A bearer token: its ``sha256``, or the ``secret`` itself in a file or variable."""

    sha256: Annotated[str, AfterValidator(_sha256)] | None = None
    secret: Secret | None = None

    @model_validator(mode="after")
    def _known(self) -> Token:
        if (self.sha256 is None) == (self.secret is None):
            raise ValueError("expected exactly one of sha256 and secret")
        return self

    @property
    def digest(self) -> str:
        """The token's SHA-256. Raises :class:`ConfigError`."""
        return self.sha256 or sha256(self.secret.read() if self.secret else b"").hexdigest()


class Workload(Who):
    """A workload that the proxy vouches for, by the whole value of the proxy's header."""

    id: str = Field(min_length=1, description="spiffe://example.org/ns/agents/sa/desk")


class Proxy(Model):
    """A proxy that ends mutual TLS and says in ``header`` who the client is. It must remove the clients' own."""

    header: str = Field(default="x-spiffe-id", pattern="^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")
    addresses: list[str] = Field(min_length=1, description="its networks, or unix for a Unix socket")
    workloads: list[Workload] = Field(min_length=1)


def authenticator(tokens: Sequence[Token], proxy: Proxy | None) -> Authenticator:
    """Raises :class:`ConfigError` for secrets that are not there, and for a token or workload that two have."""
    known: dict[str, Identity] = {}
    for token in tokens:
        if (other := known.get(token.digest)) is not None:
            raise ConfigError(f"tokens: {token.name!r} and {other.name!r} have the same token")
        known[token.digest] = token.identity
    if proxy is None:
        return Authenticator(known)
    workloads: dict[str, Identity] = {}
    for workload in proxy.workloads:
        if (other := workloads.get(workload.id)) is not None:
            raise ConfigError(f"proxy.workloads: {workload.name!r} and {other.name!r} have the same id")
        workloads[workload.id] = workload.identity
    return Authenticator(
        known,
        header=proxy.header,
        workloads=workloads,
        proxies=[_network(where) for where in proxy.addresses],
    )


def _network(text: str) -> IPv4Network | IPv6Network | Literal["unix"]:
    if text == "unix":
        return "unix"
    try:
        network = ip_network(text)
    except ValueError as error:
        raise ConfigError(
            f"proxy.addresses: expected networks as 10.0.0.0/8, or unix; found {text!r}"
        ) from error
    if network.prefixlen == 0:
        raise ConfigError(f"proxy.addresses: expected the proxy's own, found every address: {text!r}")
    return network
