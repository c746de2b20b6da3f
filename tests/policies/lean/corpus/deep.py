"""Terms that are deep, wide or slow: the kernel refuses them, or what is wrong with them, without falling over.

The valid twins are of the same depth: depth alone is no fault where the budget allows it.
"""

from __future__ import annotations

from tests.policies.lean.corpus.derive import Type, block
from tests.policies.lean.corpus.family import Family
from tests.policies.lean.corpus.forge import TYPE, File, Fn, Term, app, arrow, bvar, const, lam, nat, pi, sort
from tests.policies.lean.corpus.literals import arithmetic
from tests.policies.lean.corpus.prelude import BINARY, BOOL, NAT, SUCC, TRUE, ZERO, eq, recurse, refl, start

FAMILY = Family("deep")
wrong, valid = FAMILY.wrong, FAMILY.valid

DEPTH = 5_000
BUDGET = ("budget", "type", "format", "universe")


class Tower(File):
    """A file whose last part is built upon itself, again and again."""

    def pile(self, bottom: int, count: int, layer: str) -> int:
        """`layer` is the line of one more part, in which `{below}` is the number of the last one."""
        for _ in range(count):
            number = self._next["ie"]
            self._next["ie"] += 1
            self.raw(layer.replace("{below}", str(bottom)).replace("{number}", str(number)))
            bottom = number
        return bottom

    def pile_levels(self, bottom: int, count: int, layer: str) -> int:
        for _ in range(count):
            number = self._next["il"]
            self._next["il"] += 1
            self.raw(layer.replace("{below}", str(bottom)).replace("{number}", str(number)))
            bottom = number
        return bottom

    def apply(self, head: int, *arguments: int) -> int:
        for argument in arguments:
            head = self.part("ie", {"app": {"fn": head, "arg": argument}})
        return head

    def claim(self, domain: Term, statement: int, proof: Term) -> Tower:
        """A theorem about every element of `domain`, whose statement, under the binder, is already written."""
        binder = {"name": 0, "type": self.term(domain), "body": statement, "binderInfo": "default"}
        number = self.name("bad")
        record = {
            "name": number,
            "levelParams": [],
            "type": self.part("ie", {"forallE": binder}),
            "all": [number],
        }
        self.raw({"thm": {**record, "value": self.term(proof)}})
        return self

    def declare(self, name: str, type_: int, value: int) -> Tower:
        number = self.name(name)
        record = {"name": number, "levelParams": [], "type": type_, "value": value, "all": [number]}
        self.raw({"def": {**record, "hints": {"regular": 1}, "safety": "safe"}})
        return self


def tower(*names: str) -> Tower:
    made = Tower()
    made.__dict__.update(start(*names).__dict__)
    return made


def successors(count: int) -> tuple[Tower, int]:
    file = tower("Nat", "Bool", "Eq")
    return file, file.pile(
        file.term(ZERO), count, f'{{"app": {{"fn": {file.term(SUCC)}, "arg": {{below}}}}, "ie": {{number}}}}'
    )


@valid
def deep_successor() -> File:
    """The number five thousand, as as many successors."""
    file, top = successors(DEPTH)
    return file.declare("deep", file.term(NAT), top)


@valid
def wide_sharing() -> File:
    """A sum that is shared in itself a hundred times: as a tree it would have 2^100 leaves."""
    file = tower("Nat")
    file.define("double", arrow(NAT, NAT), lam("n", NAT, lambda n: n))
    file.define("plus", BINARY, lam("a", NAT, lambda a: lam("b", NAT, a)))
    plus = file.term(const("plus"))
    bottom = file.term(ZERO)
    for _ in range(100):
        bottom = file.part(
            "ie", {"app": {"fn": file.part("ie", {"app": {"fn": plus, "arg": bottom}}), "arg": bottom}}
        )
    return file.declare("shared", file.term(NAT), bottom)


@wrong("type")
def deep_and_of_another_type() -> File:
    """Five thousand successors are given for a Bool."""
    file, top = successors(DEPTH)
    return file.declare("deep", file.term(BOOL), top)


@wrong("type")
def deep_with_a_wrong_bottom() -> File:
    """Under five thousand successors stands a Bool."""
    file = tower("Nat", "Bool")
    layer = f'{{"app": {{"fn": {file.term(SUCC)}, "arg": {{below}}}}, "ie": {{number}}}}'
    return file.declare("deep", file.term(NAT), file.pile(file.term(TRUE), DEPTH, layer))


@wrong(*BUDGET)
def too_deep() -> File:
    """Twenty-five thousand successors of a Bool, more than the budget of the tests allows."""
    file = tower("Nat", "Bool")
    layer = f'{{"app": {{"fn": {file.term(SUCC)}, "arg": {{below}}}}, "ie": {{number}}}}'
    return file.declare("deep", file.term(NAT), file.pile(file.term(TRUE), 5 * DEPTH, layer))


def binders(kind: str) -> str:
    parts = '"name": 0, "type": {domain}, "body": {below}, "binderInfo": "default"'
    return f'{{"{kind}": {{{parts}}}, "ie": {{number}}}}'


@wrong(*BUDGET)
def deep_functions() -> File:
    """A function of five thousand arguments is given for a number."""
    file = tower("Nat")
    layer = binders("lam").replace("{domain}", str(file.term(NAT)))
    return file.declare("deep", file.term(NAT), file.pile(file.term(ZERO), DEPTH, layer))


@wrong(*BUDGET)
def deep_products() -> File:
    """A type of five thousand arguments ends in a number."""
    file = tower("Nat")
    layer = binders("forallE").replace("{domain}", str(file.term(NAT)))
    return file.declare("deep", file.term(TYPE), file.pile(file.term(ZERO), DEPTH, layer))


@wrong(*BUDGET)
def deep_domains() -> File:
    """A function takes a function takes a function, five thousand times, to a number that is no type."""
    file = tower("Nat")
    layer = binders("forallE").replace("{below}", str(file.term(NAT))).replace("{domain}", "{below}")
    return file.declare("deep", file.term(TYPE), file.pile(file.term(ZERO), DEPTH, layer))


@wrong(*BUDGET)
def deep_lets() -> File:
    """Five thousand lets stand around a Bool that is given for a number."""
    file = tower("Nat", "Bool")
    parts = (
        f'"name": 0, "type": {file.term(NAT)}, "value": {file.term(ZERO)}, "body": {{below}}, "nondep": false'
    )
    layer = f'{{"letE": {{{parts}}}, "ie": {{number}}}}'
    return file.declare("deep", file.term(NAT), file.pile(file.term(TRUE), DEPTH, layer))


@wrong(*BUDGET)
def deep_let_values() -> File:
    """The value of a let is a let, five thousand times, of a Bool."""
    file = tower("Nat", "Bool")
    parts = f'"name": 0, "type": {file.term(NAT)}, "value": {{below}}, "body": {file.term(bvar(0))}, "nondep": false'
    layer = f'{{"letE": {{{parts}}}, "ie": {{number}}}}'
    return file.declare("deep", file.term(NAT), file.pile(file.term(TRUE), DEPTH, layer))


@wrong(*BUDGET)
def deep_applications() -> File:
    """A number is applied to five thousand arguments."""
    file = tower("Nat")
    layer = f'{{"app": {{"fn": {{below}}, "arg": {file.term(ZERO)}}}, "ie": {{number}}}}'
    return file.declare("deep", file.term(NAT), file.pile(file.term(ZERO), DEPTH, layer))


@wrong(*BUDGET)
def deep_redexes() -> File:
    """Five thousand identities are applied, one inside the other, to a Bool that is given for a number."""
    file = tower("Nat", "Bool")
    identity = file.term(lam("x", NAT, lambda x: x))
    layer = f'{{"app": {{"fn": {identity}, "arg": {{below}}}}, "ie": {{number}}}}'
    return file.declare("deep", file.term(NAT), file.pile(file.term(TRUE), DEPTH, layer))


@wrong(*BUDGET)
def deep_projections() -> File:
    """The field of the field of the field of a variable, five thousand times, is said to be the variable."""
    file = tower("Eq")
    loop = const("Loop")
    file.block(block(Type("Loop", TYPE, (("Loop.mk", pi("of", loop, loop)),))))
    layer = (
        f'{{"proj": {{"typeName": {file.name("Loop")}, "idx": 0, "struct": {{below}}}}, "ie": {{number}}}}'
    )
    top = file.pile(file.part("ie", {"bvar": 0}), DEPTH, layer)
    return file.claim(
        loop,
        file.apply(file.term(app(const("Eq", 1), loop)), top, file.term(bvar(0))),
        lam("x", loop, lambda x: refl(loop, x)),
    )


@wrong(*BUDGET)
def deep_metadata() -> File:
    """Metadata stand around metadata, five thousand times, and then a Bool for a number."""
    file = tower("Nat", "Bool")
    layer = '{"mdata": {"expr": {below}, "data": {}}, "ie": {number}}'
    return file.declare("deep", file.term(NAT), file.pile(file.term(TRUE), DEPTH, layer))


@wrong(*BUDGET)
def deep_level() -> File:
    """A sort of level five thousand is given for one of the level below."""
    file = tower()
    top = file.pile_levels(0, DEPTH, '{"succ": {below}, "il": {number}}')
    sort_ = file.part("ie", {"sort": top})
    return file.declare("deep", sort_, sort_)


@wrong(*BUDGET)
def deep_max() -> File:
    """A max of a max of a max, five thousand times, is one too low."""
    file = tower()
    one = file.level(1)
    top = file.pile_levels(one, DEPTH, f'{{"max": [{{below}}, {one}], "il": {{number}}}}')
    sort_ = file.part("ie", {"sort": top})
    return file.declare("deep", sort_, sort_)


@wrong(*BUDGET)
def shared_max() -> File:
    """A max that is shared in itself a hundred times, 2^100 levels as a tree, is one too low."""
    file = tower()
    top = file.pile_levels(file.level(1), 100, '{"max": [{below}, {below}], "il": {number}}')
    sort_ = file.part("ie", {"sort": top})
    return file.declare("deep", sort_, sort_)


@wrong(*BUDGET)
def imax_of_many_parameters() -> File:
    """A level with forty parameters to the right of imax has 2^40 cases, and is compared with its successor."""
    names = tuple(f"u{count}" for count in range(40))
    level: object = 0
    for name in names:
        level = ("imax", level, name)
    left, right = sort(("succ", level)), sort(level)  # type: ignore[arg-type]
    return File().define("cast", arrow(left, right), lam("x", left, lambda x: x), names)


@wrong("format", "budget", "name")
def deep_name() -> File:
    """A name has twenty-five thousand components, and the theorem of that name is wrong."""
    file = tower("Nat", "Bool")
    bottom = 0
    for _ in range(5 * DEPTH):
        number = file._next["in"]
        file._next["in"] += 1
        file.raw(f'{{"str": {{"pre": {bottom}, "str": "a"}}, "in": {number}}}')
        bottom = number
    record = {
        "name": bottom,
        "levelParams": [],
        "type": file.term(NAT),
        "value": file.term(TRUE),
        "all": [bottom],
    }
    file.raw({"def": {**record, "hints": {"regular": 1}, "safety": "safe"}})
    return file


@wrong("type")
def shared_and_of_another_type() -> File:
    """A term of 2^100 leaves is given for a Bool."""
    file = tower("Nat", "Bool").define("plus", BINARY, lam("a", NAT, lambda a: lam("b", NAT, a)))
    assert isinstance(file, Tower)
    plus, bottom = file.term(const("plus")), file.term(ZERO)
    for _ in range(100):
        bottom = file.part(
            "ie", {"app": {"fn": file.part("ie", {"app": {"fn": plus, "arg": bottom}}), "arg": bottom}}
        )
    return file.declare("shared", file.term(BOOL), bottom)


@wrong("type")
def wide_in_a_message() -> File:
    """A message about the term would have 8^12 parts."""
    eight = arrow(*[NAT] * 9)
    body: Term = ZERO
    variables: list[Term] = []

    def under(count: int) -> Term:
        return lam("x", NAT, lambda x: variables.append(x) or under(count - 1)) if count else ZERO  # type: ignore[func-returns-value]

    file = tower("Nat", "Bool", "Eq").opaque("f", eight, under(8))
    for _ in range(12):
        body = app(const("f"), *[body] * 8)
    statement = eq(NAT, body, SUCC(body))
    return file.theorem("bad", statement, refl(NAT, body))


@wrong(*BUDGET)
def ackermann() -> File:
    """Ackermann's function at (4, 4) is said to be 0, and nobody can wait for it."""
    file = tower("Nat", "Eq")
    again: Fn = lambda f: lam("n", NAT, lambda n: recurse(n, f(nat(1)), lam("k", NAT, lambda _: f)))  # noqa: E731
    step = lam("m", NAT, lambda _: lam("f", arrow(NAT, NAT), again))
    value = lam("m", NAT, lambda m: recurse(m, SUCC, step, arrow(NAT, NAT)))
    file.define("ack", BINARY, value)
    return file.theorem("bad", eq(NAT, app(const("ack"), nat(4), nat(4)), ZERO), refl(NAT, ZERO))


@wrong(*BUDGET)
def long_recursion() -> File:
    """A recursion over the literal 10^9 is said to be another number than it is."""
    step = lam("k", NAT, lambda _: lam("ih", NAT, lambda ih: ih))
    value = recurse(nat(10**9), ZERO, step)
    return tower("Nat", "Eq").theorem("bad", eq(NAT, value, nat(1)), refl(NAT, nat(1)))


@wrong(*BUDGET)
def exponential_recursion() -> File:
    """A recursion that doubles itself sixty times is said to be another number than it is."""
    twice = lam("k", NAT, lambda _: lam("f", arrow(NAT, NAT), lambda f: lam("n", NAT, lambda n: f(f(n)))))
    value = app(recurse(nat(60), SUCC, twice, arrow(NAT, NAT)), ZERO)
    return tower("Nat", "Eq").theorem("bad", eq(NAT, value, nat(1)), refl(NAT, nat(1)))


def power(exponent: str) -> File:
    file = arithmetic()
    value = app(const("Nat.pow"), nat(2), nat(exponent))
    return file.theorem("bad", eq(NAT, value, nat(1)), refl(NAT, nat(1)))


FAMILY.add(
    "power",
    "The power 2 ^ 10^12 is said to be 1, and has no room in memory.",
    lambda: power(str(10**12)),
    *BUDGET,
)
FAMILY.add("higher-power", "The power 2 ^ 10^30 is said to be 1.", lambda: power(str(10**30)), *BUDGET)
FAMILY.add(
    "highest-power", "The exponent itself has four thousand digits.", lambda: power("9" * 4_000), *BUDGET
)


@wrong(*BUDGET)
def tower_of_powers() -> File:
    """2 ^ 2 ^ 2 ^ 2 ^ 2 ^ 2 is said to be 1."""
    value = nat(2)
    for _ in range(5):
        value = app(const("Nat.pow"), nat(2), value)
    return arithmetic().theorem("bad", eq(NAT, value, nat(1)), refl(NAT, nat(1)))


@wrong(*BUDGET)
def growing_products() -> File:
    """A number is multiplied by itself forty times, to 2^40 digits, and said to be 1."""
    square = lam("k", NAT, lambda _: lam("ih", NAT, lambda ih: app(const("Nat.mul"), ih, ih)))
    value = recurse(nat(40), nat(3), square)
    return arithmetic().theorem("bad", eq(NAT, value, nat(1)), refl(NAT, nat(1)))


@wrong(*BUDGET)
def equations_inside_equations() -> File:
    """Each of five thousand casts must look at the one inside it before it can reduce; all are said to be 1."""
    file = tower("Nat", "Bool", "Eq")
    motive = lam("n", NAT, lambda n: lam("h", eq(NAT, ZERO, n), NAT))
    cast = file.term(app(const("Eq.rec", 1, 1), NAT, ZERO, motive, ZERO))
    top = file.term(ZERO)
    for _ in range(DEPTH):
        top = file.apply(cast, top, file.apply(file.term(bvar(0)), top))
    every = pi("n", NAT, lambda n: eq(NAT, ZERO, n))
    equation = file.apply(file.term(app(const("Eq", 1), NAT)), top, file.term(SUCC(ZERO)))
    return file.claim(every, equation, lam("p", every, refl(NAT, ZERO)))
