"""Random expressions and character sets: the regular engine against the definitions, on all short words."""

from __future__ import annotations

from itertools import combinations, product
from random import Random

from bartizan.policies.regular.algebra import reverse
from bartizan.policies.regular.answers import Empty, Interval, Literal, Nonempty
from bartizan.policies.regular.charset import EVERY, CharSet, partition
from bartizan.policies.regular.decide import decide, words
from bartizan.policies.regular.derivative import Derivatives, derivative_classes
from bartizan.policies.regular.dfa import DFA
from bartizan.policies.regular.lengths import LengthSet, lengths

from ...regular.meaning import Ast, build, by_derivatives, denotes

WORDS = tuple("".join(each) for length in range(5) for each in product("abc", repeat=length))
LIMIT = 4

_LEAVES: tuple[Ast, ...] = (
    ("set", "a"), ("set", "b"), ("set", "ab"), ("set", ""), ("not_set", "a"), ("word", ""), ("word", "ab"),
)  # fmt: skip


def expression(random: Random, depth: int) -> Ast:
    """A random expression."""
    if depth <= 0 or random.random() < 0.15:
        return random.choice(_LEAVES)
    kind = random.choice(("concat", "concat", "union", "intersection", "complement", "loop", "loop"))
    if kind == "complement":
        return kind, expression(random, depth - 1)
    if kind == "loop":
        lower = random.randrange(3)
        upper = random.choice((None, lower, lower + 1, lower + 2))
        return kind, expression(random, depth - 1), lower, upper
    return kind, expression(random, depth - 1), expression(random, depth - 1)


def looping(random: Random) -> Ast:
    """A random expression in which loops of one body meet: side by side, one after the other, one in the other."""
    body = random.choice((("set", "a"), ("set", "ab"), ("word", "ab"), ("word", "aab")))

    def counted(of: Ast) -> Ast:
        lower = random.randrange(4)
        return "loop", of, lower, random.choice((None, None, lower, lower + 1, lower + 2))

    one, other = counted(body), counted(body)
    gap: Ast = ("union", ("loop", body, 0, 1), ("loop", body, 3, random.choice((3, None))))
    met: Ast = random.choice(
        (gap, ("union", one, other), ("concat", one, other), ("concat", one, one), counted(one), counted(one))
    )
    tail = random.choice((None, ("set", "b"), ("word", "ab")))
    return met if tail is None else ("concat", met, tail)


def term_agrees(seed: int) -> None:
    """Automaton, small automaton, derivatives and reversal accept the words that the definition says."""
    random = Random(seed)
    ast = looping(random) if seed % 2 else expression(random, 3)
    term = build(ast)
    full, tiny, backwards = DFA(term), DFA(term, max_states=2), DFA(reverse(term))
    for word in WORDS:
        expected = denotes(ast, word)
        found = (
            full.matches(word),
            tiny.matches(word),
            by_derivatives(term, word),
            backwards.matches(word[::-1]),
        )
        assert found == (expected,) * 4, f"{word!r} in {ast}: {expected}, not {found}"
    classes = derivative_classes(term)
    assert sum(map(len, classes)) == len(EVERY)
    derivative = Derivatives()
    for members in classes:
        ends = {derivative(term, code) for each in members.ranges for code in each}
        assert len(ends) == 1, f"{members} of {ast} has {len(ends)} derivatives"


def conjunction_agrees(seed: int) -> None:
    """Of a conjunction, words, emptiness, cores and lengths are those that trying all short words finds."""
    random = Random(seed)
    said = [(expression(random, 2), random.random() < 0.6) for _ in range(random.randrange(1, 4))]
    if seed % 2:
        said[0] = looping(random), True
    literals: list[Literal] = [(build(ast), sign) for ast, sign in said]
    low = random.randrange(3)
    interval = Interval(low, random.choice((None, low, low + 1)))

    def satisfying(chosen: list[tuple[Ast, bool]], within: Interval) -> list[str]:
        return [w for w in WORDS if len(w) in within and all(denotes(ast, w) is sign for ast, sign in chosen)]

    expected, found = satisfying(said, interval), decide(literals, interval)
    context = f"{said} of {interval}: {found}, for {expected[:3]}"
    if isinstance(found, Nonempty):
        assert len(found.word) in interval, context
        assert all(denotes(ast, found.word) is sign for ast, sign in said), context
        assert all(len(found.word) <= len(word) for word in expected), context
    else:
        assert isinstance(found, Empty) and not expected, context
        core = [said[index] for index in found.core]
        assert not satisfying(core, found.lengths), context
        for fewer in combinations([literals[index] for index in found.core], max(len(core) - 1, 0)):
            if core:
                assert isinstance(decide(fewer, found.lengths), Nonempty), context
    first = words(literals, interval, 4)
    assert isinstance(first, list) and len(set(first)) == len(first), context
    assert all(len(w) in interval and denotes(ast, w) is sign for w in first for ast, sign in said), context
    assert len(first) >= min(4, len(expected)), context
    assert first[:1] == ([found.word] if isinstance(found, Nonempty) else []), context
    for limit in (LIMIT, 40):
        possible = lengths(literals, limit)
        assert isinstance(possible, LengthSet)
        for length in range(limit + 1):
            exactly = isinstance(decide(literals, Interval(length, length)), Nonempty)
            assert (length in possible) is exactly, f"length {length} of {said}"
            if length <= LIMIT and satisfying(said, Interval(length, length)):
                assert exactly, f"length {length} of {said}"


_POINTS = (
    *range(0x3F, 0x43), *range(0x59, 0x63), *range(0x79, 0x7C), 0, 1, 0xD7FE, 0xD7FF, 0xE000, 0xE001, 0xFFFF,
    0x10000, 0x10FFFE, 0x10FFFF,
)  # fmt: skip


def charset_agrees(seed: int) -> None:
    """Sets of characters are what sets of code points are."""
    random = Random(seed)
    (left, a), (right, b) = _sets(random), _sets(random)
    everything = set(_POINTS)
    for name, found, expected in (
        ("|", left | right, a | b),
        ("&", left & right, a & b),
        ("-", left - right, a - b),
        ("~", ~left, everything - a),
        ("left", left, a),
    ):
        inside = {point for point in _POINTS if point in found}
        assert inside == expected, f"{left} {name} {right}: {found}"
        assert all(low <= high for low, high in found.ranges), found
        assert found == CharSet() | found, f"{found} is not in normal form"
        assert not found or found.sample() in found
    folded = {p for p in _POINTS if any(_other_case(q) == p or q == p for q in a)}
    assert {p for p in _POINTS if p in left.folded()} >= folded
    assert all(p in left.folded() for p in range(0x41, 0x5B) if p in left or p + 32 in left)
    assert all(p in left or _other_case(p) in left for p in _POINTS if p in left.folded())
    classes = partition((left, right))
    assert sum(map(len, classes)) == len(EVERY)
    for members in classes:
        assert len({(p in left, p in right) for low, high in members.ranges for p in (low, high)}) == 1


def _other_case(point: int) -> int:
    return ord(chr(point).swapcase()) if point < 0x80 else point


def _sets(random: Random) -> tuple[CharSet, set[int]]:
    """A set of characters from ranges between points, and the points that are in it."""
    ranges = []
    for _ in range(random.randrange(4)):
        low, high = sorted(random.choices(_POINTS, k=2))
        ranges.append((low, high))
    members = CharSet()
    for each in ranges:
        members |= CharSet((each,))
    return members, {p for p in _POINTS if any(low <= p <= high for low, high in ranges)}
