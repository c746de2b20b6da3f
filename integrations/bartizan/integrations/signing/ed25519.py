"""Ed25519 (RFC 8032) as the kernel's ``Signer`` and ``Verifier``; keys are PEM files as OpenSSL writes them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class BadKey(ValueError):
    """A file that holds no Ed25519 key of the kind that was expected."""


class Ed25519Verifier:
    """A public key. ``key_id`` is ``ed25519:`` and the first 16 digits of the SHA-256 of its 32 bytes."""

    def __init__(self, public: bytes) -> None:
        self.public = public
        self.key_id = f"ed25519:{hashlib.sha256(public).hexdigest()[:16]}"
        self._key = Ed25519PublicKey.from_public_bytes(public)

    @classmethod
    def load(cls, path: str | Path) -> Ed25519Verifier:
        """The key in a PEM file (``BEGIN PUBLIC KEY``). Raises ``OSError`` and :class:`BadKey`."""
        try:
            key = serialization.load_pem_public_key(Path(path).read_bytes())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise BadKey(f"{path}: expected a public key in PEM (BEGIN PUBLIC KEY): {error}") from error
        if not isinstance(key, Ed25519PublicKey):
            raise BadKey(f"{path}: expected an Ed25519 key, found {type(key).__name__}")
        return cls(key.public_bytes_raw())

    def verify(self, message: bytes, signature: bytes) -> bool:
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Ed25519Signer(Ed25519Verifier):
    """A private key, in this process."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        super().__init__(private.public_key().public_bytes_raw())
        self._private = private

    @classmethod
    def load(cls, path: str | Path) -> Ed25519Signer:
        """The key in a PEM file (``BEGIN PRIVATE KEY``, not encrypted). Raises ``OSError`` and :class:`BadKey`.

        A file that others may read is refused: with what stands in it anybody could sign a log of their own.
        """
        file = Path(path)
        mode = file.stat().st_mode
        if os.name == "posix" and mode & 0o007:
            raise BadKey(f"{path}: everybody may read or write this private key; chmod 600 it")
        try:
            key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BadKey(
                f"{path}: expected a private key in PEM (BEGIN PRIVATE KEY), not encrypted: {error}"
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise BadKey(f"{path}: expected an Ed25519 key, found {type(key).__name__}")
        return cls(key)

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


def generate(path: str | Path) -> Ed25519Signer:
    """Make a key: the private one in ``path``, readable to its owner only, the public one beside it in ``path.pub``.

    Raises ``FileExistsError`` rather than write over a file.
    """
    private = Ed25519PrivateKey.generate()
    secret = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for name, data, mode in ((str(path), secret, 0o600), (f"{path}.pub", public, 0o644)):
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            os.write(file, data)
        finally:
            os.close(file)
    return Ed25519Signer(private)
