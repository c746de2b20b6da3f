"""TLS: the client speaks it with whom it trusts, and with nobody else."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.integrations.client.conftest import AGENT, KEY, PATIENT, served

from bartizan.guard import ToolCall
from bartizan.integrations.client import RemoteGuard
from bartizan.integrations.client.address import address_of

CALL = ToolCall.of("1", "read", {"path": "a"})


def certificate(directory: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "guard")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = directory / "cert.pem", directory / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


async def test_a_service_over_tls(tmp_path: Path) -> None:
    """With its certificate trusted calls are decided; without, in the clear, or under another name, they are denied."""
    cert, key = certificate(tmp_path)
    trusting = ssl.create_default_context(cafile=cert)
    with served(tmp_path, listen=["127.0.0.1:0"], tls={"certificate": str(cert), "key": str(key)}) as running:
        url = running.addresses[0]
        assert url.startswith("https://")
        cases: list[tuple[str, ssl.SSLContext | None, str]] = [
            (url, trusting, "ordinary"),
            (url, None, "guard-unreachable"),
            (url.replace("127.0.0.1", "localhost"), trusting, "guard-unreachable"),
            (url.replace("https", "http"), None, "guard-unreachable"),
        ]
        for where, tls, rule in cases:
            deadline = PATIENT if rule == "ordinary" else 5.0
            async with RemoteGuard(where, token=AGENT, verdict_keys=KEY, tls=tls, deadline=deadline) as guard:
                for _ in range(2):
                    found = await guard.authorise(CALL, session="s")
                    assert [one.rule for one in found.decision.reasons] == [rule], where


@pytest.mark.parametrize(
    ("url", "tls"),
    [
        ("127.0.0.1:8181", False),
        ("ftp://127.0.0.1", False),
        ("http://", False),
        ("http://127.0.0.1/path", False),
        ("http://user:token@127.0.0.1", False),
        ("http://127.0.0.1?token=x", False),
        ("http://127.0.0.1", True),
        ("unix://relative/path", False),
        ("unix:///s", True),
        ("http://127.0.0.1:99999", False),
    ],
)
def test_an_address_says_where_and_nothing_else(url: str, tls: bool) -> None:
    """What is no address, or holds a secret or a path, is refused where it is given."""
    with pytest.raises(ValueError):
        address_of(url, ssl.create_default_context() if tls else None)


@pytest.mark.parametrize(
    ("url", "authority", "said"),
    [
        ("http://127.0.0.1:8181", "127.0.0.1:8181", "http://127.0.0.1:8181"),
        ("https://guard.example/", "guard.example", "https://guard.example"),
        ("http://[::1]:8181", "[::1]:8181", "http://[::1]:8181"),
        ("unix:///run/guard.sock", "localhost", "unix:///run/guard.sock"),
    ],
)
def test_an_address_is_read(url: str, authority: str, said: str) -> None:
    """TCP, TLS, IPv6 and a Unix socket."""
    found: Any = address_of(url)
    assert (found.authority, str(found)) == (authority, said)
    assert (found.tls is not None) == url.startswith("https")
