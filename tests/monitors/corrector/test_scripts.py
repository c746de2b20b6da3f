"""Edit scripts: one form each, read strictly, applied exactly."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bartizan.guard.canonical import canonical_json
from bartizan.monitors.corrector import script, spans
from bartizan.monitors.corrector.errors import NoScript
from bartizan.monitors.corrector.grammar import CallGrammar
from bartizan.monitors.corrector.script import Edit, Word
from bartizan.monitors.corrector.spans import SpanEdit
from bartizan.monitors.corrector.vocabulary import END

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = texts | st.sampled_from(["", "-", "~", "/", "=", ";", "~1", "a;b=c", "DENY", "0"])
scalars = (
    st.none() | st.booleans() | st.integers(-(10**18), 10**18) | texts | st.sampled_from([0.5, -1e-7, 1e30])
)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(names, v, max_size=3), max_leaves=6
)
arguments = st.dictionaries(names, values, max_size=4)


def same(one: Any, other: Any) -> bool:
    return canonical_json(one) == canonical_json(other)


@given(arguments, arguments)
def test_a_script_makes_one_call_of_another(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Whatever the arguments: the script between them, written and read, makes the one of the other."""
    found = script.script_of(before, after)
    text = script.written(found)
    assert script.read(text) == found or same([e.value for e in script.read(text)], [e.value for e in found])
    if found is Word.UNCHANGED:
        assert same(before, after)
    else:
        assert same(script.applied(script.read(text), before), after)


@given(st.binary(max_size=24) | st.text('=;-~/0123456789abDENY"{}[]. ', max_size=16).map(str.encode))
def test_what_is_read_is_written_back(text: bytes) -> None:
    """Any bytes are no script, or the only form of one."""
    try:
        found = script.read(text)
    except NoScript:
        return
    assert script.written(found) == text


@pytest.mark.parametrize(
    "text",
    ["", "==", "DENY;", "a", "a=", "=1", "a=1;", "b=1;a=2", "a=1;a=2", "a=1;a/b=2", "a= 1",
     "a=1.50", 'a="x";"', "a=NaN", "a=01", "-", "--a", "a=1;-a",
     "~6=1", "a//b=1", "/a=1", 'a="\\u003B"', "a=[1, 2]", '{"a":1}', "\xff", "a=\xff"],
)  # fmt: skip
def test_garbage_is_no_script(text: str) -> None:
    """Out of order, twice, in another form, in other words: nothing is guessed."""
    with pytest.raises(NoScript):
        script.read(text.encode("latin-1"))


@pytest.mark.parametrize(
    ("text", "args"),
    [("-a", {}), ("a/b=1", {"a": 2}), ("a/b/c=1", {"a": {}}), ("a/3=1", {"a": [1]}), ("-a/0", {"a": [1]}),
     ("a/00=1", {"a": [1]}), ("=", {"a": 1}), ("DENY", {"a": 1})],
)  # fmt: skip
def test_a_script_that_does_not_fit_is_nothing(text: str, args: dict[str, Any]) -> None:
    """A member that is not there, an index beyond the list, a word that edits nothing."""
    with pytest.raises(NoScript):
        script.applied(script.read(text.encode()), args)


def test_a_script_leaves_its_arguments_alone() -> None:
    """What it is applied to does not change, also deep inside."""
    args = {"items": [{"price": 3}]}
    assert script.applied((Edit(("items", "0", "price"), 2),), args) == {"items": [{"price": 2}]}
    assert args == {"items": [{"price": 3}]}


@st.composite
def span_edits(draw: st.DrawFn) -> tuple[str, tuple[SpanEdit, ...]]:
    text = draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=24))
    cuts = [len(text[:i].encode()) for i in range(len(text) + 1)]
    places = sorted(draw(st.lists(st.sampled_from(cuts), max_size=6, unique=True)))
    edits = [SpanEdit(a, b, draw(texts)) for a, b in zip(places[::2], places[1::2], strict=False)]
    return text, tuple(edits)


@given(span_edits())
def test_spans_replace_just_their_bytes(given: tuple[str, tuple[SpanEdit, ...]]) -> None:
    """Written, read and applied, the text is as it was but for the spans."""
    text, edits = given
    assume(edits)
    assert spans.read(spans.written(edits)) == edits
    expected, at, whole = b"", 0, text.encode()
    for edit in edits:
        expected += whole[at : edit.start] + edit.text.encode()
        at = edit.end
    assert spans.applied(edits, text) == (expected + whole[at:]).decode()


@pytest.mark.parametrize(
    "text",
    ['3-2>"x"', '1-2>"x";1-3>"y"', '1-2>"x";2-3>"y"', '01-2>"x"', '1-2>x', '1-2>"x', '1-2>1',
     '1-1>""', '-1-2>"x"', "1-2", ">"],
)  # fmt: skip
def test_bad_spans_are_no_script(text: str) -> None:
    """Backwards, overlapping, touching, padded, unquoted, empty: no script."""
    with pytest.raises(NoScript):
        spans.read(text.encode())


def test_spans_that_cut_a_character_or_leave_the_text_are_nothing() -> None:
    """Offsets are bytes, and must fall between characters inside the text."""
    for edit in (SpanEdit(1, 2, "x"), SpanEdit(0, 9, "x")):
        with pytest.raises(NoScript):
            spans.applied((edit,), "é!")


EDITABLE = {"amount": (), "currency": ("USD", "EUR"), "urgent": (False,), "memo/text": ()}


@given(st.randoms(use_true_random=False))
def test_the_grammar_writes_only_scripts(draw: Any) -> None:
    """Any walk through the grammar that ends is a script that edits only what may be edited, in the ways it may."""
    grammar, written = CallGrammar(EDITABLE), b""
    for _ in range(120):
        token = draw.choice(grammar(written))
        if token == END:
            break
        written += bytes([token])
    else:
        return
    try:
        found = script.read(written)
    except NoScript:  # a text that is no UTF-8, a number or an escape in another form than the canonical one
        assert any(c >= 0x80 or c in b"\\.-" for c in written)
        return
    for edit in found if not isinstance(found, Word) else ():
        path = script.path_text(edit.path)
        assert not edit.drop
        assert edit.value in (EDITABLE[path] or (edit.value,))


@pytest.mark.parametrize(
    "text", ["=", "DENY", "amount=500", 'currency="EUR";urgent=false', 'amount=-0.5;memo/text="a\\u003bb"']
)
def test_the_grammar_lets_every_script_pass(text: str) -> None:
    """Byte for byte, a right script is among what the grammar offers."""
    grammar = CallGrammar(EDITABLE)
    for at in range(len(text)):
        assert text.encode()[at] in grammar(text.encode()[:at])
    assert END in grammar(text.encode())
