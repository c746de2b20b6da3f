"""The page's own JSON reader, in the browser that runs it: held against the service's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integrations.sidecar.page.desk import Person

from bartizan.guard import MalformedJSON, parse_json
from bartizan.integrations.sidecar.page import static_files

Come = Callable[..., Person]

GOOD = [
    "1", "-0", "1.0", "1e5", "12345678901234567890", "0.1", '"a"', r'"\u00e9\n\ud83d\ude00"', "null", "true", "[]",
    "{}", '{"a": [1, {"b": null}], "__proto__": {"x": 1}, "": ""}', ' { "a" : [ 1 , 2 ] } ', "[[[[1]]]]",
    '{"constructor": 1}',
]  # fmt: skip
BAD = [
    "", " ", "01", "1.", ".5", "+1", "NaN", "Infinity", "[1,]", "{,}", '{"a":1,}', "{'a':1}", "{a:1}", '"\n"', '"\\x"',
    "[1 2]", '{"a" 1}', "1 2", "tru", "[", '{"a":1', '"abc', '{"a":1,"a":2}', '{"__proto__":1,"__proto__":2}', "[1]]",
    "// x\n1", "0x10",
]  # fmt: skip


@pytest.fixture
def evaluate(person: Come) -> Callable[[str, Any], Any]:
    someone = person()
    someone.page.goto(someone.base)

    def run(script: str, argument: Any = None) -> Any:
        return someone.page.evaluate(script, argument)

    return run


def test_json_is_read_as_the_service_reads_it(evaluate: Callable[[str, Any], Any]) -> None:
    """The same texts are JSON, and written again they are the same value to the last digit."""
    read = """async texts => {
        const { read, compact } = await import("/page/json.js");
        return texts.map(text => { try { return compact(read(text)); } catch (error) { return null; } });
    }"""
    for text, written in zip(GOOD, evaluate(read, GOOD), strict=True):
        assert written is not None, text
        assert json.dumps(parse_json(written)) == json.dumps(parse_json(text))
    assert evaluate(read, BAD) == [None] * len(BAD)
    for text in BAD:
        with pytest.raises(MalformedJSON):
            parse_json(text)


def test_a_difference_names_what_changed(evaluate: Callable[[str, Any], Any]) -> None:
    """Added, removed, changed; a number of another type or length is a change."""
    script = """async pairs => {
        const { read, changes, compact } = await import("/page/json.js");
        const shown = (value) => (value === undefined ? null : compact(value));
        return pairs.map(([one, other]) => changes(read(one), read(other)).map(
            ({ path, before, after }) => [path, shown(before), shown(after)]));
    }"""
    pairs = [
        ('{"a":1,"b":[1,2],"c":{"d":"x"}}', '{"a":1.0,"b":[1],"c":{"d":"y","e k":null}}'),
        ('{"b":1,"a":2}', '{"a":2,"b":1}'),
    ]
    found = evaluate(script, pairs)
    assert found == [
        [["$.a", "1", "1.0"], ["$.b[1]", "2", None], ["$.c.d", '"x"', '"y"'], ['$.c["e k"]', None, "null"]],
        [],
    ]


def test_elements_are_made_of_text_only(evaluate: Callable[[str, Any], Any]) -> None:
    """The one function that makes elements never parses what it is given; hidden characters come out visible."""
    found = evaluate("""async () => {
        const { h, said } = await import("/page/dom.js");
        const made = h("p", {title: '"><b>'}, "<b>x</b>", said("<i>\\u202e</i>", {spans: [[0, 3]]}));
        return [made.querySelectorAll("b, i").length, made.textContent, made.querySelector("mark").textContent];
    }""", None)  # fmt: skip
    assert found == [0, "<b>x</b><i>⟨U+202E⟩</i>", "<i>"]


def test_no_module_parses_markup_or_code() -> None:
    """What the page's safety rests on besides its policy: none of the ways from a text to something that runs."""
    folder = Path(static_files.__file__).parent / "static"
    sources = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}
    assert {"index.html", "app.js", "style.css"} <= set(sources)
    ways = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|srcdoc|setHTML",
        r"\beval\(|new Function|setTimeout\([\"'`]|import\(|javascript:|localStorage\.setItem\(KEY, token",
        r"(?<!xmlns=\")https?://",
        r"url\(|@import",
    )
    for name, text in sources.items():
        for way in ways:
            assert not re.search(way, text), (name, way)
    page = sources["index.html"]
    assert not re.search(r"\son\w+=|style=|<style|<script(?! type=\"module\" src=)", page)
