"""Whatever was observed satisfies what is suggested."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.policies.analysis.suggest.hull import Conjunct, hull, round_down, round_up
from bartizan.policies.analysis.suggest.literals import number_literal, text_literal
from bartizan.policies.analysis.suggest.options import Options
from bartizan.policies.analysis.suggest.texts import common_directory, common_prefix, in_common
from bartizan.policies.diagnostics import Source
from bartizan.policies.evaluation.reference import evaluate
from bartizan.policies.evaluation.scope import Scope
from bartizan.policies.language import ast
from bartizan.policies.language.checker import check_condition
from bartizan.policies.language.environment import call_environment
from bartizan.policies.language.parser import parse_expression
from bartizan.policies.language.types import (
    F64,
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
    ToolDecl,
    Type,
)
from bartizan.policies.language.types import (
    Any as Opaque,
)
from bartizan.policies.language.values import E

WORDS = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
PATHS = st.lists(st.sampled_from(["srv", "bills", "a b", "..", "x'y"]), min_size=1, max_size=4).map(
    lambda parts: "/" + "/".join(parts)
)
MAILS = st.builds(
    "{}@{}".format, st.sampled_from(["ann", "bob"]), st.sampled_from(["corp.com", "x.org", "Corp.COM"])
)
URLS = st.builds(
    "https://{}/{}".format, st.sampled_from(["a.com", "b.a.com", "c.org"]), st.sampled_from(["", "p?q=1"])
)
TEXTS = st.one_of(WORDS, PATHS, MAILS, URLS)


def values(type_: Type) -> st.SearchStrategy[Any]:
    match type_:
        case Bool():
            return st.booleans()
        case Int() | Dec():
            return st.integers(-(10**30), 10**30) | st.integers(-5, 5)
        case F64():
            return st.floats(allow_nan=False, allow_infinity=False)
        case Time() | Duration():
            return st.integers(0, 10**15)
        case Enum(known):
            return st.sampled_from(known)
        case Str():
            return TEXTS
        case List(element, limit):
            return st.lists(values(element), max_size=limit).map(tuple)
        case Record(fields):
            required = {n: values(f.type) for n, f in fields if not f.optional}
            optional = {n: values(f.type) for n, f in fields if f.optional}
            return st.fixed_dictionaries(required, optional=optional)
        case _:
            return st.just({"anything": 1})


SCALARS = st.sampled_from(
    [Bool(), Int(), Dec(2), Dec(0), F64(), Str(), Enum(("r", "rw", "x")), Time(), Duration(), Opaque()]
)


def records(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Record]:
    field = st.builds(Field, inner, st.booleans())
    names = st.sampled_from(["to", "x-y", "in", "amount", 'q"uote'])
    return st.dictionaries(names, field, max_size=3).map(lambda found: Record(tuple(found.items())))


TYPES = st.recursive(SCALARS, lambda t: st.builds(List, t, st.just(3)) | records(t), max_leaves=4)


@st.composite
def observations(draw: st.DrawFn) -> tuple[Record, list[dict[str, Any]]]:
    record = draw(records(TYPES))
    pool = draw(st.lists(values(record), min_size=1, max_size=4))
    return record, draw(st.lists(st.sampled_from(pool), min_size=1, max_size=10))


def checked(record: Record, found: Conjunct) -> ast.Expr:
    tool = ToolDecl("t", record)
    tree = parse_expression(found.text, 0, Source("<hull>", found.text))
    return check_condition(tree, call_environment(tool, {"t": tool}, {}))


def scope(args: Any) -> Scope:
    return Scope({"args": args, "tool": "t", "now": 0}, {"args": args}, 0, {}, lambda: pytest.fail("asked"))


@given(observations(), st.booleans())
def test_every_observed_value_satisfies_the_hull(
    observed: tuple[Record, list[dict[str, Any]]], readable: bool
) -> None:
    """Of any type, with any texts in it, the suggested conditions load and are T of what was seen."""
    record, seen = observed
    for found in hull(record, seen, Options(min_observations=1, repeats=1, readable=readable)):
        condition = checked(record, found)
        for args in seen:
            assert evaluate(condition, scope(args)) is True, found


def texts_of(type_: Type, seen: list[Any], **options: int) -> list[str]:
    record = Record((("x", Field(type_)),))
    return [c.text for c in hull(record, [{"x": value} for value in seen], Options(**options))]


@pytest.mark.parametrize(
    ("type_", "seen", "wanted"),
    [
        (Int(), [3, 7, 5], ["args.x >= 3", "args.x <= 7"]),
        (Int(), [4, 4, 4], ["args.x == 4"]),
        (Dec(2), [1250, -5, 0], ["args.x >= -0.05", "args.x <= 12.50"]),
        (F64(), [0.1, 0.5, 1e-7], ["args.x >= 0.0000001", "args.x <= 0.5"]),
        (Bool(), [True, True, True], ["args.x"]),
        (Bool(), [False, False, False], ["!args.x"]),
        (Bool(), [True, False, True], []),
        (Enum(("r", "rw", "x")), ["r", "x", "r"], ['args.x in ["r", "x"]']),
        (Duration(), [60_000_000, 90_000_000, 1], ['args.x >= duration("1us")', 'args.x <= duration("1m30s")']),
        (Time(), [1, 2, 3], []),
        (Str(), ["a", "a", "b", "b"], ['args.x in ["a", "b"]']),
        (Str(), ["a", "b", "c"], []),
        (Str(), ["/srv/bills/1", "/srv/bills/2", "/srv/bills/old/3"], ['path_under(args.x, "/srv/bills")']),
        (Str(), ["/srv/bills/1", "/srv/bills/../2", "/srv/bills/3"], ['args.x.startsWith("/srv/bills/")']),
        (Str(), ["a@corp.com", "b@Corp.com", "c@corp.com"], ['email_domain(args.x, ["corp.com"])']),
        (Str(), ["https://a.com/1", "http://b.a.com", "https://c.org?x"], ['host_under(args.x, ["a.com", "c.org"])']),
        (Str(), ["https://u@a.com/1", "https://u@a.com/2", "https://u@a.com/3"], ['args.x.startsWith("https://u@a.com/")']),
        (Str(), ["invoice-1", "invoice-2", "invoice-37"], ['args.x.startsWith("invoice-")']),
        (Str(), ["alpha", "alphabet", "alphaville"], []),
        (List(Str(), 4), [("a", "b"), ("a",), ("b", "b")], ['args.x.all(item, item in ["a", "b"])']),
        (List(Int(), 4), [(), (), ()], ["size(args.x) == 0"]),
        (Opaque(), [{}, {}, {}], []),
    ],
)  # fmt: skip
def test_the_hull_is_in_the_terms_of_the_type(type_: Type, seen: list[Any], wanted: list[str]) -> None:
    """Bounds, lists, directories, domains, hosts, prefixes: whichever is narrow and says something."""
    assert texts_of(type_, seen) == wanted


def test_few_observations_say_nothing() -> None:
    """An argument seen less often than the minimum is left alone."""
    assert texts_of(Int(), [1, 2]) == []
    assert texts_of(Int(), [1, 2], min_observations=2) == ["args.x >= 1", "args.x <= 2"]


def test_long_lists_are_not_written() -> None:
    """More different texts than the maximum are not listed."""
    seen = [text for text in "abcdefghij" for _ in range(4)]
    assert texts_of(Str(), seen) == []
    assert texts_of(Str(), seen, max_listed=10) != []


def test_a_value_that_is_none_is_no_ground() -> None:
    """Where an observed value was E, no condition is suggested: it would be E again."""
    assert texts_of(Dec(2), [100, 200, E]) == []


def test_optional_fields_are_asked_for_first() -> None:
    """What is sometimes absent may stay so; what never came must stay away; what always came must come."""
    record = Record((("a", Field(Int(), True)), ("b", Field(Int(), True)), ("c", Field(Int(), True))))
    seen = [{"a": 1, "c": 5}, {"a": 1, "c": 5}, {"a": 1, "c": 5}, {"a": 1}]
    assert [c.text for c in hull(record, seen, Options())] == [
        "has(args.a)", "args.a == 1", "!has(args.b)", "(!has(args.c) || args.c == 5)",
    ]  # fmt: skip


def test_records_are_narrowed_field_by_field() -> None:
    """Inside records, and records inside lists, the fields are looked at one by one."""
    inner = Record((("to", Field(Str())), ("x-y", Field(Int()))))
    seen = [({"to": "ann", "x-y": 1},), ({"to": "ann", "x-y": 2},), ({"to": "ann", "x-y": 2},)]
    assert texts_of(List(inner, 4), seen) == [
        'args.x.all(item, item.to == "ann" && item["x-y"] >= 1 && item["x-y"] <= 2)'
    ]


@given(st.integers(-(10**40), 10**40))
def test_readable_bounds_are_outside(value: int) -> None:
    """Rounding moves a bound away from what was observed, never inside, and stays put when applied again."""
    assert round_down(value) <= value <= round_up(value)
    assert round_up(round_up(value)) == round_up(value)


def test_readable_bounds_are_one_two_or_five() -> None:
    """The numbers that people write."""
    assert [round_up(n) for n in (0, 1, 3, 11, 120, 501)] == [0, 1, 5, 20, 200, 1000]
    assert [round_up(n) for n in (-1, -3, -120)] == [-1, -2, -100]


@given(st.lists(TEXTS, min_size=1, max_size=12))
def test_common_directories_and_prefixes_are_common(texts: list[str]) -> None:
    """What is called common is a prefix of every text."""
    assert all(text.startswith(common_directory(texts) or "") for text in texts)
    assert all(text.startswith(common_prefix(texts)) for text in texts)


HOSTILE = (
    '"', "'", "\\", r"\u{41}", "a\nb", "\t", "\x00", "\u202e", "\U0001f600", "# no", "- x", "{a: b}", "&a *b !c",
    "%", "|", ">", '"], true || x in ["', "\x85", "\ufeff", "null", "${x}",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_stay_texts(text: str) -> None:
    """Quotes, escapes, invisible characters and YAML's signs are only ever characters of a literal."""
    assert parse_expression(text_literal(text), 0, Source("x", "")).value == text  # type: ignore[union-attr]
    assert text_literal(text).isprintable()


def test_half_characters_are_refused() -> None:
    """A lone surrogate is in no text of the language, so nothing is suggested about it."""
    assert in_common(["\ud800", "\ud800"], Options()) is None
    with pytest.raises(ValueError, match="surrogate"):
        text_literal("\ud800")


@given(st.integers(-(10**60), 10**60), st.sampled_from([Int(), Dec(0), Dec(2), Dec(9)]))
def test_number_literals_are_exact(value: int, type_: Type) -> None:
    """However many figures, a literal means the number that it was made of."""
    record = Record((("x", Field(type_)),))
    literal = number_literal(value, type_)
    if literal is None:
        assert value < -(10**28)
        return
    text = f"args.x == {literal}"
    assert evaluate(checked(record, Conjunct("", text, "", 1)), scope({"x": value})) is True


def test_numbers_beyond_the_literals_are_left_out() -> None:
    """A bound that no literal can say is not suggested."""
    assert texts_of(Int(), [0, 5, 10**200]) == ["args.x >= 0"]
    assert texts_of(Dec(2), [0, 5, 10**200]) == ["args.x >= 0.00"]
    assert texts_of(F64(), [0.0, 1.0, 1e300]) == ["args.x >= 0.0"]
