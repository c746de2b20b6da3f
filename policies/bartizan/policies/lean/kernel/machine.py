"""Reduction: a lazy abstract machine.

``evaluate`` does beta and zeta; ``whnf`` adds delta (unfolding), iota (recursors), projections, literals. Both are
loops with stacks of their own, and what is evaluated once is remembered in the value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..calculus.build import instantiate_levels, levels_in, parts
from ..calculus.terms import App, Const, Expr, Lam, Let, Lit, Pi, Proj, Sort, Var
from .constants import Constant, Eliminator, Lifting
from .errors import Budget, KernelError
from .naturals import Operation
from .values import Env, Field, Free, Function, Natural, Product, Stuck, Thunk, Universe, Value

_NONE: Env = ()


class Machine:
    """Reduces values in the environment of ``constants``.

    ``operations``: the constants whose meaning on literals is known. ``k_major``: a task of the checker's, which finds
    the constructor that a major premise of a K-like recursor equals.
    """

    def __init__(
        self, constants: dict[str, Constant], operations: dict[str, Operation], budget: Budget
    ) -> None:
        self.constants, self.operations, self.budget = constants, operations, budget
        self.closed: dict[Expr, Value] = {}
        self.bodies: dict[Const, Value] = {}
        self.sizes: dict[Expr, int] = {}
        self.rules: dict[tuple[Const, str], Value] = {}
        self.k_major: Callable[[Stuck, Eliminator], Value | None] = lambda stuck, eliminator: None
        self.eta_major: Callable[[Value, Eliminator], Value | None] = lambda major, eliminator: None

    # --- beta and zeta

    def delay(self, term: Expr, env: Env) -> Value:
        """The value of ``term``, not computed before it is needed."""
        kind = term.__class__
        if kind is Var:
            return env[-1 - term.index]  # type: ignore[attr-defined]
        if term.loose == 0:
            found = self.closed.get(term)
            if found is None:
                if kind is Const or kind is Lam or kind is Lit or kind is Sort:
                    found = self.evaluate(term, _NONE)
                else:
                    found = Thunk(term, _NONE)
                self.closed[term] = found
            return found
        if kind is Lam:
            return Function(term, env)  # type: ignore[arg-type]
        return Thunk(term, env)

    def force(self, value: Value) -> Value:
        """``value``, if it is a thunk: evaluated."""
        if value.__class__ is Thunk:
            return value.value or self.evaluate(Var(0), (value,))
        return value

    def apply(self, fn: Value, args: Env) -> Value:
        """``fn`` applied to ``args``."""
        return self.evaluate(Var(0), (fn,), args)

    def evaluate(self, term: Expr, env: Env, args: Env = ()) -> Value:
        """``term`` with its variables standing for ``env``, applied to ``args``, beta- and zeta-reduced."""
        self.budget.spend()
        stack = list(args)
        stack.reverse()
        updates: list[tuple[Thunk, list[Value]]] = []
        delay = self.delay
        while True:
            kind: Any = term.__class__
            value: Value
            if kind is App:
                stack.append(delay(term.arg, env))  # type: ignore[attr-defined]
                term = term.fn  # type: ignore[attr-defined]
                continue
            if kind is Var:
                value = env[-1 - term.index]  # type: ignore[attr-defined]
            elif kind is Const:
                known = self.closed.get(term)
                if known is None:
                    known = self.closed[term] = Stuck(term, _NONE)  # type: ignore[arg-type]
                value = known
            elif kind is Lam:
                if stack:
                    self.budget.spend(1 + (len(env) >> 4))
                    env = (*env, stack.pop())
                    term = term.body  # type: ignore[attr-defined]
                    continue
                value = Function(term, env)  # type: ignore[arg-type]
            elif kind is Let:
                self.budget.spend(1 + (len(env) >> 4))
                env = (*env, delay(term.value, env))  # type: ignore[attr-defined]
                term = term.body  # type: ignore[attr-defined]
                continue
            elif kind is Pi:
                value = Product(term, env, delay(term.type, env))  # type: ignore[arg-type,attr-defined]
            elif kind is Proj:
                value = Stuck(Field(term.type_name, term.index, delay(term.struct, env)), _NONE)  # type: ignore[attr-defined]
            elif kind is Sort:
                value = Universe(term.level)  # type: ignore[attr-defined]
            elif kind is Lit:
                value = Natural(term.value)  # type: ignore[attr-defined]
            else:
                raise KernelError("a free variable outside of any declaration")
            # `value` is known; it is applied to what is on the stack, and remembered where it was waited for.
            while True:
                kind = value.__class__
                if kind is Thunk:
                    known = value.value  # type: ignore[attr-defined]
                    if known is None:
                        updates.append((value, stack))  # type: ignore[arg-type]
                        term, env, stack = value.term, value.env, []  # type: ignore[attr-defined]
                        break
                    value = known
                elif stack:
                    if kind is Function:
                        env = (*value.env, stack.pop())  # type: ignore[attr-defined]
                        term = value.term.body  # type: ignore[attr-defined]
                        self.budget.spend(1 + (len(env) >> 4))
                        break
                    if kind is not Stuck:
                        raise KernelError("something that is no function is applied")
                    self.budget.spend((len(value.args) + len(stack)) >> 3)  # type: ignore[attr-defined]
                    stack.reverse()
                    value = Stuck(value.head, (*value.args, *stack))  # type: ignore[attr-defined]
                    stack = []
                elif updates:
                    thunk, stack = updates.pop()
                    thunk.value = value
                    thunk.env = _NONE
                else:
                    return value

    # --- delta, iota, projections, literals

    def body(self, const: Const) -> Value:
        """The definition of ``const``, its level parameters instantiated."""
        found = self.bodies.get(const)
        if found is None:
            constant = self.constants[const.name]
            assert constant.value is not None
            found = self.delay(self.at_levels(constant.value, constant, const), _NONE)
            self.bodies[const] = found
        return found

    def at_levels(self, expr: Expr, constant: Constant, const: Const) -> Expr:
        """``expr``, which is of ``constant``, with the levels of ``const``; it costs what it is long."""
        if not constant.level_params or not expr.has_params:
            return expr
        size = self.sizes.get(expr)
        if size is None:
            size = self.sizes[expr] = sum(1 for _ in parts(expr)) + sum(1 for _ in levels_in(parts(expr)))
        self.budget.spend(size)
        return instantiate_levels(expr, constant.level_params, const.levels)

    def unfolds(self, value: Value) -> Constant | None:
        """The constant at the head of ``value``, if it has a definition."""
        if value.__class__ is Stuck and value.head.__class__ is Const:
            constant = self.constants[value.head.name]
            if constant.value is not None:
                return constant
        return None

    def unfold(self, value: Stuck) -> Value:
        """``value`` with the definition of its head put in."""
        assert isinstance(value.head, Const)
        return self.apply(self.body(value.head), value.args)

    def whnf(self, value: Value, delta: bool = True) -> Value:
        """``value`` reduced until its outermost form is known. Without ``delta`` its own head is not unfolded."""
        if value.__class__ is Stuck:
            known = value.full or (None if delta else value.core)
            if known is not None:
                return known
        # What waits for `value`: (what is being reduced, how it goes on, what it knows already).
        frames: list[tuple[Stuck, Any, Any]] = []
        inner = 0  # frames that need all of `value`, not only its core
        while True:
            if value.__class__ is Thunk:
                value = self.force(value)
            if value.__class__ is Stuck:
                stuck: Stuck = value
                if stuck.full is not None:
                    value = stuck.full
                else:
                    waited = self._waits_for(stuck)
                    if waited is not None:
                        self.budget.spend()
                        frames.append((stuck, waited[1], None))
                        inner += 1
                        value = waited[0]
                        continue
                    if self.unfolds(stuck):
                        if delta or inner:
                            self.budget.spend()
                            frames.append((stuck, _FULL, None))
                            value = self.unfold(stuck)
                            continue
                        stuck.core = stuck
                    else:
                        stuck.full = stuck
            # `value` is what the last frame waits for.
            more = False
            while frames and not more:
                stuck, how, got = frames.pop()
                if how is _FULL:
                    stuck.full = value
                    continue
                if how is _CORE:
                    stuck.core = value
                    continue
                inner -= 1
                whole = delta or inner > 0
                if how.__class__ is Operation:
                    got = [value] if got is None else [*got, value]
                    if value.__class__ is Natural and len(got) < how.arity:
                        frames.append((stuck, how, got))
                        inner += 1
                        value, more = stuck.args[len(got)], True
                        continue
                    result = how.compute(got, self.budget)
                    step = None if result is None else self.evaluate(result, _NONE)
                elif how is _PROJECT:
                    step = self._project(stuck, value)
                elif how.__class__ is Lifting:
                    step = self._lift(stuck, how, value)
                else:
                    step = self._iota(stuck, how, value)
                if step is not None:
                    frames.append((stuck, _FULL if whole else _CORE, None))
                    value, more = step, True
                elif self.unfolds(stuck):
                    if whole:
                        frames.append((stuck, _FULL, None))
                        value, more = self.unfold(stuck), True
                    else:
                        value = stuck.core = stuck
                else:
                    value = stuck.full = stuck
            if not more:
                return value

    def _waits_for(self, stuck: Stuck) -> tuple[Value, Any] | None:
        """The part of ``stuck`` that must be known before it can reduce, and how it then goes on."""
        head = stuck.head
        if head.__class__ is Free:
            return None
        if head.__class__ is Field:
            return head.struct, _PROJECT
        name: str = head.name  # type: ignore[union-attr]
        operation = self.operations.get(name)
        if operation is not None:
            return (stuck.args[0], operation) if len(stuck.args) == operation.arity else None
        lifting = self.constants[name].lifting
        if lifting is not None:
            return (stuck.args[lifting.major], lifting) if len(stuck.args) > lifting.major else None
        eliminator = self.constants[name].eliminator
        if eliminator is None or len(stuck.args) <= eliminator.major:
            return None
        if eliminator.k:
            found = self.k_major(stuck, eliminator)
            if found is not None:
                return found, eliminator
        return stuck.args[eliminator.major], eliminator

    def _project(self, stuck: Stuck, struct: Value) -> Value | None:
        head = stuck.head
        assert isinstance(head, Field)
        if struct.__class__ is not Stuck or struct.head.__class__ is not Const:
            return None
        made = self.constants[struct.head.name].made
        if made is None or made.family != head.type_name:
            return None
        return self.apply(struct.args[made.params + head.index], stuck.args)

    def _lift(self, stuck: Stuck, lifting: Lifting, quotient: Value) -> Value | None:
        """``lift f h (Quot.mk r a)`` is ``f a``. Only the primitive constant has the name ``Quot.mk``."""
        if quotient.__class__ is not Stuck or quotient.head.__class__ is not Const:
            return None
        if quotient.head.name != "Quot.mk" or len(quotient.args) != 3:
            return None
        args = stuck.args
        return self.apply(args[lifting.fn], (quotient.args[2], *args[lifting.major + 1 :]))

    def _iota(self, stuck: Stuck, eliminator: Eliminator, major: Value) -> Value | None:
        found = self._constructor(major) or self.eta_major(major, eliminator)
        if found is None:
            return None
        assert isinstance(found, Stuck)
        assert isinstance(found.head, Const)
        name = found.head.name
        rule = eliminator.rules.get(name)
        if rule is None:
            return None
        made = self.constants[name].made
        assert made is not None
        assert isinstance(stuck.head, Const)
        key = (stuck.head, name)
        body = self.rules.get(key)
        if body is None:
            term = self.at_levels(rule, self.constants[stuck.head.name], stuck.head)
            body = self.rules[key] = self.evaluate(term, _NONE)
        args = stuck.args
        fields = found.args[made.params :]
        return self.apply(body, (*args[: eliminator.first], *fields, *args[eliminator.major + 1 :]))

    def predecessor(self, value: Natural) -> Natural:
        """The number before ``value``, which is not zero. It costs the memory that it takes."""
        self.budget.spend(value.value.bit_length() >> 9)
        return Natural(value.value - 1)

    def _constructor(self, value: Value) -> Stuck | None:
        """``value`` if it is a constructor's application; a literal as one."""
        if value.__class__ is Natural:
            number = value.value
            return Stuck(_SUCC, (self.predecessor(value),)) if number else Stuck(_ZERO, _NONE)
        if value.__class__ is not Stuck or value.head.__class__ is not Const:
            return None
        made = self.constants[value.head.name].made
        return value if made is not None and len(value.args) == made.params + made.fields else None


_FULL, _CORE, _PROJECT = object(), object(), object()
_ZERO, _SUCC = Const("Nat.zero"), Const("Nat.succ")
