"""Files of a certificate: read whole within bounds, written whole or not at all.

What is read is a regular file of a bounded size, however long it grows meanwhile; a pipe or a device is refused
before anything is waited for. Links are followed, as mounted configuration needs it. What is written takes the place
of whatever stood there, a link itself and not what it points to.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from .certificate import BadCertificate

MAX_CERTIFICATE = 4 << 20
MAX_PROOF = 64 << 20
_SUFFIXES = (".yaml", ".yml")


def certificate_of(policy: Path) -> Path:
    """Where the certificate of a policy file is looked for: ``policy.cert.json`` beside it."""
    return _beside(policy, ".cert.json")


def proof_of(certificate: Path) -> Path:
    """Where the proof of a certificate is looked for: ``policy.proof.ndjson`` beside ``policy.cert.json``."""
    return certificate.with_name(certificate.name.removesuffix(".cert.json") + ".proof.ndjson")


def _beside(policy: Path, suffix: str) -> Path:
    name = policy.name
    for known in _SUFFIXES:
        name = name.removesuffix(known)
    return policy.with_name(name + suffix)


def read_bounded(path: Path, most: int) -> bytes:
    """The bytes of a regular file of at most ``most`` bytes. Raises ``OSError`` and :class:`BadCertificate`."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise BadCertificate(f"{path}: expected a regular file")
        data = file.read(most + 1) if status.st_size <= most else b""
    if len(data) > most or status.st_size > most:
        raise BadCertificate(f"{path}: expected at most {most >> 20} MiB, found more")
    return data


def read_pair(certificate: Path) -> tuple[bytes, bytes]:
    """A certificate with its proof, as they belong together: read again while somebody is writing them.

    Raises ``OSError`` and :class:`BadCertificate`.
    """
    found = read_bounded(certificate, MAX_CERTIFICATE)
    for _ in range(8):
        proof = read_bounded(proof_of(certificate), MAX_PROOF)
        again = read_bounded(certificate, MAX_CERTIFICATE)
        if again == found:
            return found, proof
        found = again
    raise BadCertificate(f"{certificate}: it is being written all the time")


def write_pair(certificate: Path, data: bytes, proof: bytes) -> None:
    """Write both, the certificate last: whoever reads it before has one that does not fit the proof, and refuses it.

    Raises ``OSError``, and :class:`BadCertificate` for what is too large to be read again.
    """
    if len(data) > MAX_CERTIFICATE or len(proof) > MAX_PROOF:
        raise BadCertificate(f"{certificate}: it, or its proof, would be too large to be read again")
    _write(proof_of(certificate), proof)
    _write(certificate, data)


def _write(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}.new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        with open(handle, "wb") as file:
            file.write(data)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
