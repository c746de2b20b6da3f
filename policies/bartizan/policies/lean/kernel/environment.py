"""The environment: what has been accepted so far, and how one more declaration is accepted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..calculus.build import named, parts
from ..calculus.declarations import (
    Axiom,
    Declaration,
    Definition,
    Inductive,
    InductiveType,
    Opaque,
    Quotient,
    Recursor,
    Theorem,
)
from ..calculus.terms import Expr
from . import constants as known
from .conversion import Conversion
from .errors import Budget, BudgetError, KernelError
from .form import binders, check_closed, check_names
from .inductive import Family, Head, check_head, compare
from .infer import Checker, Context
from .levels import Levels
from .machine import Machine
from .naturals import NAT, SUCC, SUCCESSOR, ZERO, Operation
from .pinned import LIFTINGS, RESERVED, check_axiom, check_quotient, check_type
from .recognise import Recogniser
from .recursors import derive, recursor_name
from .typing import Typing
from .values import Natural


class Environment:
    """Constants that the kernel has accepted.

    ``axioms`` are those that may be declared: names of Lean's own axioms (:mod:`.pinned`), or axioms with their
    statements. ``budget`` is spent by all declarations together.
    ``declarations`` are those that were accepted, the inductive ones with their recursors; ``machine`` reduces terms
    over them.
    After a refusal the environment is as it was before. :meth:`fork` gives a copy that goes its own way.
    """

    def __init__(self, axioms: Iterable[str | Axiom] = (), budget: Budget | None = None) -> None:
        self.allowed_axioms = frozenset(axioms)
        self.budget = budget or Budget()
        self.constants: dict[str, known.Constant] = {}
        self.declarations: list[Declaration] = []
        self._operations: dict[str, Operation] = {}
        self._build()

    def _build(self) -> None:
        """A checker without memory of anything but the constants."""
        self._levels = Levels(self.budget)
        self.machine = Machine(self.constants, self._operations, self.budget)
        self._typing = Typing(self.machine, self._levels)
        self._conversion = Conversion(self.machine, self._typing, self._levels)
        self._recogniser = Recogniser(self.machine, self._conversion, self._levels)
        self._checker = Checker(self.machine, self._typing, self._conversion, self._levels)
        if SUCC.name in self._operations:
            self.machine.closed[ZERO] = Natural(0)
            self._checker.has_literals = True

    def fork(self, budget: Budget | None = None, axioms: Iterable[str | Axiom] = ()) -> Environment:
        """A copy: what is added to it is not added here. It has ``budget`` or a fresh one, and may add ``axioms``."""
        copy = Environment(self.allowed_axioms | set(axioms), budget)
        copy.constants.update(self.constants)
        copy.declarations.extend(self.declarations)
        copy._operations.update(self._operations)
        copy._build()
        return copy

    def __contains__(self, name: str) -> bool:
        return name in self.constants

    def __getitem__(self, name: str) -> known.Constant:
        return self.constants[name]

    @property
    def axioms(self) -> list[str]:
        """The names of the axioms that were declared, in order."""
        return [each.name for each in self.declarations if isinstance(each, Axiom)]

    # --- adding

    def add(self, declaration: Declaration) -> None:
        """Check ``declaration`` and remember it.

        Raises:
            KernelError: it is refused, or the budget is spent (:class:`BudgetError`).
        """
        if not isinstance(declaration, (Axiom, Definition, Theorem, Opaque, Inductive, Quotient)):
            raise KernelError(f"a declaration that the kernel does not understand: {declaration!r}")
        try:
            if isinstance(declaration, Inductive):
                declaration = self._add_inductive(declaration)
            elif isinstance(declaration, Quotient):
                self._add_quotient(declaration)
            else:
                self._add_constant(declaration)
        except KernelError as error:
            if error.declaration:
                raise
            raise type(error)(error.reason, declaration.name) from None
        except (RecursionError, MemoryError) as error:
            raise BudgetError("the terms are too deep", declaration.name) from error
        finally:
            self._conversion.forget()
        self.declarations.append(declaration)

    def add_all(self, declarations: Iterable[Declaration]) -> Environment:
        """Add each declaration in order; the environment itself."""
        for declaration in declarations:
            self.add(declaration)
        return self

    def _add_constant(self, declaration: Axiom | Definition | Theorem | Opaque) -> None:
        if declaration.name in RESERVED:
            raise KernelError(f"{declaration.name} is declared differently from Lean's")
        check_names([declaration.name], declaration.level_params, self.constants)
        value = None if isinstance(declaration, Axiom) else declaration.value
        check_closed(
            [declaration.type] if value is None else [declaration.type, value],
            declaration.level_params,
            self.budget,
        )
        level = self._checker.sort_of(declaration.type, Context())
        if isinstance(declaration, Axiom):
            check_axiom(declaration, self.allowed_axioms, self.constants, self._levels)
        if isinstance(declaration, Theorem) and not self._levels.is_zero(level):
            raise KernelError("the type of a theorem must be a Prop")
        if value is not None:
            self._checker.check(value, self.machine.delay(declaration.type, ()), Context())
        kind: known.Kind = "axiom"
        height = 0
        if isinstance(declaration, Definition):
            kind, height = "definition", self._height(declaration.value)
        elif isinstance(declaration, Theorem):
            kind = "theorem"
        elif isinstance(declaration, Opaque):
            kind, value = "opaque", None
        self.constants[declaration.name] = known.Constant(
            declaration.name, kind, declaration.level_params, declaration.type, value, height
        )
        try:
            self._recogniser.look_at(declaration)
        except BaseException:  # the budget is spent
            del self.constants[declaration.name]
            self._build()
            raise

    def _add_quotient(self, declaration: Quotient) -> None:
        check_names([declaration.name], declaration.level_params, self.constants)
        check_closed([declaration.type], declaration.level_params, self.budget)
        check_quotient(declaration, self.constants, self._levels)
        self._checker.sort_of(declaration.type, Context())
        self.constants[declaration.name] = known.Constant(
            declaration.name,
            "quotient",
            declaration.level_params,
            declaration.type,
            lifting=LIFTINGS.get(declaration.name),
        )

    def _height(self, value: Expr) -> int:
        names = map(named, self.budget.each(parts(value)))
        return 1 + max((self.constants[name].height for name in names if name is not None), default=0)

    # --- inductive types

    def _add_inductive(self, declaration: Inductive) -> Inductive:
        """Check and remember; the declaration with the derived recursors, where it had none."""
        before = len(self.constants)
        try:
            derived = self._check_inductive(declaration)
        except BaseException:
            while len(self.constants) > before:
                self.constants.popitem()  # the newest
            self._build()  # what was remembered may speak of the types that were not accepted
            raise
        for recursor in derived:
            self.constants[recursor.name] = self._recursor(recursor)
        if declaration.name == NAT.name:
            self._operations[SUCC.name] = SUCCESSOR
            self._build()
        return replace(declaration, recursors=derived) if declaration.recursors is None else declaration

    def _check_inductive(self, declaration: Inductive) -> tuple[Recursor, ...]:
        types = declaration.types
        if not types:
            raise KernelError("an inductive declaration without types")
        if declaration.params.__class__ is not int or declaration.params < 0:
            raise KernelError("the number of parameters is not a natural number")
        constructors = [constructor for type in types for constructor in type.constructors]
        names = [type.name for type in types]
        all_types = [*(each.type for each in types), *(each.type for each in constructors)]
        made = [constructor.name for constructor in constructors]
        check_names([*names, *made], declaration.level_params, self.constants)
        # of names that are well formed the recursors' can be made
        everything = [*names, *made, *map(recursor_name, names)]
        check_names(everything, (), self.constants)
        check_closed(all_types, declaration.level_params, self.budget)
        self._pay_for_recursors(all_types)
        check_type(declaration, everything, self._levels)
        heads = [check_head(declaration, type, self._checker) for type in types]
        for type, head in zip(types, heads, strict=True):
            self._declare_type(declaration, type, head, (), recursive=True)
        shape = Family(declaration, heads, self._checker, self._levels).check()
        recursive = any(target is not None for fields in shape.recursive.values() for target in fields)
        for type, head in zip(types, heads, strict=True):
            of_type = tuple(constructor.name for constructor in type.constructors)
            self._declare_type(declaration, type, head, of_type, recursive)
            for constructor in type.constructors:
                fields = len(shape.recursive[constructor.name])
                self.constants[constructor.name] = known.Constant(
                    constructor.name,
                    "constructor",
                    declaration.level_params,
                    constructor.type,
                    made=known.Made(type.name, declaration.params, fields),
                )
        derived = derive(declaration, shape)
        if declaration.recursors is not None:
            compare(declaration.recursors, derived, self._levels)
        return derived

    def _pay_for_recursors(self, types: Sequence[Expr]) -> None:
        """Recursors and their rules name all motives and minor premises; each binder is put into what is behind it."""
        for type in types:
            self.budget.spend((len(types) + binders(type)) * sum(1 for _ in parts(type)))

    def _declare_type(
        self, of: Inductive, type: InductiveType, head: Head, constructors: tuple[str, ...], recursive: bool
    ) -> None:
        name = type.name
        family = known.Family(name, of.params, head.indices, constructors, recursive)
        self.constants[name] = known.Constant(name, "inductive", of.level_params, type.type, family=family)

    def _recursor(self, recursor: Recursor) -> known.Constant:
        first = recursor.params + recursor.motives + recursor.minors
        rules = {rule.constructor: rule.rhs for rule in recursor.rules}
        family = recursor.name[: -len(".rec")]
        eliminator = known.Eliminator(
            family, recursor.params, first, first + recursor.indices, recursor.k, rules
        )
        return known.Constant(
            recursor.name, "recursor", recursor.level_params, recursor.type, eliminator=eliminator
        )
