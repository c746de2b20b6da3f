"""Type inference: every rule by which a term is accepted stands here.

Terms keep their bound variables; a :class:`Context` says what each stands for and what its type is. Types are values.
A function is only checked against a type that is already known, never inferred: its codomain would have to be read back
into a term. Nothing is lost: what a function may stand for, as a value or as an argument, has a type that is known.
"""

from __future__ import annotations

from ..calculus.show import show
from ..calculus.terms import App, Const, Expr, Lam, Let, Level, Lit, Pi, Proj, Sort, Succ, Var
from .conversion import Conversion
from .errors import BudgetError, KernelError, Task, run
from .levels import Levels, imax
from .machine import Machine
from .naturals import NAT
from .readback import describe
from .typing import Typing
from .values import Env, Free, Product, Stuck, Universe, Value

MOST_BINDERS = 2_000  # a context is copied for each


class Context:
    """What the loose variables of a term stand for, and their types; innermost last."""

    __slots__ = ("env", "inferred", "names", "types")

    def __init__(self, env: Env = (), types: Env = (), names: tuple[str, ...] = ()) -> None:
        self.env, self.types, self.names = env, types, names
        self.inferred: dict[Expr, Value] = {}

    def bind(self, name: str, type: Value, value: Value | None = None) -> Context:
        """This context with one more variable: a free one, or one that stands for ``value``."""
        if value is None:
            value = Stuck(Free(name, type), ())
        return Context((*self.env, value), (*self.types, type), (*self.names, name))


class Checker:
    """Infers and checks types in the environment of ``machine``."""

    def __init__(self, machine: Machine, typing: Typing, conversion: Conversion, levels: Levels) -> None:
        self.machine, self.typing, self.conversion, self.levels = machine, typing, conversion, levels
        self.closed: dict[Expr, Value] = {}
        self.has_literals = False

    # --- what others ask

    def sort_of(self, type: Expr, context: Context) -> Level:
        """The level of the universe of ``type``. Raises :class:`KernelError` if it is no type."""
        return run(self._sort(type, context), self.machine.budget)

    def check(self, term: Expr, type: Value, context: Context) -> None:
        """Raise :class:`KernelError` unless ``term`` has type ``type``."""
        run(self._check(term, type, context), self.machine.budget)

    # --- the rules, as tasks

    def _sort(self, type: Expr, context: Context) -> Task[Level]:
        found = self._known(type, context)
        if found is None:
            found = yield self._infer(type, context)
        universe = self.machine.whnf(found)
        if not isinstance(universe, Universe):
            raise KernelError(
                f"{show(type, context.names)} stands where a type must, but its type is {self._say(found)}"
            )
        return universe.level

    def _check(self, term: Expr, type: Value, context: Context) -> Task[None]:
        machine = self.machine
        while True:
            if isinstance(term, Lam):
                product = machine.whnf(type)
                if not isinstance(product, Product):
                    raise KernelError(
                        f"{show(term, context.names)} is a function, expected {self._say(type)}"
                    )
                yield self._sort(term.type, context)
                domain = machine.delay(term.type, context.env)
                if not (yield self.conversion.task(domain, product.domain)):
                    raise self._mismatch(term, domain, product.domain, context, "has an argument of type")
                context = self._enter(term.name, product.domain, context)
                type = machine.evaluate(product.term.body, (*product.env, context.env[-1]))
                term = term.body
            elif isinstance(term, Let):
                context = yield self._let(term, context)
                term = term.body
            else:
                found = self._known(term, context)
                if found is None:
                    found = yield self._infer(term, context, type)
                if not (yield self.conversion.task(found, type)):
                    raise self._mismatch(term, found, type, context, "has type")
                return

    def _infer(self, term: Expr, context: Context, expected: Value | None = None) -> Task[Value]:
        """The type of ``term``; arguments wait, each with its context, until the type of the head is known.

        ``expected``, where it is known, is the type of a function that comes out of a redex or a ``let``.
        """
        whole, outside = term, context
        machine = self.machine
        machine.budget.spend()
        waiting: list[tuple[Expr, Context]] = []
        while True:
            if isinstance(term, App):
                waiting.append((term.arg, context))
                term = term.fn
            elif isinstance(term, Lam) and waiting:
                yield self._sort(term.type, context)
                domain = machine.delay(term.type, context.env)
                arg, where = waiting.pop()
                yield self._check(arg, domain, where)
                context = self._enter(term.name, domain, context, machine.delay(arg, where.env))
                term = term.body
            elif isinstance(term, Let):
                context = yield self._let(term, context)
                term = term.body
            else:
                break
        if isinstance(term, Lam) and expected is not None:
            yield self._check(term, expected, context)
            outside.inferred[whole] = expected  # which may speak of the context, even if the term does not
            return expected
        type: Value
        if isinstance(term, Pi):
            type = yield self._product(term, context)
        elif isinstance(term, Proj):
            type = yield self._field(term, context)
        else:
            type = self._atom(term, context)
        while waiting:
            arg, where = waiting.pop()
            product = machine.whnf(type)
            if not isinstance(product, Product):
                raise KernelError(
                    f"{show(whole, outside.names)}: a function is expected, not a {self._say(type)}"
                )
            yield self._check(arg, product.domain, where)
            type = machine.evaluate(product.term.body, (*product.env, machine.delay(arg, where.env)))
        if whole.loose:
            outside.inferred[whole] = type
        else:
            self.closed[whole] = type
        return type

    def _atom(self, term: Expr, context: Context) -> Value:
        if isinstance(term, Var):
            if term.index >= len(context.types):
                raise KernelError(f"the bound variable #{term.index} has no binder")
            return context.types[-1 - term.index]
        if isinstance(term, Const):
            constant = self.machine.constants.get(term.name)
            if constant is None:
                raise KernelError(f"{term.name!r} is not declared before")
            if len(term.levels) != len(constant.level_params):
                raise KernelError(
                    f"{term.name} takes {len(constant.level_params)} universe levels, found {len(term.levels)}"
                )
            return self.typing.of_constant(term)
        if isinstance(term, Sort):
            return Universe(Succ(term.level))
        if isinstance(term, Lit):
            if not self.has_literals:
                raise KernelError("a literal before Nat is declared")
            return self.machine.delay(NAT, ())
        if isinstance(term, Lam):
            raise KernelError(f"{show(term, context.names)}: a function stands where its type is not known")
        raise KernelError(f"a term that the kernel does not understand: {term.__class__.__name__}")

    def _product(self, term: Pi, context: Context) -> Task[Value]:
        """The universe of a telescope of products."""
        domains = []
        body: Expr = term
        while isinstance(body, Pi):
            domains.append((yield self._sort(body.type, context)))
            context = self._enter(body.name, self.machine.delay(body.type, context.env), context)
            body = body.body
        level = yield self._sort(body, context)
        for domain in reversed(domains):
            level = imax(domain, level)
        return Universe(level)

    def _field(self, term: Proj, context: Context) -> Task[Value]:
        """The type of a projection. Out of a Prop only proofs may be taken."""
        found = self._known(term.struct, context)
        if found is None:
            found = yield self._infer(term.struct, context)
        family = self.typing.family(found)
        if family is None or family[0].name != term.type_name or not family[0].is_record:
            raise KernelError(f"{show(term, context.names)} is no field of a structure {term.type_name}")
        struct = self.machine.delay(term.struct, context.env)
        made = self.machine.constants[family[0].constructors[0]].made
        assert made is not None
        if term.index >= made.fields:
            raise KernelError(f"{term.type_name} has {made.fields} fields, no field {term.index}")
        if self.typing.is_proposition(family[1]):
            for place in range(term.index + 1):
                type = self.typing.field(term.type_name, place, struct, family[1])
                if not self.typing.is_proposition(type):
                    raise KernelError(
                        f"{show(term, context.names)} takes data out of the Prop {term.type_name}"
                    )
        return self.typing.field(term.type_name, term.index, struct, family[1])

    def _let(self, term: Let, context: Context) -> Task[Context]:
        yield self._sort(term.type, context)
        type = self.machine.delay(term.type, context.env)
        yield self._check(term.value, type, context)
        return self._enter(term.name, type, context, self.machine.delay(term.value, context.env))

    # --- helpers

    def _known(self, term: Expr, context: Context) -> Value | None:
        found = context.inferred.get(term)
        return found if found is not None or term.loose else self.closed.get(term)

    def _enter(self, name: str, type: Value, context: Context, value: Value | None = None) -> Context:
        depth = len(context.env)
        self.machine.budget.spend(1 + (depth >> 4))
        if depth >= MOST_BINDERS:
            raise BudgetError(f"more than {MOST_BINDERS} binders inside one another")
        return context.bind(name, type, value)

    def _say(self, value: Value) -> str:
        return describe(self.machine, value)

    def _mismatch(
        self, term: Expr, found: Value, expected: Value, context: Context, verb: str
    ) -> KernelError:
        return KernelError(
            f"{show(term, context.names)} {verb} {self._say(found)}, expected {self._say(expected)}"
        )
