"""What is declared so far, with as much of typing and reduction as filling in implicit arguments takes.

Nothing here is trusted: what comes out is checked by the kernel, which shares no code with this.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..calculus.build import app, instantiate, instantiate_levels, local, pi, spine
from ..calculus.declarations import Constructor, Declaration, Definition, Inductive
from ..calculus.terms import (
    ZERO,
    App,
    Const,
    Expr,
    IMax,
    Lam,
    Let,
    Level,
    Lit,
    Local,
    Max,
    Param,
    Pi,
    Sort,
    Succ,
    Zero,
)


@dataclass(frozen=True, slots=True)
class Shape:
    """An inductive type. Its recursor takes parameters, a motive, a premise for each constructor, indices, a value.

    ``recursive`` says for each constructor which of its fields are of the type itself.
    """

    name: str
    levels: tuple[str, ...]
    params: int
    indices: int
    constructors: tuple[str, ...]
    fields: tuple[int, ...]
    recursive: tuple[tuple[int, ...], ...]
    large: bool


@dataclass(slots=True)
class Context:
    """The declarations in order, and what they say, by name."""

    declarations: list[Declaration] = field(default_factory=list)
    types: dict[str, tuple[tuple[str, ...], Expr]] = field(default_factory=dict)
    values: dict[str, tuple[tuple[str, ...], Expr]] = field(default_factory=dict)
    heights: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, Shape] = field(default_factory=dict)
    constructors: dict[str, tuple[Shape, int]] = field(default_factory=dict)
    recursors: dict[str, Shape] = field(default_factory=dict)

    def add(self, made: Declaration) -> None:
        """Takes a declaration as it is."""
        self.declarations.append(made)
        if isinstance(made, Inductive):
            self._add_inductive(made)
            return
        self.types[made.name] = made.level_params, made.type
        if isinstance(made, Definition):
            self.values[made.name] = made.level_params, made.value
            self.heights[made.name] = made.hint if isinstance(made.hint, int) else 0

    def _add_inductive(self, made: Inductive) -> None:
        (type_,) = made.types
        levels = tuple(Param(name) for name in made.level_params)
        binders, sort = telescope(type_.type)
        params, indices = binders[: made.params], binders[made.params :]
        assert isinstance(sort, Sort)
        self.types[type_.name] = made.level_params, type_.type
        inductive = app(Const(type_.name, levels), *params)
        fields, recursive, minors = [], [], []
        large = not isinstance(sort.level, Zero) or len(type_.constructors) == 0
        name = "u" if "u" not in made.level_params else "u_1"
        if not large and len(type_.constructors) == 1:
            large = self._is_subsingleton(type_.constructors[0], params)
        motive_sort = Sort(Param(name)) if large else Sort(ZERO)
        major = local("t", app(inductive, *indices))
        motive = local("motive", pi([*indices, major], motive_sort))
        for constructor in type_.constructors:
            self.types[constructor.name] = made.level_params, constructor.type
            inside, result = telescope(_after(constructor.type, params))
            own = tuple(i for i, each in enumerate(inside) if spine(each.type)[0] is spine(inductive)[0])
            hypotheses = []
            for i in own:
                arguments = spine(inside[i].type)[1][made.params :]
                hypotheses.append(local(f"{inside[i].name}_ih", app(motive, *arguments, inside[i])))
            at = spine(result)[1][made.params :]
            built = app(Const(constructor.name, levels), *params, *inside)
            minor = pi([*inside, *hypotheses], app(motive, *at, built))
            minors.append(local(constructor.name.rpartition(".")[2], minor))
            fields.append(len(inside))
            recursive.append(own)
        whole = pi([*params, motive, *minors, *indices, major], app(motive, *indices, major))
        shape = Shape(
            type_.name, made.level_params, made.params, len(indices),
            tuple(each.name for each in type_.constructors), tuple(fields), tuple(recursive), large,
        )  # fmt: skip
        self.types[f"{type_.name}.rec"] = ((name, *made.level_params) if large else made.level_params), whole
        self.shapes[type_.name] = self.recursors[f"{type_.name}.rec"] = shape
        for index, constructor in enumerate(type_.constructors):
            self.constructors[constructor.name] = shape, index

    def _is_subsingleton(self, constructor: Constructor, params: list[Local]) -> bool:
        """Whether every field is a proof or determined by the type: then values may be taken apart for data, too."""
        inside, result = telescope(_after(constructor.type, params))
        arguments = spine(result)[1]
        return all(each in arguments or self.is_proposition(each.type) for each in inside)

    # --- typing

    def is_proposition(self, type_: Expr) -> bool:
        sort = self.whnf(self.infer(type_))
        return isinstance(sort, Sort) and isinstance(sort.level, Zero)

    def infer(self, term: Expr) -> Expr:
        """The type of a term that has one; it is not checked to be well formed."""
        match term:
            case Local():
                return term.type
            case Const(name, levels):
                params, type_ = self.types[name]
                return instantiate_levels(type_, params, levels)
            case App():
                head, args = spine(term)
                type_ = self.infer(head)
                for each in args:
                    if not isinstance(type_, Pi):
                        type_ = self.whnf(type_)
                    assert isinstance(type_, Pi), term
                    type_ = instantiate(type_.body, [each])
                return type_
            case Lam(name, type_, body):
                bound = local(name, type_, term.kind)
                return pi([bound], self.infer(instantiate(body, [bound])))
            case Pi(name, type_, body):
                bound = local(name, type_)
                return Sort(imax(self.sort_of(type_), self.sort_of(instantiate(body, [bound]))))
            case Sort(level):
                return Sort(Succ(level))
            case Let(_, _, value, body):
                return self.infer(instantiate(body, [value]))
            case Lit():
                return Const("Nat")
        raise TypeError(f"no type for {term}")

    def sort_of(self, type_: Expr) -> Level:
        sort = self.whnf(self.infer(type_))
        assert isinstance(sort, Sort), sort
        return sort.level

    # --- reduction

    def whnf(self, term: Expr) -> Expr:
        """The term with its head reduced as far as it goes."""
        while True:
            term = self.head(term)
            unfolded = self.unfold(term)
            if unfolded is None:
                return term
            term = unfolded

    def known(self, term: Expr) -> Expr:
        """Overridden where terms have unknowns: what is known of an unknown at the head."""
        return term

    def head(self, term: Expr) -> Expr:
        """Beta, let and recursors, no definitions except inside the value that a recursor takes apart."""
        while True:
            term = self.known(term)
            head, args = spine(term)
            if isinstance(head, Local) and args:
                found = self.known(head)
                if found is not head:
                    term = app(found, *args)
                    continue
            if isinstance(head, Lam) and args:
                taken = 0
                body: Expr = head
                while isinstance(body, Lam) and taken < len(args):
                    body, taken = body.body, taken + 1
                term = app(instantiate(body, args[:taken]), *args[taken:])
                continue
            if isinstance(head, Let):
                term = app(instantiate(head.body, [head.value]), *args)
                continue
            if isinstance(head, Const) and head.name in self.recursors:
                reduced = self._iota(head, args)
                if reduced is not None:
                    term = reduced
                    continue
            return term

    def _iota(self, head: Const, args: list[Expr]) -> Expr | None:
        shape = self.recursors[head.name]
        first = shape.params + 1
        place = first + len(shape.constructors) + shape.indices
        if len(args) <= place:
            return None
        major = constructed(self.whnf(args[place]))
        made, inside = spine(major)
        if not isinstance(made, Const) or self.constructors.get(made.name, (None, 0))[0] is not shape:
            return None
        index = self.constructors[made.name][1]
        inside = inside[shape.params :]
        hypotheses = []
        for each in shape.recursive[index]:
            indices = [] if not shape.indices else self._indices_of(inside[each], shape)
            hypotheses.append(app(head, *args[: first + len(shape.constructors)], *indices, inside[each]))
        return app(args[first + index], *inside, *hypotheses, *args[place + 1 :])

    def _indices_of(self, value: Expr, shape: Shape) -> list[Expr]:
        return spine(self.whnf(self.infer(value)))[1][shape.params :]

    def unfold(self, term: Expr) -> Expr | None:
        """One definition at the head unfolded."""
        head, args = spine(term)
        if not isinstance(head, Const) or head.name not in self.values:
            return None
        params, value = self.values[head.name]
        return app(instantiate_levels(value, params, head.levels), *args)


def constructed(term: Expr) -> Expr:
    """A literal as a constructor applied to a literal; anything else as it is."""
    if isinstance(term, Lit):
        return Const("Nat.zero") if term.value == 0 else App(Const("Nat.succ"), Lit(term.value - 1))
    return term


def telescope(type_: Expr) -> tuple[list[Local], Expr]:
    """The binders of nested products as locals, and what is under them."""
    found: list[Local] = []
    while isinstance(type_, Pi):
        bound = local(type_.name, type_.type, type_.kind)
        found.append(bound)
        type_ = instantiate(type_.body, [bound])
    return found, type_


def _after(type_: Expr, params: list[Local]) -> Expr:
    for each in params:
        assert isinstance(type_, Pi)
        type_ = instantiate(type_.body, [each])
    return type_


def imax(left: Level, right: Level) -> Level:
    """The level of a product, simplified where that is easy."""
    if isinstance(right, Zero):
        return ZERO
    if left is right or isinstance(left, Zero):
        return right
    if isinstance(right, Succ):
        if isinstance(left, Succ):
            return Succ(_max(left.of, right.of))
        return Max(left, right)
    return IMax(left, right)


def _max(left: Level, right: Level) -> Level:
    if left is right or isinstance(right, Zero):
        return left
    if isinstance(left, Zero):
        return right
    if isinstance(left, Succ) and isinstance(right, Succ):
        return Succ(_max(left.of, right.of))
    return Max(left, right)
