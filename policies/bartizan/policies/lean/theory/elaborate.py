"""From the theory's notation to declarations: commands, one after the other."""

from __future__ import annotations

from ..calculus.build import app, constants, lam, local, parts, pi, replace
from ..calculus.declarations import Constructor, Definition, Inductive, InductiveType, Theorem
from ..calculus.terms import ONE, Const, Expr, Local, Param, Pi, Sort
from . import syntax
from .context import telescope
from .obvious import Mistake
from .parse import commands
from .terms import Terms


class Elaborator(Terms):
    """Adds the commands of a source to the context."""

    def run(self, source: str) -> None:
        """Takes all commands of ``source``. Raises :class:`Mistake`, :class:`.parse.Malformed`."""
        for command in commands(source):
            try:
                self.command(command)
            except Mistake as error:
                raise Mistake(f"{command.name}: {error}") from error

    def command(self, command: syntax.Command) -> None:
        self.start()
        self.scope = []
        self.level_params = command.levels
        if self.declared(command.name) in self.types:
            raise Mistake("this name is taken")
        if command.kind in ("inductive", "structure"):
            self.inductive(command)
            return
        name = self.declared(command.name)
        bound = self.binders(command.binders)
        if command.type is None or command.value is None:
            raise Mistake("a type and a value are needed")
        type_ = self.settle(self.type_of(command.type))
        value = self.settle(self.check(command.value, type_))
        whole_type, whole = self.finish(pi(bound, self.settle(type_))), self.finish(lam(bound, value))
        if command.kind == "theorem":
            self.add(Theorem(name, command.levels, whole_type, whole))
        else:
            used = constants([whole])
            height = 1 + max((self.heights.get(each, 0) for each in used), default=0)
            self.add(Definition(name, command.levels, whole_type, whole, height))

    def finish(self, term: Expr) -> Expr:
        term = self.default_levels(self.settle(term))
        if term.has_locals:
            left = [part for part in parts(term) if isinstance(part, Local)]
            raise Mistake(
                f"not determined or out of scope: {left[0]} : {self.settle(left[0].type)} in {term}"
            )
        return term

    def inductive(self, command: syntax.Command) -> None:
        name = self.declared(command.name)
        params = self.binders(command.binders)
        sort = self.settle(self.type_of(command.type)) if command.type is not None else Sort(ONE)
        levels = tuple(Param(each) for each in command.levels)
        whole = pi(params, sort)
        self.types[name] = command.levels, whole
        self_type = app(Const(name, levels), *params)
        outer = list(self.scope)
        made = []
        wanted = command.constructors if command.kind == "inductive" else (("mk", command.fields, None),)
        for constructor, fields, result in wanted:
            self.scope = list(outer)
            inside = self.binders(fields)
            target = self_type if result is None else self.settle(self.type_of(result))
            type_ = _implicit(pi([*params, *inside], target), len(params))
            made.append(Constructor(f"{name}.{constructor}", self.finish(type_)))
        self.add(
            Inductive(command.levels, len(params), (InductiveType(name, self.finish(whole), tuple(made)),))
        )
        if command.kind == "structure":
            self.projections(name, command.levels)

    def projections(self, name: str, level_params: tuple[str, ...]) -> None:
        """A function for each field of a structure."""
        shape = self.shapes[name]
        levels = tuple(map(Param, level_params))
        binders, _ = telescope(self.types[shape.constructors[0]][1])
        params, fields = binders[: shape.params], binders[shape.params :]
        value = local("self", app(Const(name, levels), *params))
        done: dict[Local, Expr] = {}
        for field in fields:
            type_ = _replaced(field.type, done)
            motive = lam([value], type_)
            sort = self.sort_of(type_)
            head = Const(f"{name}.rec", (sort, *levels) if shape.large else levels)
            body = app(head, *params, motive, lam(fields, field), value)
            full = f"{name}.{field.name}"
            self.add(
                Definition(full, level_params, pi([*params, value], type_), lam([*params, value], body), 1)
            )
            done[field] = app(Const(full, levels), *params, value)


def _replaced(expr: Expr, values: dict[Local, Expr]) -> Expr:
    return replace(expr, lambda part, depth: values.get(part) if isinstance(part, Local) else None)


def _implicit(type_: Expr, count: int) -> Expr:
    """A product whose first ``count`` binders are implicit."""
    if count == 0 or not isinstance(type_, Pi):
        return type_
    return Pi(type_.name, type_.type, _implicit(type_.body, count - 1), "implicit")


__all__ = ["Elaborator", "Mistake"]
