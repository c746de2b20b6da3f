"""Located YAML: what is read, what is refused, and where every character stands."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bartizan.policies.diagnostics import Diagnostic, PolicyError, Source
from bartizan.policies.document.source import (
    MAX_BYTES,
    MAX_PROBLEMS,
    Mapping,
    Node,
    Scalar,
    Sequence,
    parse_yaml,
)


def parse(text: str) -> Node:
    return parse_yaml(Source("p.yaml", text))


def attempt(text: str) -> Node | PolicyError:
    try:
        return parse(text)
    except PolicyError as error:
        return error


def refused(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(PolicyError) as caught:
        parse(text)
    assert "p.yaml:" in str(caught.value)
    return caught.value.diagnostics


def plain(node: Node) -> object:
    match node:
        case Scalar(value):
            return value
        case Sequence(items):
            return [plain(item) for item in items]
        case Mapping(entries):
            return {key.value: plain(value) for key, value in entries}


def value_of(text: str) -> Scalar:
    """The scalar at ``a:``."""
    root = parse(text)
    assert isinstance(root, Mapping)
    node = root.get("a")
    assert isinstance(node, Scalar)
    return node


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", 1),
        ("a: -12", -12),
        ("a: 0", 0),
        ("a: 500.00", 500.0),
        ("a: -0.5", -0.5),
        ("a: true", True),
        ("a: false", False),
        ("a: null", None),
        ("a: ~", None),
        ("a:", None),
        ("a: text", "text"),
        ("a: 'true'", "true"),
        ('a: "1"', "1"),
        ("a: 2026-01-01", "2026-01-01"),
        ("a: 2026-01-01T12:00:00Z", "2026-01-01T12:00:00Z"),
        ("a: 24h", "24h"),
        ("a: 1.2.3", "1.2.3"),
        ("a: y", "y"),
        ("a: =", "="),
        ('a: "\\u00e9\\n"', "é\n"),
        ("a: |\n  x\n  y\n", "x\ny\n"),
        ("a: >-\n  x\n  y\n", "x y"),
        ("a: x # comment", "x"),
        ("a: [1, b]", [1, "b"]),
        ("a: {n?: int, m: x?}", {"n?": "int", "m": "x?"}),
        ("a: {b: c ? d}", {"b": "c ? d"}),
        ("a: {}", {}),
        ("a: []", []),
        ("a:\n- 1\n- 2", [1, 2]),
    ],
)
def test_values_mean_what_they_look_like(text: str, value: object) -> None:
    """A plain word is a text unless it is true, false, null or plain decimal digits."""
    root = parse(text)
    assert isinstance(root, Mapping)
    found = root.get("a")
    assert found is not None
    assert plain(found) == value
    assert type(plain(found)) is type(value)


def test_decimals_keep_their_digits() -> None:
    """The text of a number is kept, trailing zeros and all."""
    assert value_of("a: 1000.00").text == "1000.00"
    assert value_of("a: 0.10000000000000000001").text == "0.10000000000000000001"


def test_keys_may_be_words_that_yaml_once_read_as_booleans() -> None:
    """`on` is a key of the format."""
    assert plain(parse("on: result\nno: x")) == {"on": "result", "no": "x"}


@pytest.mark.parametrize("word", ["no", "No", "YES", "on", "Off", "True", "FALSE"])
def test_words_that_are_booleans_to_some_readers_are_refused(word: str) -> None:
    """An author who writes `no` must say whether it is false or a text."""
    (problem,) = refused(f"a: {word}")
    assert problem.code == "ambiguous"
    assert problem.help is not None
    assert f'"{word}"' in problem.help


@pytest.mark.parametrize(
    "number",
    [
        *("010", "-010", "00", "007", "0o10", "0x1F", "0b11", "1_000", "+5", "1e5", "1.5e3", ".5", "5."),
        *("12:30", "1:30:00", ".inf", "-.Inf", ".nan", "1" * 65, "0." + "1" * 70),
    ],
)
def test_numbers_in_odd_spellings_are_refused(number: str) -> None:
    """Octal, base 60, exponents, signs, underscores, infinities and NaN are errors, never guesses."""
    (problem,) = refused(f"a: {number}")
    assert problem.code == "ambiguous"
    assert tuple(problem.span) == (3, 3 + len(number))


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("a: 1\na: 2", "duplicate-key", (5, 6)),
        ("x: {b: 1, b: 2}", "duplicate-key", (10, 11)),
        ("a: 1\n'a': 2", "duplicate-key", (5, 8)),
        ("a: &x 1", "anchor", (3, 5)),
        ("a: &x {b: c}", "anchor", (3, 5)),
        ("a: &x [b]", "anchor", (3, 5)),
        ("a: *x", "alias", (3, 5)),
        ("&x a: 1", "anchor", (0, 2)),
        ("*x : 1", "key", (0, 2)),
        ("a: !from_user(x)", "tag", (3, 16)),
        ("a: !!str 1", "tag", (3, 8)),
        ("a: !!python/object/apply:os.system [ls]", "tag", (3, 34)),
        ("a: ! x", "tag", (3, 4)),
        ("<<: {b: c}", "merge-key", (0, 2)),
        ("1: x", "key", (0, 1)),
        ("true: x", "key", (0, 4)),
        ("~: x", "key", (0, 1)),
        ("010: x", "ambiguous", (0, 3)),
        ("? [a]\n: b", "key", (2, 3)),
        ("{a: {b: c}: d}", "yaml-syntax", None),
        ("a\n---\nb", "several-documents", (2, 5)),
        ("%YAML 1.1\n---\na: 1", "directive", None),
        ("%TAG ! tag:x,2000:\n---\na: 1", "directive", None),
        ("", "empty", (0, 1)),
        ("# only a comment\n", "empty", (0, 1)),
        ("a:\tb", "tab", (2, 3)),
        ("a: 'b\tc'", "tab", (5, 6)),
        ("a: b\x00", "invisible-character", (4, 5)),
        ("a: \x1b[0m", "invisible-character", (3, 4)),
        ("a: b\x85c: d", "invisible-character", (4, 5)),
        ("a: b\u2028c: d", "invisible-character", (4, 5)),
        ("a: \u202eb", "invisible-character", (3, 4)),
        ("a: b\u200bc", "invisible-character", (4, 5)),
        ("a: b\ufeff", "invisible-character", (4, 5)),
        ("a: \U000e0041", "invisible-character", (3, 4)),
        ("a: \ud800", "invisible-character", (3, 4)),
        ("a: \ufffe", "invisible-character", (3, 4)),
        ('a: "\\ud83d\\ude00"', "surrogate", (3, 17)),
        ('a: "\\U00110000"', "yaml-syntax", None),
        ('a: "\\q"', "yaml-syntax", (5, 6)),
        ('a: "x', "yaml-syntax", None),
        ("a: 'x", "yaml-syntax", None),
        ("a: [x", "yaml-syntax", None),
        ("a: {x", "yaml-syntax", None),
        ("a: b: c", "yaml-syntax", (4, 5)),
        ("a: *", "yaml-syntax", None),
        ("a: [*]", "yaml-syntax", None),
        ("a: @tag", "yaml-syntax", (3, 4)),
        ("a: `x`", "yaml-syntax", (3, 4)),
        ("a: 'x' && y", "yaml-syntax", None),
        ("a: 1\n b: 2", "yaml-syntax", None),
        ("a: - b", "yaml-syntax", (3, 4)),
        ("a", None, None),
    ],
)
def test_tricks_of_yaml_are_refused_at_their_place(
    text: str, code: str | None, place: tuple[int, int] | None
) -> None:
    """What the format does not need is an error at its characters."""
    if code is None:
        assert isinstance(parse(text), Scalar)
        return
    problems = refused(text)
    assert code in {problem.code for problem in problems}
    if place is not None:
        assert place in {tuple(problem.span) for problem in problems}


def test_a_byte_order_mark_is_read_over() -> None:
    """Some editors begin a file with one; it shifts nothing."""
    text = "\ufeffa: b"
    root = parse(text)
    assert isinstance(root, Mapping)
    assert text[slice(*root.entries[0][1].span)] == "b"


def test_an_impossible_escape_is_found_among_possible_ones() -> None:
    """The escape that is no character is marked, not the first one."""
    text = 'a: "\\U0001F600"\nb: "\\U00110000"'
    (problem,) = refused(text)
    assert text[slice(*problem.span)] == "\\U00110000"


def test_long_words_are_read_in_linear_time() -> None:
    """A very long word that begins like a number is a text, and a very long number is refused."""
    assert value_of("a: " + "1" * 500_000 + "x").text.endswith("1x")
    assert refused("a: " + "1" * 500_000)[0].code == "ambiguous"
    assert value_of("a: " + "-" * 500).value == "-" * 500


def test_every_problem_of_a_file_is_reported_at_once() -> None:
    """Duplicate keys, tags, anchors and odd words of one file come in one error."""
    codes = [problem.code for problem in refused("a: no\nb: &x 1\na: 2\nc: !t x")]
    assert codes == ["ambiguous", "anchor", "duplicate-key", "tag"]


def test_the_number_of_problems_is_bounded() -> None:
    """A hostile file cannot make an endless report."""
    assert len(refused("a: 1\n" * 500)) == MAX_PROBLEMS


def test_depth_is_bounded_without_recursion() -> None:
    """Very deep nesting is refused at the first level too many, in every style."""
    for text in ("[" * 100_000, "{a: " * 100_000, "- " * 100_000):
        (problem,) = refused(text)
        assert problem.code == "too-deep"
    nested = "[" * 64 + "]" * 64
    assert isinstance(parse(nested), Sequence)


def test_size_is_bounded_in_bytes() -> None:
    """The limit is on UTF-8 bytes, not characters."""
    assert refused("#" * (MAX_BYTES + 1))[0].code == "too-large"
    assert refused("# " + "é" * (MAX_BYTES // 2))[0].code == "too-large"
    assert isinstance(parse("a: b\n" + "#" * (MAX_BYTES - 10)), Mapping)


@pytest.mark.parametrize(
    ("text", "word", "place"),
    [
        ("a: x && bad", "bad", "plain"),
        ("a: x\n  && bad", "bad", "plain over lines"),
        ("a: 'it''s bad'", "bad", "single quotes"),
        ("a: 'x\n\n   bad'", "bad", "single quotes over lines"),
        ('a: "\\"\\u00e9\\x41\\U0001F600\\n bad"', "bad", "double quotes with escapes"),
        ('a: "x \\\n   bad"', "bad", "double quotes with an escaped break"),
        ("a: |\n  x &&\n    bad\n", "bad", "literal"),
        ("a: |2-\n   x\n\n   bad\n\n", "bad", "literal with indicators"),
        ("a: | # comment\n  bad\n", "bad", "literal with a comment"),
        ("a: >\n  x &&\n  bad\n\n  more\n", "bad", "folded"),
        ("a: >+\n  x\n   indented\n  bad\n\n", "bad", "folded with more indentation"),
        ("a: 'x'\r\nb: 1\r\n", "x", "after carriage returns"),
    ],
)
def test_offsets_point_at_the_characters_in_the_file(text: str, word: str, place: str) -> None:
    """Whatever the style of a scalar, a word of its value is found at its offsets in the file."""
    scalar = value_of(text)
    assert isinstance(scalar.value, str)
    assert scalar.offsets is not None, place
    assert len(scalar.offsets) == len(scalar.value)
    at = scalar.value.index(word)
    assert scalar.offsets[at] == text.index(word)
    assert "".join(text[offset] for offset in scalar.offsets[at : at + len(word)]) == word


def test_an_escape_is_located_at_its_backslash() -> None:
    """A character that was written as an escape is found where the escape begins."""
    text = 'a: "\\u00e9b"'
    scalar = value_of(text)
    assert scalar.offsets == (4, 10)


def test_spans_cover_nodes_exactly() -> None:
    """A node's span is its text: no trailing blank lines, quotes included."""
    text = "a:\n  - 'x'\n  - {b: c}\n\n\nd: |\n  e\n\n\nf: g\n"
    root = parse(text)
    assert isinstance(root, Mapping)
    a, d = root.get("a"), root.get("d")
    assert isinstance(a, Sequence)
    assert [text[slice(*item.span)] for item in a.items] == ["'x'", "{b: c}"]
    assert text[slice(*a.span)] == "- 'x'\n  - {b: c}"
    assert d is not None
    assert text[slice(*d.span)] == "|\n  e"


_words = st.text(
    st.characters(categories=("L", "N", "P", "S", "Zs"), exclude_characters="\u00a0"), min_size=1
)
_texts = st.lists(_words, min_size=1, max_size=6).flatmap(
    lambda words: st.sampled_from([" ", "\n", "\n\n", "\n  "]).map(lambda gap: gap.join(words))
)


@settings(max_examples=400)
@given(_texts, st.sampled_from([None, "'", '"', "|", ">"]), st.integers(10, 80), st.booleans())
@example("a\n  b", ">", 20, True)
def test_offsets_are_right_for_what_another_program_wrote(
    text: str, style: str | None, width: int, allow_unicode: bool
) -> None:
    """For any text, written in any style by PyYAML, every visible character is found at its offset."""
    written = yaml.dump({"a": text}, default_style=style, width=width, allow_unicode=allow_unicode)
    assume(yaml.safe_load(written) == {"a": text})  # PyYAML folds some texts so that they read otherwise
    try:
        root = parse(written)
    except PolicyError:
        return  # PyYAML left a no-break space or an odd word unquoted: refused, not misread
    assert isinstance(root, Mapping)
    scalar = next(value for key, value in root.entries)
    assert isinstance(scalar, Scalar)
    if not isinstance(scalar.value, str):
        return
    assert scalar.value == text
    assert scalar.offsets is not None
    for character, offset in zip(scalar.value, scalar.offsets, strict=True):
        assert character.isspace() or written[offset] in (character, "\\")


_yamlish = st.text(alphabet="ab:-? \n[]{},'\"|>&*!#%@`<~0.1\\\tué", max_size=60)


@settings(max_examples=600)
@given(_yamlish)
def test_any_text_is_read_or_refused_with_a_location(text: str) -> None:
    """No input raises anything but a PolicyError, and every place lies in the file."""
    found = attempt(text)
    if isinstance(found, PolicyError):
        assert "p.yaml:" in str(found)
        for problem in found.diagnostics:
            assert 0 <= problem.span.start <= min(len(text), problem.span.end)
    else:
        assert 0 <= found.span.start <= found.span.end <= len(text)
