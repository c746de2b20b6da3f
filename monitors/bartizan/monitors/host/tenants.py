"""Bearer tokens, and whose they are.

A token file has a line for each token: the tenant, and the token or its SHA-256; ``#`` begins a comment. A tenant may
have several tokens, so that they can be changed without a pause. The tenant ``*`` is the operator: it sees every
probe and may ask in any tenant's name::

    acme     sha256:5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8
    globex   kZr8Qm3vT1xW7yB2nL5d
    *        sha256:...
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import hexdigits

from bartizan.monitors.errors import MonitorError

OPERATOR = "*"
SHORTEST = 16
_HASHED = "sha256:"


class MalformedTokens(MonitorError):
    """A token file that cannot be read, and where. Tokens are never quoted."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """``tenants`` maps the SHA-256 of a token, in hexadecimal, to its tenant."""

    tenants: Mapping[str, str] = field(repr=False)

    @classmethod
    def load(cls, path: Path | str) -> Tokens:
        """Raises :class:`MalformedTokens`."""
        try:
            text = Path(path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise MalformedTokens(f"{path}: expected a token file: {error}") from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, where: str = "tokens") -> Tokens:
        """Raises :class:`MalformedTokens`."""
        tenants: dict[str, str] = {}
        for number, line in enumerate(text.splitlines(), 1):
            words = line.partition("#")[0].split()
            if not words:
                continue
            if len(words) != 2:
                raise MalformedTokens(
                    f"{where}:{number}: expected a tenant and a token, found {len(words)} words"
                )
            tenant, token = words
            digest = token.removeprefix(_HASHED).lower() if token.startswith(_HASHED) else _digest(token)
            if len(digest) != 64 or not set(digest) <= set(hexdigits):
                raise MalformedTokens(f"{where}:{number}: expected sha256: and 64 hexadecimal digits")
            if not token.startswith(_HASHED) and (len(token) < SHORTEST or not token.isascii()):
                raise MalformedTokens(
                    f"{where}:{number}: expected a token of at least {SHORTEST} ASCII characters; "
                    "make one with `python -c 'import secrets; print(secrets.token_urlsafe())'`"
                )
            if digest in tenants:
                raise MalformedTokens(f"{where}:{number}: expected distinct tokens, found one again")
            tenants[digest] = tenant
        if not tenants:
            raise MalformedTokens(
                f"{where}: expected at least one line with a tenant and a token, found none"
            )
        return cls(tenants)

    def tenant(self, authorization: str | None) -> str | None:
        """Whose the token of an ``Authorization`` header is. Found by its hash: no comparison tells it by time."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        return self.tenants.get(_digest(token.strip()))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
