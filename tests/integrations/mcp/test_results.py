"""Results of any shape: what the guard hides of a text is hidden wherever a model could read it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp import types

from bartizan.guard import ToolResult
from bartizan.guard.reasons import WITHHELD
from bartizan.integrations.mcp.results import apply, to_result
from bartizan.integrations.structures import said_otherwise

SECRET = 'pass"word\n\\é'
"""Letters that JSON writes in other letters."""
ESCAPED = [json.dumps(SECRET, ensure_ascii=ascii)[1:-1] for ascii in (True, False)]

plain = st.text(st.characters(codec="utf-8"), max_size=12)
secret = plain.map(lambda text: text + SECRET)
written = st.builds(
    lambda text, ascii: json.dumps({"a": [text]}, ensure_ascii=ascii), plain | secret, st.booleans()
)
escaped = st.just('["' + "".join(f"\\u{ord(letter):04x}" for letter in SECRET) + '"]')
nested = st.builds(lambda text: json.dumps({"a": text}, ensure_ascii=False), written | escaped)
texts = plain | secret | written | escaped | nested
leaves = st.none() | st.booleans() | st.integers(-5, 5) | plain | secret | escaped | nested
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(plain | secret, inner, max_size=3),
    max_leaves=8,
)
meta = st.none() | st.just({"hidden": SECRET})
blocks = st.one_of(
    st.builds(types.TextContent, type=st.just("text"), text=texts, _meta=meta),
    st.builds(
        types.ResourceLink, type=st.just("resource_link"), name=texts, uri=texts, title=st.none() | texts,
        description=st.none() | texts, mime_type=st.none() | texts, _meta=meta,
        icons=st.none() | st.just([types.Icon(src=SECRET)]),
    ),
    st.builds(
        types.EmbeddedResource, type=st.just("resource"), _meta=meta,
        resource=st.builds(types.TextResourceContents, uri=texts, text=texts, _meta=meta)
        | st.builds(types.BlobResourceContents, uri=texts, blob=st.just("aGk=")),
    ),
    st.builds(types.ImageContent, type=st.just("image"), data=st.just("aGk="), mime_type=st.just("image/png")),
)  # fmt: skip
results = st.builds(
    types.CallToolResult, content=st.lists(blocks, max_size=4), structured_content=st.none() | values,
    is_error=st.booleans(), _meta=meta,
)  # fmt: skip


def hidden(value: Any) -> Any:
    """As a redact rule hides: in the text, and in every text of the value."""
    if isinstance(value, str):
        return value.replace(SECRET, "[x]")
    if isinstance(value, list):
        return [hidden(item) for item in value]
    return {hidden(k): hidden(v) for k, v in value.items()} if isinstance(value, dict) else value


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in strings(part)]
    return [text for item in value for text in strings(item)] if isinstance(value, list) else []


@given(results)
def test_what_is_hidden_is_hidden_everywhere(result: types.CallToolResult) -> None:
    """A secret in any field that a model could read is found, and left in none; what nobody inspects does not pass."""
    found = to_result(result)
    shown = ToolResult(hidden(found.text), hidden(found.value), found.is_error)
    passed = strings(apply(result, found, shown).model_dump(by_alias=True, mode="json"))
    assert not any(SECRET in text for text in passed)
    assert not any(escaped in text for text in passed for escaped in ESCAPED)
    assert not any(SECRET in said for text in passed for said in said_otherwise(text))


@pytest.mark.parametrize("structured", [{"pin": 1234}, {"name": "Ann", "pin": "1234"}])
@pytest.mark.parametrize("beside", ["", "a\nb"])
def test_a_structure_does_not_say_what_was_hidden_in_the_text(structured: Any, beside: str) -> None:
    """A field with its name is hidden in the text alone: the structured content that says it goes, as an error."""
    value = {**structured, "beside": beside}
    result = types.CallToolResult(
        content=[types.TextContent(type="text", text=json.dumps(value))], structured_content=value
    )
    found = to_result(result)
    passed = apply(result, found, ToolResult(re.sub(r'"pin": "?\d+"?', "[x]", found.text), value))
    assert "1234" not in passed.model_dump_json()
    assert "[x]" in passed.model_dump_json()
    assert passed.structured_content is None and passed.is_error


def test_a_structure_apart_does_not_say_what_was_hidden_among_its_texts() -> None:
    """Of structured content that no text says, its texts are inspected one after the other, and hidden together."""
    result = types.CallToolResult(content=[], structured_content={"name": "Ann", "pin": "1234"})
    found = to_result(result)
    passed = apply(result, found, ToolResult(re.sub(r"\w+\n1234\n", "[x]", found.text), found.value))
    assert passed.structured_content is None and passed.is_error


@given(results)
def test_what_is_clean_passes_as_it_is(result: types.CallToolResult) -> None:
    """Blocks and structure that nothing was found in are those of the server, but for what nobody inspects."""
    found = to_result(result)
    passed = apply(result, found, found)
    assert passed.structured_content == result.structured_content
    assert passed.is_error == result.is_error
    assert [block.type for block in passed.content] == [block.type for block in result.content]
    assert to_result(passed) == found


@given(results)
def test_what_could_not_be_recorded_does_not_pass(result: types.CallToolResult) -> None:
    """Nothing of a withheld result is left, images included."""
    withheld = apply(result, to_result(result), ToolResult(WITHHELD, None, True))
    assert [block.model_dump()["text"] for block in withheld.content] == [WITHHELD]
    assert withheld.is_error and withheld.structured_content is None
