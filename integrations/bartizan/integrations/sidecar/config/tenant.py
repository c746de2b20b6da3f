"""A tenant: its policy, where its sessions and its log live, and how a changed policy comes into force."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import AfterValidator, Field, model_validator

from bartizan.guard import Durability
from bartizan.integrations.assembly import REDIS
from bartizan.policies.lean.certificates.levels import LEVELS, Level

from .fields import Model, Secret


class Certified(Model):
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
    kernel: list[str] = Field(default=[])
    within: float = Field(default=60.0, gt=0)

    @property
    def asked_for(self) -> bool:
        """Whether something is said of a certificate, which means nothing while none is required."""
        return self.at is not None or bool(self.trusted_keys or self.kernel)

    def beside(self, base: Path) -> Certified:
        """The same, with what is relative to a folder."""
        kernel = self.kernel
        if kernel and "/" in kernel[0]:
            kernel = [str(base / kernel[0]), *kernel[1:]]
        changed = {
            "at": base / self.at if self.at is not None else None,
            "trusted_keys": [base / path for path in self.trusted_keys],
            "kernel": kernel,
        }
        return self.model_copy(update=changed)


class Reload(Model):
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


_URL = re.compile("[A-Za-z][A-Za-z0-9+.-]+:/")


def _store(address: str) -> str:
    if _URL.match(address) and not address.startswith(REDIS):
        raise ValueError(f"expected a file, or an address that begins with {', '.join(REDIS)}")
    return address


class Tenant(Model):
    """``store``: a Redis URL, or the file of a SQLite database; without it sessions live in memory."""

    policy: str
    store: Annotated[str, AfterValidator(_store)] | None = None
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

    @model_validator(mode="after")
    def _meant(self) -> Tenant:
        """Who writes what would be passed over, since another field is not there, has made a mistake."""
        redis = {"redis_password": self.redis_password, "reload.revisions": self.reload.revisions}
        log = {name: getattr(self, name) for name in ("audit_key", "audit_signing_key", "audit_retention")}
        for needed, there, given in (
            ("a Redis as store or redis", self.shared, redis),
            ("audit", self.audit, log),
            ("audit_signing_key", self.audit_signing_key, {"audit_trusted_keys": self.audit_trusted_keys}),
            ("monitors", self.monitors, {"monitors_token": self.monitors_token}),
        ):
            for name, value in given.items():
                if value and not there:
                    raise ValueError(f"{name}: expected {needed} beside it, found none")
        return self

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

    def beside(self, base: Path) -> Tenant:
        """The same, with what is relative to a folder. A policy without a suffix is a pack's name."""
        store, signing = self.store, self.audit_signing_key
        changed = {
            "policy": str(base / self.policy) if Path(self.policy).suffix else self.policy,
            "store": store if store is None or store.startswith(REDIS) else str(base / store),
            "audit": base / self.audit if self.audit is not None else None,
            "audit_signing_key": base / signing if signing is not None else None,
            "audit_trusted_keys": [base / path for path in self.audit_trusted_keys],
            "certificate": self.certificate.beside(base),
        }
        return self.model_copy(update=changed)
