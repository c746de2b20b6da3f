"""Ed25519 keys for the checkpoints of the audit log (extra ``sign``).

::

    signer = Ed25519Signer.load("audit-key.pem")          # bartizan audit keygen audit-key.pem
    log = FileAuditLog("audit/", signer=signer)
    verify("audit/", public_keys=[Ed25519Verifier.load("audit-key.pem.pub")]).signed
"""

from __future__ import annotations

try:
    import cryptography  # noqa: F401
except ImportError as error:
    raise ImportError('install the extra: pip install "bartizan[sign]"') from error

from .ed25519 import BadKey, Ed25519Signer, Ed25519Verifier, generate

__all__ = ["BadKey", "Ed25519Signer", "Ed25519Verifier", "generate"]
