"""The configuration of a service: one YAML file. Secrets come from files or the environment, never from here.

See ``docs/operations.md`` for an example with every field.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from bartizan.guard import BartizanError, Durability, Principal, Verdicts
from bartizan.integrations.assembly import REDIS
from bartizan.policies.lean.levels import LEVELS, Level

from .identity import Authenticator, Identity, Scope

_DIGEST = re.compile("[0-9a-f]{64}")


class ConfigError(BartizanError):
    """The configuration cannot be used: which field, what was expected, what to do."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def _sha256(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise ValueError("expected the SHA-256 of the token in hexadecimal: printf %s TOKEN | sha256sum")
    return text


class Secret(_Model):
    """A secret's place: exactly one of ``file`` and ``env``."""

    file: Path | None = None
    env: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Secret:
        if (self.file is None) == (self.env is None):
            raise ValueError("expected exactly one of file and env")
        return self

    def read(self) -> bytes:
        """Raises :class:`ConfigError`. The end of a file's last line is not part of the secret."""
        try:
            found = (
                self.file.read_bytes().rstrip(b"\r\n")
                if self.file
                else os.environb[(self.env or "").encode()]
            )
        except (OSError, KeyError) as error:
            raise ConfigError(
                f"a secret is not where it should be: {self.file or self.env}: {error}"
            ) from error
        if not found:
            raise ConfigError(f"a secret is empty: {self.file or self.env}")
        return found


class Who(_Model):
    """``acts_for``: may name the principal that it asks for (``principal`` in the body)."""

    name: str = Field(min_length=1)
    tenant: str = "default"
    principal: str = Field(default="", description="the principal's id; without it the name")
    roles: list[str] = []
    scopes: list[Scope] = Field(min_length=1)
    acts_for: bool = False

    @model_validator(mode="after")
    def _apart(self) -> Who:
        if {"decide", "approve"} <= set(self.scopes):
            raise ValueError(
                "expected a token to decide or to approve, not both: an agent must not approve itself"
            )
        return self

    @property
    def identity(self) -> Identity:
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
        return self.sha256 or sha256(self.secret.read() if self.secret else b"").hexdigest()


class Workload(Who):
    """A workload that the proxy vouches for, by the whole value of the proxy's header."""

    id: str = Field(min_length=1, description="spiffe://example.org/ns/agents/sa/desk")


class Proxy(_Model):
    """A proxy that ends mutual TLS and says in ``header`` who the client is. It must remove the clients' own."""

    header: str = "x-spiffe-id"
    addresses: list[str] = Field(min_length=1, description="its networks, or unix for a Unix socket")
    workloads: list[Workload] = Field(min_length=1)


class Certified(_Model):
    """The certificate that every policy of the tenant must bring, the first and all after it; see docs/lean.md.

    ``require`` is how far it is checked. ``at`` is its file, or a folder with ``HASH.cert.json`` of each policy;
    without it, it lies beside the policy. Whoever has no ``trusted_keys`` takes one that nobody signed. ``kernel`` is
    the command of the other kernel that ``external`` asks, in ``within`` seconds.
    """

    require: Level | None = None
    at: Path | None = None
    trusted_keys: list[Path] = Field(default=[], description="public keys, one of which must have signed it")
    weaker: Literal["refuse", "accept"] = Field(
        default="refuse", description="invariants that rest on a solver's answer, beyond hash"
    )
    kernel: list[str] = []
    within: float = Field(default=60.0, gt=0)


class Reload(_Model):
    """How a changed policy comes into force: ``require`` is what it must pass before it does.

    ``tests``: its own tests. ``proved``: also every invariant proved. ``tighter``: also proved to let nothing go that
    the policy before it does not. Proofs need the extra ``prove``; ``within`` is seconds for one question of them.
    ``hash``, ``recheck``, ``kernel``, ``external``: its tests, and a certificate as if ``certificate`` required it.
    """

    every: float = Field(default=2.0, gt=0, description="seconds between two looks")
    require: Literal["tests", "proved", "tighter", "hash", "recheck", "kernel", "external"] = "tests"
    within: float = Field(default=60.0, gt=0)
    revisions: Secret | None = Field(
        default=None, description="follow revisions in Redis that are signed with this key"
    )


class Tenant(_Model):
    """``store``: a Redis URL, or the file of a SQLite database; without it sessions live in memory."""

    policy: str
    store: str | None = None
    redis: str | None = Field(default=None, description="for feed and inbox, where it is not the store")
    redis_password: Secret | None = None
    audit: Path | None = Field(default=None, description="each worker writes a directory of its own in it")
    audit_key: Secret | None = None
    audit_durability: Durability = Field(default="fsync", description="see docs/audit.md")
    audit_signing_key: Path | None = Field(default=None, description="sign checkpoints with this Ed25519 key")
    audit_trusted_keys: list[Path] = Field(default=[], description="public keys that signed it earlier")
    audit_retention: float | None = Field(
        default=None, gt=0, description="days; older segments are removed, on record"
    )
    capture_content: bool = False
    monitors: str | None = Field(default=None, description="the address of a monitor host")
    monitors_token: Secret | None = None
    correct: bool = True
    correct_within: float = Field(default=0.25, gt=0)
    deadline: float = Field(default=2.0, gt=0, description="seconds for a decision")
    approval_ttl: float = Field(default=3600.0, gt=0, description="seconds in which a person may answer")
    certificate: Certified = Certified()
    reload: Reload = Reload()

    @property
    def level(self) -> Level | None:
        """How far a policy's certificate is checked: the higher of what ``certificate`` and ``reload`` require."""
        asked = {self.certificate.require, self.reload.require}
        return next((level for level in reversed(LEVELS) if level in asked), None)

    def requiring(self, level: Level) -> Tenant:
        """The same with at least this level."""
        least = max(level, self.level or level, key=LEVELS.index)
        return self.model_copy(update={"certificate": self.certificate.model_copy(update={"require": least})})

    @property
    def shared(self) -> str | None:
        """The Redis that several workers share."""
        if self.redis is not None:
            return self.redis
        return self.store if self.store is not None and self.store.startswith(REDIS) else None

    def reached(self, address: str) -> str:
        """The address of a store, with the password if it is a Redis that has one. Raises :class:`ConfigError`."""
        if self.redis_password is None or not address.startswith(REDIS):
            return address
        password = quote(self.redis_password.read(), safe="")
        return f"{address}{'&' if '?' in address else '?'}password={password}"


class Limits(_Model):
    """What is not answered: bodies above ``body`` bytes, requests above ``concurrent`` at once (503), slow senders."""

    body: int = Field(default=1 << 20, ge=1024)
    concurrent: int = Field(default=256, ge=1)
    connections: int = Field(default=4096, ge=1)
    streams: int = Field(default=64, ge=1, description="event streams and guarded streams at once")
    read: float = Field(default=10.0, gt=0, description="seconds in which a request must have arrived")
    batch: int = Field(default=100, ge=1, description="calls of one batch")
    drain: float = Field(default=10.0, ge=0, description="seconds that requests have to end after SIGTERM")


class TLS(_Model):
    certificate: Path
    key: Path


class ServiceConfig(_Model):
    listen: list[str] = Field(default=["127.0.0.1:8181"], min_length=1)
    workers: int = Field(default=1, ge=1, le=64)
    tenants: dict[str, Tenant] = Field(min_length=1)
    tokens: list[Token] = []
    proxy: Proxy | None = None
    verdict_keys: list[Secret] = []
    verdict_ttl: float = Field(default=60.0, gt=0)
    limits: Limits = Limits()
    tls: TLS | None = None
    metrics: Literal["open", "token"] = Field(
        default="open", description="token: /metrics needs the scope read"
    )

    @model_validator(mode="after")
    def _fits(self) -> ServiceConfig:
        who: list[Who] = [*self.tokens, *(self.proxy.workloads if self.proxy else ())]
        if not who:
            raise ValueError("expected tokens or a proxy's workloads: nobody could ask anything")
        for each in who:
            if each.tenant not in self.tenants:
                raise ValueError(
                    f"{each.name}: expected one of the tenants {sorted(self.tenants)}, found {each.tenant!r}"
                )
        if self.workers > 1:
            for name, tenant in self.tenants.items():
                if tenant.shared is None or tenant.store is None or not tenant.store.startswith(REDIS):
                    raise ValueError(
                        f"tenants.{name}.store: expected a Redis URL, since several workers share sessions"
                    )
        return self

    def requiring(self, level: Level | None) -> ServiceConfig:
        """The same with at least this level of every tenant's policies."""
        if level is None:
            return self
        tenants = {name: tenant.requiring(level) for name, tenant in self.tenants.items()}
        return self.model_copy(update={"tenants": tenants})

    def authenticator(self) -> Authenticator:
        """Raises :class:`ConfigError` for secrets that are not there and tokens that two have."""
        tokens: dict[str, Identity] = {}
        for token in self.tokens:
            if token.digest in tokens:
                raise ConfigError(
                    f"tokens: {token.name!r} and {tokens[token.digest].name!r} have the same token"
                )
            tokens[token.digest] = token.identity
        if self.proxy is None:
            return Authenticator(tokens)
        return Authenticator(
            tokens,
            header=self.proxy.header,
            workloads={workload.id: workload.identity for workload in self.proxy.workloads},
            proxies=[_network(where) for where in self.proxy.addresses],
        )

    def verdicts(self) -> Verdicts | None:
        if not self.verdict_keys:
            return None
        try:
            return Verdicts(*(key.read() for key in self.verdict_keys), ttl=self.verdict_ttl)
        except ValueError as error:
            raise ConfigError(f"verdict_keys: {error}") from error


def load_config(path: str | Path) -> ServiceConfig:
    """The configuration in a file; relative paths in it are relative to it. Raises :class:`ConfigError`."""
    file = Path(path)
    try:
        body = yaml.safe_load(file.read_bytes())
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: expected YAML: {error}") from error
    return parse_config(body, file.parent, str(file))


def parse_config(body: Any, base: Path, name: str = "configuration") -> ServiceConfig:
    """The configuration of a parsed document. Raises :class:`ConfigError` that names each wrong field."""
    if not isinstance(body, Mapping):
        raise ConfigError(f"{name}: expected a mapping with tenants and tokens")
    try:
        return _resolved(ServiceConfig.model_validate(body), base)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)
        raise ConfigError("\n".join(f"{name}: {_line(each)}" for each in found)) from error


def _line(found: Mapping[str, Any]) -> str:
    place = ".".join(map(str, found["loc"])) or "the document"
    return f"{place}: {found['msg'].removeprefix('Value error, ')}"


def _resolved(config: ServiceConfig, base: Path) -> ServiceConfig:
    def of(tenant: Tenant) -> Tenant:
        policy = (
            str(base / tenant.policy) if Path(tenant.policy).suffix else tenant.policy
        )  # else a pack's name
        store = tenant.store
        if store is not None and not store.startswith(REDIS):
            store = str(base / store)
        audit = base / tenant.audit if tenant.audit is not None else None
        signing = base / tenant.audit_signing_key if tenant.audit_signing_key is not None else None
        changed = {
            "policy": policy,
            "store": store,
            "audit": audit,
            "audit_signing_key": signing,
            "audit_trusted_keys": [base / path for path in tenant.audit_trusted_keys],
            "certificate": _certified(tenant.certificate, base),
        }
        return tenant.model_copy(update=changed)

    return config.model_copy(
        update={"tenants": {name: of(tenant) for name, tenant in config.tenants.items()}}
    )


def _certified(given: Certified, base: Path) -> Certified:
    kernel = given.kernel
    if kernel and "/" in kernel[0]:
        kernel = [str(base / kernel[0]), *kernel[1:]]
    changed = {
        "at": base / given.at if given.at is not None else None,
        "trusted_keys": [base / path for path in given.trusted_keys],
        "kernel": kernel,
    }
    return given.model_copy(update=changed)


def _network(text: str) -> IPv4Network | IPv6Network | Literal["unix"]:
    try:
        return "unix" if text == "unix" else ip_network(text)
    except ValueError as error:
        raise ConfigError(
            f"proxy.addresses: expected networks as 10.0.0.0/8, or unix; found {text!r}"
        ) from error
