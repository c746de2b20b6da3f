"""The gate: a policy is loaded only if its certificate reaches a level.

========== ============================================================================== =======================
level      what is checked, each level with those before it                               what is still believed
========== ============================================================================== =======================
hash       the certificate is about this very AST, schema, semantics and theory; all that   whoever made it, or
           it says of theorems is what this package says of the same policy; the proof      whoever signed it
           beside it is the one that it names; the signature
recheck    the facts about leaves (closed sets of derivatives), the decision trees, the     this package's Python
           sessions that show what is possible
kernel     theory and proof, in our kernel; the constant that the theorems speak of         our kernel
           decodes to the loaded AST
external   the same file, in another kernel                                                 that both are wrong
========== ============================================================================== =======================

What a certificate says of solvers' answers cannot be checked here. An invariant that has nothing better is weaker than
every level but ``hash``, and refused there unless it is accepted by name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from bartizan.guard import BartizanError, Verifier

from ...policy import CheckedPolicy
from .certificate import Answer, BadCertificate, Certificate, Mismatch, parse_certificate
from .files import certificate_of, read_pair

Level: TypeAlias = Literal["hash", "recheck", "kernel", "external"]
LEVELS: tuple[Level, ...] = ("hash", "recheck", "kernel", "external")
AGAIN = "run `bartizan certify` on the very policy that is loaded, with the tools its program adds (--tools)"


class Uncertified(BartizanError):
    """The policy's certificate does not reach the level: which level, what does not fit, what to do."""

    def __init__(self, level: Level, mismatch: str, remedy: str = AGAIN) -> None:
        super().__init__(f"the policy is not certified at level {level}: {mismatch}; {remedy}")
        self.level, self.mismatch, self.remedy = level, mismatch, remedy


@dataclass(frozen=True, slots=True)
class Requirement:
    """What a policy must bring to be loaded.

    Attributes:
        level: how far its certificate is checked.
        certificate: where it is; a folder has ``HASH.cert.json`` of each policy. None: beside the policy's file.
        trusted: public keys. If there are any, one of them must have signed the certificate.
        key: makes a verifier of the public key that a signature carries, to see that nothing was changed since; not
            whose it is. None where the extra ``sign`` is not installed.
        weaker: whether an invariant may rest on a solver's answer alone beyond ``hash``.
        kernel: the command of the other kernel; empty: the first that is known and found.
        seconds: how long that one may take.
    """

    level: Level
    certificate: Path | None = None
    trusted: tuple[Verifier, ...] = ()
    key: Callable[[bytes], Verifier] | None = None
    weaker: Literal["refuse", "accept"] = "refuse"
    kernel: tuple[str, ...] = ()
    seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class Assurance:
    """A certificate that was checked; ``weaker`` are the invariants, by position, that rest on a solver's answer."""

    level: Level
    certificate: Certificate
    weaker: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """What spans and records say: the level, with ``/partial`` where some invariants are weaker."""
        return f"{self.level}/partial" if self.weaker and self.level != "hash" else self.level


def assure(policy: CheckedPolicy, requirement: Requirement, file: Path | None = None) -> Assurance:
    """Check the certificate of a policy that was read from ``file``. Raises :class:`Uncertified`."""
    level = requirement.level
    try:
        data, proof = read_pair(_where(policy, requirement, file))
        certificate = parse_certificate(data)
    except FileNotFoundError as error:
        raise Uncertified(level, f"there is no {error.filename}", AGAIN) from error
    except OSError as error:
        name = error.filename or "its certificate"
        raise Uncertified(
            level, f"{name} cannot be read: {error.strerror or error}", "look at the file"
        ) from error
    except BadCertificate as error:
        raise Uncertified(level, str(error)) from error
    return check(policy, certificate, proof, requirement)


def check(
    policy: CheckedPolicy, certificate: Certificate, proof: bytes, requirement: Requirement
) -> Assurance:
    """Check a certificate and its proof as :func:`assure` does. Raises :class:`Uncertified`."""
    # These build the theory, which whoever requires nothing does not need.
    from . import binding, proofs, rechecking

    level = requirement.level
    height = LEVELS.index(level)
    try:
        claims = binding.check(policy, certificate, proof)
        _signed(certificate, requirement)
        weaker = _weaker(certificate, requirement)
        if height >= 1:
            declared = proofs.declarations(proof)
            rechecking.check(claims, certificate, declared)
        if height >= 2:
            proofs.check(claims, certificate, declared)
        if height >= 3:
            proofs.check_elsewhere(proof, requirement.kernel, requirement.seconds)
    except Mismatch as error:
        raise Uncertified(level, error.what, error.remedy or AGAIN) from error
    return Assurance(level, certificate, weaker)


def _where(policy: CheckedPolicy, requirement: Requirement, file: Path | None) -> Path:
    given = requirement.certificate
    if given is not None:
        return given / f"{policy.hash}.cert.json" if given.is_dir() else given
    if file is None or not file.suffix:
        help = "say where it is: certificate=..."
        raise Uncertified(requirement.level, "the policy is no file that a certificate could be beside", help)
    return certificate_of(file)


def _signed(certificate: Certificate, requirement: Requirement) -> None:
    signature = certificate.signature
    if requirement.trusted:
        if signature is None:
            raise Mismatch("the certificate is not signed", "sign it: bartizan certify --sign KEY")
        if not any(certificate.is_signed_by(key) for key in requirement.trusted):
            names = ", ".join(key.key_id for key in requirement.trusted)
            raise Mismatch(
                f"the certificate is not signed by any of {names}", "have it signed, or trust its key"
            )
    elif signature is not None:
        if requirement.key is None:
            help = (
                "trust a key, or use `requirement` of bartizan.integrations.assembly (extra: bartizan[sign])"
            )
            raise Mismatch("the certificate is signed, and nothing here can check signatures", help)
        if not certificate.is_signed_by(requirement.key(bytes.fromhex(signature.key))):
            raise Mismatch(
                "the signature is not one of this certificate", "something was changed since it was signed"
            )


def _weaker(certificate: Certificate, requirement: Requirement) -> tuple[int, ...]:
    """The invariants that rest on nothing but a solver's answer."""
    found = tuple(
        each.index
        for each in certificate.invariants
        if not each.theorems and all(isinstance(one, Answer) for one in each.evidence)
    )
    if found and requirement.level != "hash" and requirement.weaker == "refuse":
        first = certificate.invariants[found[0]]
        raise Mismatch(
            f"{len(found)} of its invariants rest on a solver's answer, first `{first.written[:200]}`",
            "require hash, or accept weaker invariants by name (weaker: accept)",
        )
    return found
