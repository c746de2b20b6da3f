"""Levels ``kernel`` and ``external``: the proof is checked, and what it is about is the loaded policy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import TypeAlias

from ...policy import canonical_text
from ..calculus.declarations import Declaration, Definition
from ..calculus.digests import Digester
from ..calculus.show import show
from ..calculus.terms import Const
from ..calculus.terms import Expr as Term
from ..encoding.decode import Reader
from ..encoding.model import Policy
from ..encoding.restore import document_of, softened
from ..kernel import Budget, Environment, KernelError
from ..kernel.constants import Constant
from ..ndjson.prefix import Prefix
from ..proving.claims import POLICY, Claims
from ..theory import text
from .binding import claimed
from .certificate import Certificate, Mismatch
from .external import NoKernel, find_kernel, rejection

Declared: TypeAlias = Sequence[tuple[int, Declaration]]
"""Declarations with the lines that they stand on."""


@cache
def checked_theory() -> Environment:
    """The theory, accepted by the kernel once in a process. It is not added to: see :meth:`.Environment.fork`."""
    return Environment().add_all(declaration for _, declaration in _theory().declared)


@cache
def _theory() -> Prefix:
    """What every proof of ours begins with, read once in a process."""
    return Prefix(text())


def begins_with_theory(proof: bytes) -> bool:
    """Whether a file is the theory to begin with, letter by letter."""
    return proof.startswith(_theory().text)


def behind_theory(declarations: Iterable[Declaration]) -> bytes:
    """The file that declares the theory, and these after it."""
    return _theory().write(declarations)


def declarations(proof: bytes) -> Declared:
    """What a file declares, with the lines, not checked yet. Raises :class:`Mismatch`."""
    try:
        return _theory().read(proof)
    except KernelError as error:
        raise Mismatch(f"the proof cannot be read: {error}") from error


def check(claims: Claims, certificate: Certificate, declared: Declared) -> None:
    """Raises :class:`Mismatch`. What is here was found to be about this policy before."""
    environment = accepted(declared)
    if environment.axioms:
        raise Mismatch(f"the proof rests on axioms: {', '.join(environment.axioms)}")
    reader = Reader(environment)
    for constant in sorted({POLICY, *(theorem.constant for theorem in certificate.theorems)}):
        found = is_policy(reader, environment, constant, claims)
        if constant == POLICY and found != claims.translation.policy:
            raise Mismatch(f"{constant} numbers its leaves otherwise than the statements about it")
    _statements(claims, certificate, environment)


def accepted(declared: Declared, axioms: Sequence[str] = ()) -> Environment:
    """The declarations of a file that begins with the theory, all accepted by the kernel. Raises :class:`Mismatch`."""
    base = checked_theory()
    environment = base.fork(Budget(), axioms)
    known = base.declarations
    try:
        for number, (line, declaration) in enumerate(declared):
            if number < len(known):
                if declaration is not known[number] and _bare(declaration) != _bare(known[number]):
                    raise Mismatch(f"line {line}: {declaration.name} is not declared as in the theory")
            else:
                environment.add(declaration)
    except KernelError as error:
        raise Mismatch(f"the kernel refuses the proof: {error}") from error
    if len(declared) <= len(known):
        raise Mismatch("the proof ends within the theory")
    return environment


def is_of_policies(constant: Constant) -> bool:
    """Whether a constant's type is that of policies, whatever universes: of several it would be several constants."""
    return constant.type is Const("Bartizan.Policy") and not constant.level_params


def is_policy(reader: Reader, environment: Environment, constant: str, claims: Claims) -> Policy:
    """What the constant decodes to. Raises :class:`Mismatch` unless it is this very policy and means the same."""
    if constant not in environment or not is_of_policies(environment[constant]):
        raise Mismatch(f"the proof has no policy {constant}")
    try:
        found = reader.policy(Const(constant))
        document = canonical_text(document_of(found))
        if document.encode() != claims.policy.canonical():
            raise Mismatch(f"{constant} decodes to another policy")
        if softened(found) != softened(claims.translation.policy):
            raise Mismatch(f"{constant} has rules that ask, or do not ask, where other signals are missing")
    except (ValueError, IndexError, RecursionError) as error:
        raise Mismatch(f"{constant} cannot be decoded: {error}") from error
    return found


def _statements(claims: Claims, certificate: Certificate, environment: Environment) -> None:
    """Every theorem is there, with the statement that the policy gives it, or that the certificate names."""
    expected = {claim.name: claim.statement for claim in claimed(claims, certificate)}
    digester = Digester()
    for theorem in certificate.theorems:
        if theorem.name not in environment or environment[theorem.name].kind != "theorem":
            raise Mismatch(f"the proof has no theorem {theorem.name}")
        found = environment[theorem.name].type
        if theorem.constant == POLICY and found is not expected[theorem.name]:
            raise Mismatch(f"{theorem.name} states something else")
        if digester.term(found).hex() != theorem.statement:
            raise Mismatch(f"{theorem.name} states something else than the certificate says")
        if theorem.constant != POLICY and theorem.english != told(found):
            raise Mismatch(f"{theorem.name} is told as something else than it states")


def told(statement: Term) -> str:
    """A statement that came from elsewhere, as far as this package can say it: in Lean's notation."""
    return f"As the file states it: {show(statement)}"


def _bare(declaration: Declaration) -> object:
    """A declaration without what only speeds the kernel up."""
    if isinstance(declaration, Definition):
        return declaration.name, declaration.level_params, declaration.type, declaration.value
    return declaration


def check_elsewhere(proof: bytes, command: Sequence[str], seconds: float) -> None:
    """Raises :class:`Mismatch` unless another kernel accepts the file."""
    try:
        kernel = find_kernel(command)
    except NoKernel as error:
        raise Mismatch(str(error), "install another kernel, or require kernel") from error
    if (reason := rejection(kernel, proof, seconds)) is not None:
        raise Mismatch(f"another kernel does not accept the proof: {reason}")
