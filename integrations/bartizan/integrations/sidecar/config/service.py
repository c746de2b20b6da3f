"""The service itself: where it listens, how much it takes, and whose it is."""

from __future__ import annotations

from ssl import PROTOCOL_TLS_SERVER, SSLContext
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from bartizan.guard import Verdicts
from bartizan.integrations.assembly import REDIS
from bartizan.policies.lean.certificates.levels import Level

from ..identity import Authenticator
from .callers import Proxy, Token, Who, authenticator
from .fields import ConfigError, File, Model, Secret
from .tenant import Tenant


class Limits(Model):
    """What is not answered: bodies above ``body`` bytes, requests above ``concurrent`` at once (503), slow senders."""

    body: int = Field(default=1 << 20, ge=1024)
    concurrent: int = Field(default=256, ge=1)
    connections: int = Field(default=4096, ge=1)
    streams: int = Field(default=64, ge=1, description="event streams and guarded streams at once")
    read: float = Field(default=10.0, gt=0, description="seconds in which a request must have arrived")
    batch: int = Field(default=100, ge=1, description="calls of one batch")
    drain: float = Field(default=10.0, ge=0, description="seconds that requests have to end after SIGTERM")


class TLS(Model):
    """PEM files. The key has no pass phrase: nobody is there to type it."""

    certificate: File
    key: File

    def examine(self) -> None:
        """Raises :class:`ConfigError` for files that no server could be started with."""
        try:
            for file in (self.certificate, self.key):
                file.read_bytes()  # OpenSSL does not say which is not there
            SSLContext(PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key, password="")
        except (OSError, ValueError) as error:  # SSL's errors are OSErrors
            raise ConfigError(
                f"tls: expected a certificate and its key without a pass phrase, in PEM files: {error}"
            ) from error


def place(where: str) -> tuple[str, int, str | None]:
    """Host, port and Unix socket that an entry of ``listen`` names. Raises ``ValueError``."""
    if where.startswith("unix:"):
        return "", 0, where.removeprefix("unix:")
    host, colon, port = where.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()):
        raise ValueError(f"expected host:port or unix:/path, found {where!r}")
    return host.strip("[]"), int(port), None


def _places(listen: list[str]) -> list[str]:
    for where in listen:
        place(where)
    return listen


class ServiceConfig(Model):
    """A service; ``docs/operations.md`` has every field with its default."""

    listen: Annotated[list[str], AfterValidator(_places)] = Field(default=["127.0.0.1:8181"], min_length=1)
    workers: int = Field(default=1, ge=1, le=64)
    tenants: dict[str, Tenant] = Field(min_length=1)
    tokens: list[Token] = Field(default=[])
    proxy: Proxy | None = None
    verdict_keys: list[Secret] = Field(default=[])
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
        """Raises :class:`ConfigError` for secrets that are not there, and for a token or workload that two have."""
        return authenticator(self.tokens, self.proxy)

    def verdicts(self) -> Verdicts | None:
        """What signs verdicts, if anything does. Raises :class:`ConfigError`."""
        if not self.verdict_keys:
            return None
        try:
            return Verdicts(*(key.read() for key in self.verdict_keys), ttl=self.verdict_ttl)
        except ValueError as error:
            raise ConfigError(f"verdict_keys: {error}") from error
