"""Declared types: their text, their limits, and what they refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.policies.diagnostics import Diagnostic, PolicyError, Source
from bartizan.policies.document.source import parse_yaml
from bartizan.policies.document.typespec import MAX_DEPTH, format_type, parse_type
from bartizan.policies.language.types import (
    F64,
    Any,
    Bool,
    Dec,
    Duration,
    Enum,
    Field,
    Int,
    List,
    Record,
    Str,
    Time,
    Type,
)


def attempt(text: str) -> Type | PolicyError:
    try:
        return parse_type(text)
    except PolicyError as error:
        return error


def refused(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(PolicyError) as caught:
        parse_type(text)
    return caught.value.diagnostics


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("bool", Bool()),
        ("int", Int()),
        ("f64", F64()),
        ("str", Str()),
        ("str(200)", Str(200)),
        ("str( 65536 )", Str()),
        ("time", Time()),
        ("duration", Duration()),
        ("any", Any()),
        ("dec(0)", Dec(0)),
        ("dec(9)", Dec(9)),
        ("enum(a)", Enum(("a",))),
        ('enum(a, "b c", in, true)', Enum(("a", "b c", "in", "true"))),
        ("list(str)", List(Str(), 16)),
        ("list(str, 1)", List(Str(), 1)),
        ("list(list(dec(2), 4), 64)", List(List(Dec(2), 4), 64)),
        ("{}", Record()),
        ('{a: int, b?: str, "c d"?: {e: bool}}', None),
        (" list( enum(a , b) , 3 ) ", List(Enum(("a", "b")), 3)),
    ],
)
def test_types_are_read_from_text(text: str, type_: Type | None) -> None:
    """Each spelling of the format gives its type, whatever the white space."""
    if type_ is None:
        inner = Record((("e", Field(Bool())),))
        type_ = Record((("a", Field(Int())), ("b", Field(Str(), True)), ("c d", Field(inner, True))))
    assert parse_type(text) == type_


@pytest.mark.parametrize(
    ("text", "marked", "help"),
    [
        ("string", "string", "write str"),
        ("integer", "integer", "write int"),
        ("number", "number", "write f64"),
        ("boolean", "boolean", "write bool"),
        ("decimal", "decimal", "dec(2)"),
        ("datetime", "datetime", "write time"),
        ("array", "array", "list(str, 16)"),
        ("object", "object", "mapping"),
        ("dict", "dict", "mapping"),
        ("flaot", "flaot", None),
        ("boll", "boll", "`bool`"),
        ("strr", "strr", "`str`"),
        ("dec", "dec", "dec(2)"),
        ("dec(10)", "10", None),
        ("dec(-1)", "-", None),
        ("dec(2.0)", "2.0", None),
        ("dec(x)", "x", None),
        ("dec(2", None, None),
        ("str(0)", "0", None),
        ("str(65537)", "65537", None),
        ("list", "list", "list(str, 16)"),
        ("list()", ")", None),
        ("list(str, 0)", "0", None),
        ("list(str, 65)", "65", None),
        ("list(str, many)", "many", None),
        ("list(str 4)", "4", None),
        ("list(sttr, 4)", "sttr", "`str`"),
        ("enum", "enum", "enum(low, high)"),
        ("enum()", ")", None),
        ("enum(a, a)", "a", "remove"),
        ("enum(a b)", "b", None),
        ("enum(in-progress)", "-", None),
        ("enum(1, 2)", "1", "quoted"),
        ("enum(a,", None, "quote the type"),
        ("int int", "int", None),
        ("int?", "?", None),
        ("[int]", "[", None),
        ("'int'", "'int'", None),
        ("{a int}", "int", None),
        ("{a: int, a: str}", "a", "remove"),
        ("{1: int}", "1", None),
        ('{"": int}', '""', None),
        ("{a: int", None, None),
        ("", None, None),
        ("int;", ";", None),
    ],
)
def test_what_is_no_type_is_refused_at_its_characters(
    text: str, marked: str | None, help: str | None
) -> None:
    """A misspelt or foreign type is marked, with what to write where that is known."""
    (problem,) = refused(text)
    assert problem.code in ("type-spec", "character")
    if marked is not None:
        assert text[slice(*problem.span)] == marked
    if help is not None:
        assert problem.help is not None
        assert help in problem.help


def test_nesting_is_bounded() -> None:
    """A type nested too deeply is refused, in text and in YAML, without recursion."""
    assert parse_type("list(" * MAX_DEPTH + "int" + ")" * MAX_DEPTH)
    for text in ("list(" * (MAX_DEPTH + 1) + "int" + ")" * (MAX_DEPTH + 1), "list(" * 10_000):
        assert "deeper" in refused(text)[0].message
    source = Source("t.yaml", "{a: " * (MAX_DEPTH + 1) + "int" + "}" * (MAX_DEPTH + 1))
    with pytest.raises(PolicyError, match="deeper"):
        parse_type(parse_yaml(source), source)


def test_all_problems_of_a_mapping_are_reported() -> None:
    """Every field of a record is looked at."""
    source = Source("t.yaml", "a: string\nb: {c: integer, d: int}\ne: 5\n")
    with pytest.raises(PolicyError) as caught:
        parse_type(parse_yaml(source), source)
    assert [source.text[slice(*p.span)] for p in caught.value.diagnostics] == ["string", "integer", "5"]


_words = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=8)
_names = st.one_of(
    st.from_regex(r"[a-z_][a-z0-9_]{0,5}", fullmatch=True), _words.filter(lambda n: n[-1] != "?")
)
_values = st.lists(st.one_of(_words, st.just("a b"), st.just("")), min_size=1, max_size=4, unique=True)
_leaves = st.one_of(
    st.sampled_from([Bool(), Int(), F64(), Str(), Time(), Duration(), Any()]),
    st.integers(0, 9).map(Dec),
    st.integers(1, 65_536).map(Str),
    _values.map(lambda v: Enum(tuple(v))),
)
_types = st.recursive(
    _leaves,
    lambda inner: st.one_of(
        st.builds(List, inner, st.integers(1, 64)),
        st.dictionaries(_names, st.builds(Field, inner, st.booleans()), max_size=3).map(
            lambda d: Record(tuple(d.items()))
        ),
    ),
    max_leaves=8,
)


@given(_types)
def test_formatting_and_parsing_are_inverse(type_: Type) -> None:
    """For any type, parsing its text gives the type back."""
    assert parse_type(format_type(type_)) == type_


@given(st.text(alphabet="lisntrdecumab()[]{},?:\"' 0123456789-é", max_size=30))
def test_any_text_is_a_type_or_refused(text: str) -> None:
    """No text raises anything but a located PolicyError."""
    found = attempt(text)
    if isinstance(found, PolicyError):
        assert all(0 <= p.span.start <= len(text) for p in found.diagnostics)
    else:
        assert parse_type(format_type(found)) == found
