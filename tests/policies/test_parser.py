"""The expression parser: what it reads, what it refuses, and where it points."""

from __future__ import annotations

import sys
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.policies.diagnostics import Diagnostic, PolicyError, Source
from bartizan.policies.language.lexer import KEYWORDS
from bartizan.policies.language.mistakes import RESERVED, WORD_VALUES
from bartizan.policies.language.parser import MAX_DEPTH, MAX_NODES, parse_expression, unparse
from bartizan.policies.language.syntax import (
    Binary,
    Call,
    Conditional,
    Expr,
    ListLiteral,
    Literal,
    Member,
    Name,
    Span,
    Unary,
)
from bartizan.policies.language.trees import balanced, children

A, B, C = Name("a"), Name("b"), Name("c")


def parse(text: str) -> Expr:
    return parse_expression(text, 0, Source("p.cel", text))


def attempt(text: str) -> Expr | PolicyError:
    try:
        return parse(text)
    except PolicyError as error:
        return error


def refused(text: str) -> Diagnostic:
    with pytest.raises(PolicyError) as caught:
        parse(text)
    (problem,) = caught.value.diagnostics
    return problem


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("true", Literal(True)),
        ("42", Literal(42)),
        ("500.00", Literal(Decimal("500.00"))),
        ("'it\"s'", Literal('it"s')),
        (r'"\n\t\\\"\x41\u00e9\U0001F600\101\?"', Literal('\n\t\\"Aé\U0001f600A?')),
        (r'r"\d+"', Literal(r"\d+")),
        (r"R'\d'", Literal(r"\d")),
        ("a", A),
        ("_a1", Name("_a1")),
        ("a.b.c", Member(Member(A, "b"), "c")),
        ('a["b c"].c', Member(Member(A, "b c"), "c")),
        ('a["b"]', Member(A, "b")),
        ("args.package", Member(Name("args"), "package")),
        ("f()", Call("f", None, ())),
        ("f(a, b)", Call("f", None, (A, B))),
        ("a.f(b)", Call("f", A, (B,))),
        ('s.sum("t", within="24h")', Call("sum", Name("s"), (Literal("t"),), (("within", Literal("24h")),))),
        ("a.f(b).c", Member(Call("f", A, (B,)), "c")),
        ("a.all(x, x == b)", Call("all", A, (Name("x"), Binary("==", Name("x"), B)))),
        ("!a", Unary("!", A)),
        ("!!a", Unary("!", Unary("!", A))),
        ("-a", Unary("-", A)),
        ("!a.b", Unary("!", Member(A, "b"))),
        ("-1", Unary("-", Literal(1))),
        ("[]", ListLiteral(())),
        ("[a, 1]", ListLiteral((A, Literal(1)))),
        ('a in ["x", "y"]', Binary("in", A, ListLiteral((Literal("x"), Literal("y"))))),
        ("a ? b : c", Conditional(A, B, C)),
        ("a ? b : c ? a : b", Conditional(A, B, Conditional(C, A, B))),
        ("a && b || c", Binary("||", Binary("&&", A, B), C)),
        ("a || b && c", Binary("||", A, Binary("&&", B, C))),
        ("(a || b) && c", Binary("&&", Binary("||", A, B), C)),
        ("a == b && c", Binary("&&", Binary("==", A, B), C)),
        ("a + b <= c", Binary("<=", Binary("+", A, B), C)),
        ("a - b - c", Binary("-", Binary("-", A, B), C)),
        ("a - (b - c)", Binary("-", A, Binary("-", B, C))),
        ("a + 2 * b", Binary("+", A, Binary("*", Literal(2), B))),
        ("a + -b", Binary("+", A, Unary("-", B))),
        ("!a && b", Binary("&&", Unary("!", A), B)),
        ("(a == b) == c", Binary("==", Binary("==", A, B), C)),
        (" a\n&&\r\nb ", Binary("&&", A, B)),
    ],
)
def test_text_becomes_the_tree_that_cel_gives_it(text: str, tree: Expr) -> None:
    """Literals, paths, calls and operators have CEL's meaning and precedence."""
    parsed = parse(text)
    assert parsed == tree
    assert type(getattr(parsed, "value", None)) is type(getattr(tree, "value", None))


def test_decimals_keep_their_digits() -> None:
    """A decimal literal is exact and keeps its trailing zeros."""
    literal = parse("500.00")
    assert isinstance(literal, Literal)
    assert str(literal.value) == "500.00"


def test_long_chains_become_shallow() -> None:
    """A thousand alternatives are a tree of depth eleven, in their order."""
    names = [f"x{i}" for i in range(1000)]
    tree = parse(" || ".join(names))
    leaves, depth, stack = [], 0, [(tree, 1)]
    while stack:
        node, level = stack.pop()
        depth = max(depth, level)
        if isinstance(node, Name):
            leaves.append(node.name)
        stack.extend((child, level + 1) for child in reversed(children(node)))
    assert leaves == names
    assert depth == 11
    assert unparse(tree) == " || ".join(names)


@pytest.mark.parametrize(
    ("text", "part", "help"),
    [
        ("a < b < c", "<", "a < b && b < c"),
        ("a == b == c", "==", "a == b && b == c"),
        ("a and b", "and", "&&"),
        ("a AND b", "AND", "&&"),
        ("a or b", "or", "||"),
        ("not a", "not", "!"),
        ("a not in [1]", "not", "!(x in [..])"),
        ("a = b", "=", "=="),
        ("a === b", "===", "=="),
        ("a <> b", "<>", "!="),
        ("a => b", "=>", ">="),
        ("a =< b", "=<", "<="),
        ("a & b", "&", "&&"),
        ("a | b", "|", "||"),
        ("a % 2", "%", "constant"),
        ("a / 2", "/", "constant"),
        ("a ** 2", "**", "constant"),
        ("a ?? b", "??", "has(x)"),
        ("a?.b", "?.", "has(x)"),
        ("a == null", "null", "has(x)"),
        ("a == None", "None", "has(x)"),
        ("a == nil", "nil", "has(x)"),
        ("True", "True", "true"),
        ("FALSE", "FALSE", "false"),
        ("{'a': 1}", "{", "no maps"),
        ("a contains 'b'", "contains", "x.contains(...)"),
        ("a like 'b'", "like", "glob"),
        ("a is b", "is", "=="),
        ("if a", "if", "?"),
        ("a; b", ";", "&&"),
        ("a // comment", "//", "outside"),
        ("a # comment", "#", "outside"),
        ("\u201cx\u201d == a", "\u201c", "plain quotes"),
        ("a \u2264 b", "\u2264", "<="),
        ("a\u00a0&& b", "\u00a0", "plain space"),
        ("a.`b`", "`", 'args["name"]'),
        ("$a", "$", "args.name"),
        ("@a", "@", "tags"),
        ("24h", "24h", 'duration("24h")'),
        ("1e5", "1e5", "plain decimal digits"),
        ("0x10", "0x10", "plain decimal digits"),
        ("1_000", "1_000", "plain decimal digits"),
        ("010", "010", "leading zero"),
        ("5.", "5.", "5.0"),
        (".5", ".5", "0.5"),
        ("5u", "5u", "remove the u"),
        ("1.2.3", "1.2.3", "plain decimal digits"),
        ("a.f(x: 1)", "x", "x=..."),
        ("f(x=1, 2)", "2", "last"),
        ("f(x=1, x=2)", "x", "remove one"),
        ("a[0]", "0", "exists"),
        ("a[b]", "b", "exists"),
        ("(a)(b)", "(", "f(x)"),
        ("args.in", "in", '["in"]'),
        ("import", "import", None),
        ("a b", "b", None),
        ("'a' 'b'", "'b'", "&&"),
        ("(a", "(", "add `)`"),
        ("[a", "[", "add `]`"),
        ("f(a", "(", "add `)`"),
        ("a)", ")", "remove"),
        ("a]", "]", "remove"),
        ("f(a]", "]", None),
        ("a ? b", "?", "condition ? a : b"),
        ("a ? b ; c", ";", "&&"),
        ("f(a,)", ")", None),
        ("[a,,b]", ",", None),
        ("&& a", "&&", None),
        ("a.'b'", "'b'", None),
        ("'abc", "'abc", "close it"),
        ("'a\nb'", "'a", "close it"),
        ('"""a"""', '"""', "one quote"),
        (r"'\d'", r"\d", "raw text"),
        (r"'\u{41}'", r"\u", "raw text"),
        (r"'\ud83d'", r"\ud83d", "eight digits"),
        (r"'\U00110000'", r"\U00110000", "eight digits"),
        ("b'x'", "b", "no bytes"),
        ("f'x'", "f", "without the prefix"),
        ("é == 1", "é", "ASCII"),
        ("\u0430 == 1", "\u0430", "ASCII"),
        ("a \x00", "\x00", None),
        ("9" * 101, "9" * 101, None),
    ],
)
def test_what_lies_outside_the_profile_is_refused_at_its_characters(
    text: str, part: str, help: str | None
) -> None:
    """Every foreign spelling is pointed at, and the message says what to write instead."""
    problem = refused(text)
    starts = {i for i in range(len(text)) if text.startswith(part, i)}
    assert problem.span.start in starts
    assert problem.span.end == problem.span.start + len(part)
    if help is None:
        assert problem.message
    else:
        assert problem.help is not None
        assert help in problem.help


@pytest.mark.parametrize("text", ["", "  \n", "a &&", "a ==", "!", "f(a ==", "a.", "a ? b :"])
def test_an_end_that_comes_too_early_is_refused_after_the_text(text: str) -> None:
    """An unfinished expression is reported where it ends, or at what it leaves open."""
    problem = refused(text)
    assert 0 <= problem.span.start <= len(text)
    assert "found" in problem.message or "never closed" in problem.message


@pytest.mark.parametrize(
    "text",
    [
        "(" * 50_000,
        "(" * 65 + "a" + ")" * 65,
        "!" * 50_000 + "a",
        "-" * 50_000 + "a",
        "[" * 50_000,
        "f(" * 50_000,
        "a ? " * 50_000,
        "a ? b : " * 50_000 + "c",
        "a" + ".b" * 50_000,
        "a" + "['b']" * 50_000,
        "a" + ".f()" * 50_000,
        " + ".join("a" * 1000),
        "a * " * 1000 + "a",
    ],
)
def test_deep_nesting_is_refused_and_never_recurses(text: str) -> None:
    """However deep the text, there is a located error and no RecursionError."""
    assert refused(text).code == "too-deep"


def test_the_depth_limit_is_exact() -> None:
    """The deepest legal nesting is read, one more is not."""
    assert parse("!" * (MAX_DEPTH - 1) + "a")
    assert parse("(" * (MAX_DEPTH - 1) + "a" + ")" * (MAX_DEPTH - 1)) == A
    assert refused("!" * MAX_DEPTH + "a").code == "too-deep"
    assert refused("(" * MAX_DEPTH + "a" + ")" * MAX_DEPTH).code == "too-deep"


def test_the_deepest_expression_is_read_in_half_the_stack() -> None:
    """Parsing at the depth limit leaves half of the interpreter's stack to the caller."""
    frame, used = sys._getframe(), 0
    while frame.f_back is not None:
        frame, used = frame.f_back, used + 1
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(used + 500)
    try:
        assert parse("f(" * (MAX_DEPTH - 1) + "a" + ")" * (MAX_DEPTH - 1))
        assert parse("(a ? b : " * (MAX_DEPTH // 2 - 1) + "c" + ")" * (MAX_DEPTH // 2 - 1))
    finally:
        sys.setrecursionlimit(limit)


def test_the_number_of_nodes_is_bounded() -> None:
    """An expression of too many nodes is refused, however flat."""
    assert refused(" || ".join("a" * (MAX_NODES // 2 + 1))).code == "too-large"
    assert refused("[" + "1," * MAX_NODES + "1]").code == "too-large"
    assert parse(" || ".join("a" * (MAX_NODES // 2)))


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("a && bb", ["a && bb", "a", "bb"]),
        ("(a || b) && c", ["(a || b) && c", "(a || b)", "a", "b", "c"]),
        ("!a.b", ["!a.b", "a.b", "a"]),
        ("a.f(b, c=1) > 2", ["a.f(b, c=1) > 2", "a.f(b, c=1)", "a", "b", "1", "2"]),
        ('x ? ["a"] : y["b"]', ['x ? ["a"] : y["b"]', "x", '["a"]', '"a"', 'y["b"]', "y"]),
        ("a - b - c", ["a - b - c", "a - b", "a", "b", "c"]),
    ],
)
def test_every_node_knows_its_text(text: str, spans: list[str]) -> None:
    """The span of a node is exactly its text, parentheses included."""

    def walk(node: Expr) -> list[str]:
        own = text[slice(*node.span)]
        return [own, *(part for child in children(node) for part in walk(child))]

    assert walk(parse(text)) == spans


def test_offsets_carry_places_into_the_file() -> None:
    """With an offset for each character, nodes and errors lie where those characters lie."""
    source = Source("p.yaml", 'when: "a &&\\n  \\"x\\" = b"')
    text, offsets = 'a &&\n  "x" = b', (7, 8, 9, 10, 11, 13, 14, 15, 17, 18, 20, 21, 22, 23)
    with pytest.raises(PolicyError) as caught:
        parse_expression(text, offsets, source)
    (problem,) = caught.value.diagnostics
    assert source.text[slice(*problem.span)] == "="
    tree = parse_expression(text.replace("=", "<"), offsets, source)
    assert source.text[slice(*tree.span)] == 'a &&\\n  \\"x\\" = b'
    assert source.text[slice(*children(children(tree)[1])[0].span)] == '\\"x\\"'


def test_a_base_offset_shifts_every_place() -> None:
    """With one number, the expression stands at that offset of the file."""
    assert parse_expression("a.b", 10, Source("p.yaml", " " * 10 + "a.b")).span == Span(10, 13)


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40))
def test_balancing_keeps_the_order(names: list[str]) -> None:
    """A balanced chain has the operands in order, whatever their number."""
    tree = balanced("&&", [Name(name) for name in names])
    leaves, stack = [], [tree]
    while stack:
        node = stack.pop()
        stack.extend(reversed(children(node)))
        if isinstance(node, Name):
            leaves.append(node.name)
    assert leaves == names


_unusable = KEYWORDS | RESERVED | set(WORD_VALUES) | {"true", "false"}
_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True).filter(
    lambda n: n.lower() not in _unusable
)
_characters = st.characters(exclude_categories=("Cs",))
_decimals = st.decimals(0, 10**6, places=2).map(lambda d: Decimal(format(d, ".2f")))
_literals = st.one_of(st.booleans(), st.integers(0, 10**20), _decimals, st.text(_characters, max_size=8)).map(
    Literal
)
_operators = st.sampled_from(["&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "in"])


def _extend(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    some = st.lists(inner, max_size=3).map(tuple)
    named = st.dictionaries(_names, inner, max_size=2).map(lambda d: tuple(d.items()))
    return st.one_of(
        st.builds(Binary, _operators, inner, inner),
        st.builds(Unary, st.sampled_from(["!", "-"]), inner),
        st.builds(Conditional, inner, inner, inner),
        st.builds(ListLiteral, some),
        st.builds(
            Member,
            inner,
            st.one_of(_names, st.text(_characters, max_size=6), st.sampled_from(["in", "true"])),
        ),
        st.builds(Call, _names, st.one_of(st.none(), inner), some, named),
    )


_trees = st.recursive(st.one_of(_literals, _names.map(Name)), _extend, max_leaves=25)


@settings(max_examples=600)
@given(_trees)
def test_printing_and_parsing_are_inverse(tree: Expr) -> None:
    """For any tree, parsing its text gives the tree back."""
    assert parse(unparse(tree)) == tree


@settings(max_examples=600)
@given(st.text(alphabet="ab01.\"'\\ ()[]{}!&|<>=+-*?:,rin\n\u00e9", max_size=40))
def test_any_text_is_parsed_or_refused_with_a_location(text: str) -> None:
    """No input raises anything but one located PolicyError, and what is parsed prints back."""
    found = attempt(text)
    if isinstance(found, PolicyError):
        (problem,) = found.diagnostics
        assert 0 <= problem.span.start <= len(text)
        assert problem.span.start < problem.span.end
    else:
        assert parse(unparse(found)) == found
