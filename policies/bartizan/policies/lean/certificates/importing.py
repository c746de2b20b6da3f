"""Policies that come from Lean: a constant of a checked file, decoded, with the theorems about it.

No Lean is parsed: the file holds kernel terms, the kernel checks them, and the policy is read off the term that the
theorems speak of. Theorems are carried over where the file states them with the very theory of this package; what a
file proves with definitions of its own is checked, and says something about those definitions only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...policy import CheckedPolicy
from ..calculus.build import constants
from ..calculus.declarations import Declaration, Inductive, Theorem
from ..calculus.digests import Digester
from ..calculus.terms import Const
from ..check import check_file
from ..encoding.constructors import CannotDecode
from ..encoding.decode import Reader
from ..encoding.documents import written
from ..encoding.restore import document_of, softened
from ..encoding.translate import translated
from ..kernel import Environment, KernelError
from ..kernel.inductive import alike
from ..kernel.levels import Levels
from ..proving.claims import NAMESPACE
from .certificate import Mismatch
from .certificate import Theorem as Told
from .certify import Further
from .proofs import accepted, begins_with_theory, checked_theory, declarations, is_of_policies, told

_NEEDED = (
    "Bartizan.Policy", "Bartizan.Rule", "Bartizan.Expr", "Bartizan.Num", "Bartizan.Cmp", "Bartizan.Effect",
    "Nat", "Bool", "Int", "List",
)  # fmt: skip
"""The datatypes that a policy is made of."""


class CannotImport(ValueError):
    """The file, or the constant in it, is no policy: what was expected, what was found."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The policy of a constant: ``text`` is a file that is read as exactly ``policy``.

    ``further`` are the file's declarations with its theorems about the policy; ``left`` are theorems that are not
    carried over, since they rest on axioms or on other definitions.
    """

    policy: CheckedPolicy
    text: str
    further: Further
    left: tuple[str, ...] = ()


def imported(data: bytes, constant: str, axioms: Sequence[str] = ()) -> Imported:
    """The policy that ``constant`` is in an NDJSON file. Raises :class:`CannotImport`."""
    environment, own = _checked(data, axioms)
    if constant not in environment:
        names = sorted(n for n, found in environment.constants.items() if is_of_policies(found))
        known = f"its policies are: {', '.join(names[:20])}" if names else "it has none"
        raise CannotImport(f"the file declares no {constant}; {known}")
    if not is_of_policies(environment[constant]):
        raise CannotImport(f"expected {constant} to be of type Bartizan.Policy, and of no universes")
    try:
        found = Reader(environment).policy(Const(constant))
        text, policy = written(document_of(found), f"{constant}.yaml")
        if softened(found) != softened(translated(policy).policy):
            raise CannotDecode("`soft` of a deny rule is not the signals that it reads and that say escalate")
    except (ValueError, IndexError, RecursionError) as error:
        raise CannotImport(f"{constant}: {error}") from error
    about = [each for each in own if isinstance(each, Theorem) and constant in constants([each.type])]
    if environment.axioms or not _on_our_theory(environment):
        return Imported(policy, text, Further(), tuple(each.name for each in about))
    if clash := [each.name for each in own if each.name.startswith(f"{NAMESPACE}.")]:
        raise CannotImport(f"{clash[0]}: names under {NAMESPACE} are those of certificates; rename it")
    digester = Digester()
    theorems = [
        Told(
            name=each.name,
            constant=constant,
            statement=digester.term(each.type).hex(),
            english=told(each.type),
        )
        for each in about
    ]
    return Imported(policy, text, Further(own, theorems))


def _checked(data: bytes, axioms: Sequence[str]) -> tuple[Environment, list[Declaration]]:
    """The file, checked, and its declarations beyond the theory."""
    theory = checked_theory()
    try:
        environment = accepted(declarations(data), axioms)
        return environment, environment.declarations[len(theory.declarations) :]
    except Mismatch as error:
        if begins_with_theory(data):
            raise CannotImport(str(error)) from error
    # it may have a theory of its own
    try:
        environment = check_file(data, axioms)
    except KernelError as error:
        raise CannotImport(f"the kernel refuses the file: {error}") from error
    _same_datatypes(environment, theory)
    declared = {each.name for each in theory.declarations}
    return environment, [each for each in environment.declarations if each.name not in declared]


def _same_datatypes(environment: Environment, theory: Environment) -> None:
    ours = {each.name: each for each in theory.declarations if isinstance(each, Inductive)}
    theirs = {each.name: each for each in environment.declarations if isinstance(each, Inductive)}
    for name in _NEEDED:
        if name not in theirs or not _alike(ours[name], theirs[name]):
            raise CannotImport(
                f"the file does not declare {name} as the theory does (docs/decisions/0020-lean.md)"
            )


def _alike(mine: Inductive, other: Inductive) -> bool:
    """Whether two declarations of a type are the same but for the names of bound variables."""
    if mine.params != other.params or len(other.types) != 1 or mine.level_params != other.level_params:
        return False
    first, second, levels = mine.types[0], other.types[0], Levels()
    if len(first.constructors) != len(second.constructors) or not alike(first.type, second.type, levels):
        return False
    return all(
        one.name == two.name and alike(one.type, two.type, levels)
        for one, two in zip(first.constructors, second.constructors, strict=True)
    )


def _on_our_theory(environment: Environment) -> bool:
    declared = checked_theory().declarations
    return environment.declarations[: len(declared)] == declared
