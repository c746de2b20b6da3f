"""Where the service listens: ``http://host:port``, ``https://host:port`` or ``unix:///path/to/socket``."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """``path`` is a Unix socket's; without one ``host`` and ``port`` are TCP's, with TLS where ``tls`` is."""

    host: str
    port: int = 0
    path: str | None = None
    tls: ssl.SSLContext | None = None

    @property
    def authority(self) -> str:
        """What the ``Host`` header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = _PORTS["https" if self.tls is not None else "http"]
        return host if self.path is not None or self.port == usual else f"{host}:{self.port}"

    def __str__(self) -> str:
        if self.path is not None:
            return f"unix://{self.path}"
        return f"{'https' if self.tls is not None else 'http'}://{self.authority}"


def address_of(url: str, tls: ssl.SSLContext | None = None) -> Address:
    """The address in a URL. ``tls`` is for ``https`` only; without one it is Python's default, which verifies.

    Raises ``ValueError`` for a URL that says more, or something else, than where the service listens.
    """
    parts = urlsplit(url)
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(f"expected where the service listens, found {url!r}: give a token by token=")
    if parts.scheme == "unix":
        if parts.netloc or not parts.path.startswith("/"):
            raise ValueError(f"expected unix:///path/to/socket, found {url!r}")
        if tls is not None:
            raise ValueError("expected no TLS on a Unix socket: its permissions say who may connect")
        return Address("localhost", path=parts.path)
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in ("", "/"):
        raise ValueError(
            f"expected http://host:port, https://host:port or unix:///path/to/socket, found {url!r}"
        )
    if parts.scheme == "http" and tls is not None:
        raise ValueError(f"expected https:// with a TLS context, found {url!r}")
    if parts.scheme == "https" and tls is None:
        tls = ssl.create_default_context()
    return Address(parts.hostname, parts.port or _PORTS[parts.scheme], tls=tls)
