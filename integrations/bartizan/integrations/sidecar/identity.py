"""Who asks: a bearer token's owner, or the workload that a trusted proxy vouches for.

An identity belongs to one tenant. What it may do are its scopes: ``decide`` (propose calls, report results and
events), ``approve`` (answer approvals), ``read`` (decisions, sessions, policy) and ``admin`` (change the policy).
Nobody has ``decide`` beside ``approve`` or ``admin``: an agent's token must not answer the questions that its calls
raise, nor change what asks them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Literal, TypeAlias

from bartizan.guard import Principal

from .problems import Problem

Scope: TypeAlias = Literal["decide", "approve", "read", "admin"]


@dataclass(frozen=True, slots=True)
class Identity:
    """``acts_for``: may name the principal for whom it asks; else it asks for its own."""

    name: str
    tenant: str
    principal: Principal
    scopes: frozenset[Scope]
    acts_for: bool = False

    def require(self, *scopes: Scope) -> None:
        """Raises :class:`Problem` 403 unless it has one of the scopes."""
        if self.scopes.isdisjoint(scopes):
            raise Problem(
                403, f"this needs the scope {' or '.join(scopes)}, and {self.name!r} does not have it"
            )

    def asking_for(self, named: Principal | None) -> Principal:
        """The principal of a request. Raises :class:`Problem` 403 for another one's, unless it may act for others."""
        if named is None or named == self.principal:
            return self.principal
        if not self.acts_for:
            raise Problem(
                403, f"{self.name!r} may not ask for another principal; leave principal out, or set acts_for"
            )
        return named


class Authenticator:
    """Knows tokens by their SHA-256, and workloads by the header that a proxy at ``proxies`` sets.

    A header from anywhere else is nothing: whoever can reach the service could write it.
    """

    def __init__(
        self,
        tokens: Mapping[str, Identity],
        *,
        header: str = "",
        workloads: Mapping[str, Identity] | None = None,
        proxies: Sequence[IPv4Network | IPv6Network | Literal["unix"]] = (),
    ) -> None:
        self._tokens = dict(tokens)
        self._header = header.lower().encode("latin-1")
        self._workloads = dict(workloads or {})
        self._proxies = tuple(proxies)

    def identify(self, headers: Iterable[tuple[bytes, bytes]], client: str | None) -> Identity:
        """Raises :class:`Problem` 401. ``client`` is the peer's address, None behind a Unix socket."""
        bearer: bytes | None = None
        vouched: bytes | None = None
        for name, value in headers:
            if name == b"authorization":
                if bearer is not None:
                    raise _unknown("two authorization headers")
                bearer = value
            elif self._header and name == self._header:
                if vouched is not None:
                    raise _unknown("two headers of a workload's identity")
                vouched = value
        if bearer is not None:
            scheme, _, token = bearer.partition(b" ")
            known = (
                self._tokens.get(sha256(token.strip()).hexdigest()) if scheme.lower() == b"bearer" else None
            )
            if known is None:
                raise _unknown("the token is not one of this service's")
            return known
        if vouched is not None and self._trusts(client):
            workload = self._workloads.get(vouched.decode("latin-1").strip())
            if workload is None:
                raise _unknown("the workload is not one of this service's")
            return workload
        raise _unknown("expected Authorization: Bearer and a token of this service")

    def _trusts(self, client: str | None) -> bool:
        if client is None:
            return "unix" in self._proxies
        try:
            address = ip_address(client)
        except ValueError:
            return False
        return any(address in network for network in self._proxies if network != "unix")


def _unknown(detail: str) -> Problem:
    return Problem(401, detail, {"www-authenticate": "Bearer"})
