"""Our Lean project against the kernel's declarations: the same types, the same statements, the same equations.

A definition is compared by its equations: each must hold by computation of the kernel's definition, and together they
must say what every argument gives. What has no counterpart in the theory is left to Lean.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bartizan.policies.lean.calculus.build import app, arrow, local, pi, spine
from bartizan.policies.lean.calculus.declarations import Declaration, Inductive, Theorem
from bartizan.policies.lean.calculus.terms import (
    ONE,
    PROP,
    TYPE,
    ZERO,
    App,
    Const,
    Expr,
    Lam,
    Local,
    Pi,
    Succ,
)
from bartizan.policies.lean.source.commands import Command, Module

from .coverage import remaining, uncovered
from .elaborate import Elaborator
from .syntax import Binder, Equation, Ident, Reader, Tree, Unreadable
from .unknowns import Family, Known, swapped

NAMESPACE = "Bartizan"
_OURS = (NAMESPACE, "Certified")


_NAT, _NATS = Const("Nat"), App(Const("List", (ZERO,)), Const("Nat"))
_CORE = {
    "Nat.le": Known((), arrow(_NAT, _NAT, PROP)),
    "List.append": Known((), arrow(_NATS, _NATS, _NATS)),
}
"""What the source uses of Lean's core, in lemmas of its own, and the theory does not; lists only of numbers."""


def plain(expr: Expr) -> Expr:
    """``expr`` without the names and the kinds of its binders."""
    if isinstance(expr, Pi | Lam):
        binder: type[Pi] | type[Lam] = Pi if isinstance(expr, Pi) else Lam
        renamed: Expr = binder("", plain(expr.type), plain(expr.body))
        return renamed
    return App(plain(expr.fn), plain(expr.arg)) if isinstance(expr, App) else expr


@dataclass(frozen=True)
class Difference:
    """Where the source and the theory do not say the same."""

    name: str
    problem: str
    source: Expr | None = None
    theory: Expr | None = None

    def __str__(self) -> str:
        both = f"\n  Lean:   {self.source}\n  theory: {self.theory}" if self.source is not None else ""
        return f"{self.name}: {self.problem}{both}"


@dataclass
class Comparison:
    """What the source says, read command by command, next to ``theory``.

    Commands are in ``namespace``, with the ``opened`` ones open. ``equations`` are what a kernel that has the theory
    must accept; ``compared`` says of each name what the theory declares it as, ``source_only`` are the names that the
    theory does not declare.
    """

    theory: Iterable[Declaration]
    namespace: str = NAMESPACE
    opened: tuple[str, ...] = ()
    differences: list[Difference] = field(default_factory=list)
    equations: list[Theorem] = field(default_factory=list)
    compared: dict[str, str] = field(default_factory=dict)
    source_only: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._declared: dict[str, tuple[Expr, Declaration]] = {}
        self._known: dict[str, Known] = {}
        self._families: dict[str, Family] = {}
        for declaration in self.theory:
            self._declare(declaration)

        self._known.update((name, known) for name, known in _CORE.items() if name not in self._declared)

    def _declare(self, declaration: Declaration) -> None:
        """What the theory declares. Outside our namespace it is Lean's core, whose names the source may use."""
        levels, found = declaration.level_params, dict[str, Expr]()
        if isinstance(declaration, Inductive):
            for family in declaration.types:
                found[family.name] = family.type
                found.update((each.name, each.type) for each in family.constructors)
                names = tuple(each.name for each in family.constructors)
                if not family.name.startswith(_OURS):
                    self._families[family.name] = Family(family.name, len(levels), declaration.params, names)
        else:
            found[declaration.name] = declaration.type
        for name, type in found.items():
            self._declared[name] = type, declaration
            if not name.startswith(_OURS):
                self._known[name] = Known(levels, type)

    # --- reading

    def read(self, modules: Iterable[Module]) -> Comparison:
        for module in modules:
            for command in module.commands:
                try:
                    self._command(command)
                except Unreadable as error:
                    self.differences.append(
                        Difference(f"{self.namespace}.{command.name}", f"cannot be read: {error}")
                    )
        return self

    def _command(self, command: Command) -> None:
        name = f"{self.namespace}.{command.name}"
        if command.kind == "structure":
            self._structure(name, command)
            return
        reader = Reader(command.statement if command.kind == "theorem" else command.text)
        if reader.tokens[:2] != [("name", command.kind), ("name", command.name)]:
            raise Unreadable(f"expected {command.kind} {command.name}")
        reader.at = 2
        if command.kind == "inductive":
            self._inductive(name, reader)
        elif command.kind == "theorem":
            binders = reader.row()
            reader.take(":")
            statement = self._elaborator().statement(binders, reader.term())
            reader.end()
            self._known[name] = Known((), statement)
            self._same(name, "the statement", statement)
        else:
            self._definition(name, reader, command.kind == "abbrev")

    def _elaborator(self) -> Elaborator:
        return Elaborator(self._known, self._families, namespaces=(self.namespace, *self.opened))

    def _same(self, name: str, what: str, term: Expr) -> bool:
        """Notes whether the theory declares ``name`` with this type; False if it does not declare it."""
        if name not in self._declared:
            self.source_only.append(name)
            return False
        theirs, declaration = self._declared[name]
        if plain(term) is not plain(theirs):
            self.differences.append(Difference(name, f"{what} differs", term, theirs))
        self.compared[name] = type(declaration).__name__
        return True

    # --- types

    def _inductive(self, name: str, reader: Reader) -> None:
        elaborate = self._elaborator()
        params, scope = elaborate.bind(reader.row(), {})
        sort: Tree = reader.term() if reader.skip(":") else Ident("Type")
        reader.skip("where")
        type = elaborate.closed(elaborate.forall(params, elaborate.type(sort, scope)))
        self._known[name] = Known((), type)
        implicit = [local(each.name, each.type, "implicit") for each in params]
        scope = {each.name: each for each in implicit}
        made = []
        while reader.skip("|"):
            constructor = f"{name}.{reader.name()}"
            fields, inner = elaborate.bind(reader.row(), scope)
            result = elaborate.type(reader.term(), inner) if reader.skip(":") else app(Const(name), *implicit)
            made.append((constructor, elaborate.closed(elaborate.forall([*implicit, *fields], result))))
        reader.end()
        self._family(name, type, made, len(params))

    def _structure(self, name: str, command: Command) -> None:
        head, _, body = command.text.partition("where")
        if len(head.split()) != 2:
            raise Unreadable("a structure with parameters")
        binders: list[Binder] = []
        for line in body.strip().splitlines():
            reader = Reader(line)
            if reader.peek() == "(":
                binders += reader.row()
            else:
                name_ = reader.name()
                reader.take(":")
                binders.append(Binder((name_,), reader.term()))
            reader.end()
        elaborate = self._elaborator()
        fields, _ = elaborate.bind(binders, {})
        constructor = elaborate.closed(elaborate.forall(fields, Const(name)))
        self._family(name, TYPE, [(f"{name}.mk", constructor)])
        itself = local("self", Const(name))
        for each in fields:
            projection, type = f"{name}.{each.name}", elaborate.closed(each.type)
            self._known[projection] = Known((), pi([itself], type))
            if self._same(projection, "the field", pi([itself], type)):
                left = App(Const(projection), app(Const(f"{name}.mk"), *fields))
                self._equation(projection, elaborate, fields, type, left, each)

    def _family(self, name: str, type: Expr, made: list[tuple[str, Expr]], params: int = 0) -> None:
        self._known[name] = Known((), type)
        self._families[name] = Family(name, 0, params, tuple(each for each, _ in made))
        self._known.update((each, Known((), its)) for each, its in made)
        if not self._same(name, "the type", type):
            return
        theirs = self._declared[name][1]
        if not isinstance(theirs, Inductive) or len(theirs.types) != 1 or theirs.params != params:
            self.differences.append(
                Difference(name, f"no inductive type with {params} parameters in the theory")
            )
            return
        other = [(each.name, each.type) for each in theirs.types[0].constructors]
        if [each for each, _ in made] != [each for each, _ in other]:
            self.differences.append(Difference(name, f"the constructors differ: {made} against {other}"))
        for each, its in made:
            self._same(each, "the constructor", its)

    # --- definitions

    def _definition(self, name: str, reader: Reader, short: bool) -> None:
        elaborate = self._elaborator()
        given, scope = elaborate.bind(reader.row(), {})
        result = elaborate.type(reader.term(), scope) if reader.skip(":") else TYPE
        type = elaborate.closed(elaborate.forall(given, result))
        equations = (Equation((), reader.term()),) if reader.skip(":=") else reader.equations()
        reader.end()
        self._known[name] = Known((), type)
        declared = self._same(name, "the type", type)
        rows: list[list[Expr]] = []
        for equation in equations:
            found, of, left, right = elaborate.equation(app(Const(name), *given), result, equation, scope)
            left, right = elaborate.settled(left), elaborate.settled(right)
            earlier, row = list(rows), spine(left)[1][len(given) :]
            rows.append(row)
            if short:
                self._known[name] = Known((), type, elaborate.closed(elaborate.function(given, right)))
            if not declared:
                continue
            for values, new in remaining(row, earlier, elaborate.constructors):
                variables = [*given, *(each for each in found if each not in values), *new]
                self._equation(name, elaborate, variables, of, swapped(left, values), swapped(right, values))
        if missing := uncovered(rows, self._families):
            self.differences.append(Difference(name, f"no equation for {missing}"))

    def _equation(
        self, name: str, elaborate: Elaborator, variables: list[Local], of: Expr, left: Expr, right: Expr
    ) -> None:
        """One more theorem that holds by computation alone."""
        level = (Succ(ONE),) if of is TYPE else (ONE,)
        statement = elaborate.closed(elaborate.forall(variables, app(Const("Eq", level), of, left, right)))
        proof = elaborate.closed(elaborate.function(variables, app(Const("Eq.refl", level), of, left)))
        self.equations.append(Theorem(f"{name}.equation_{len(self.equations)}", (), statement, proof))
