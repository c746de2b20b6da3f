"""A file of declarations, checked."""

from __future__ import annotations

from collections.abc import Iterable

from .calculus.declarations import Axiom
from .kernel import Budget, Environment, KernelError
from .ndjson import read
from .ndjson.lines import Source


def check_file(
    source: Source,
    axioms: Iterable[str | Axiom] = (),
    *,
    base: Environment | None = None,
    budget: Budget | None = None,
) -> Environment:
    """The environment that the declarations of ``source`` make, every one of them checked.

    Args:
        source: the path of an NDJSON file (lean4export 3.1.0), its content, or its lines.
        axioms: those that may be declared, by name if they are Lean's, otherwise with their statements.
        base: an environment that the file goes on from; it is left as it is. Its axioms are allowed too.
        budget: what the checking may cost; by default that of :class:`Budget`.

    Raises:
        KernelError: a line is malformed or a declaration refused; it names the line, the declaration and the reason.
    """
    environment = Environment(axioms, budget) if base is None else base.fork(budget, axioms)
    for line, declaration in read(source):
        try:
            environment.add(declaration)
        except KernelError as error:
            raise type(error)(error.reason, error.declaration, line) from None
    return environment
