"""Adding tests to a policy's text: everything else stays, and what cannot be added is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.policies.diagnostics import PolicyError, Source
from bartizan.policies.document.append import CannotAppend, Entry, append_tests, flow, new_file
from bartizan.policies.document.loading import plain
from bartizan.policies.document.source import parse_yaml

CASE = {"expect": "allow", "call": {"tool": "send", "args": {"to": "a: b", "n": 1.5}}, "prompt": "hello"}
ENTRY = Entry(CASE, "found by lint")
HEAD = "version: 1\nname: x # mine\n"
BLOCK = """\
  # found by lint
  - prompt: hello
    call: {tool: send, args: {to: "a: b", n: 1.5}}
    expect: allow
"""


def appended(text: str, *entries: Entry) -> str:
    return append_tests(Source("p.yaml", text), entries or (ENTRY,)).text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (HEAD, HEAD + "tests:\n" + BLOCK),
        (HEAD.rstrip("\n"), HEAD.rstrip("\n") + "\ntests:\n" + BLOCK),
        (HEAD + "# the end\n", HEAD + "# the end\ntests:\n" + BLOCK),
        (HEAD + "tests:\n  - a: 1 # one\n  # two\n\nrules: []\n",
         HEAD + "tests:\n  - a: 1 # one\n" + BLOCK + "  # two\n\nrules: []\n"),
        (HEAD + "tests:\n- a: 1\n  b: 2\nrules: []",
         HEAD + "tests:\n- a: 1\n  b: 2\n" + BLOCK.replace("\n  ", "\n")[2:] + "rules: []"),
        (HEAD + "tests:\n  - a: 1", HEAD + "tests:\n  - a: 1\n" + BLOCK),
        (HEAD + "tests:\n  - a: |\n      b\n\n      c\n\nrules: []\n",
         HEAD + "tests:\n  - a: |\n      b\n\n      c\n" + BLOCK + "\nrules: []\n"),
        (HEAD.replace("\n", "\r\n"), (HEAD + "tests:\n" + BLOCK).replace("\n", "\r\n")),
        ("\ufeff" + HEAD, "\ufeff" + HEAD + "tests:\n" + BLOCK),
    ],
)  # fmt: skip
def test_entries_follow_the_last_test(before: str, after: str) -> None:
    """They stand where the list ends, with its indentation and line ends; nothing else changes."""
    assert appended(before) == after


@pytest.mark.parametrize("tests", ["[]", "[ ]", "[{a: 1}]", "[{a: 1}, ]", "[\n  {a: 1}, # one, two\n  ]"])
def test_entries_join_a_list_in_brackets(tests: str) -> None:
    """A list in brackets gets its entries before the closing bracket."""
    before = Source("p.yaml", HEAD + f"tests: {tests} # all\nrules: []\n")
    text = append_tests(before, [ENTRY, ENTRY]).text
    read = plain(parse_yaml(Source("p.yaml", text)))["tests"]
    assert len(read) == len(plain(parse_yaml(before))["tests"]) + 2
    assert read[-1] == plain(parse_yaml(new_file("n", [ENTRY])))["tests"][0]
    assert text.startswith(before.text[: before.text.index("]")].rstrip())
    assert text.endswith(" # all\nrules: []\n")


@pytest.mark.parametrize(
    "text",
    [
        "{version: 1, name: x}\n",
        "- a\n",
        HEAD + "tests: 5\n",
        HEAD + "tests:\n  - a: |+\n      b\n\n\nrules: []\n",
        HEAD + "...\n",
    ],
)
def test_what_has_no_place_is_refused(text: str) -> None:
    """A file that would have to be reformatted, or would read otherwise, is refused."""
    with pytest.raises(CannotAppend):
        appended(text)


def test_a_broken_file_is_refused_at_its_place() -> None:
    """A file that is no YAML has its usual error."""
    with pytest.raises(PolicyError):
        appended("version: 1\nversion: 1\n")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"x", {1, 2}])
def test_what_is_no_json_is_refused(value: object) -> None:
    """Only JSON can be written down."""
    with pytest.raises(CannotAppend):
        flow(value)


@pytest.mark.parametrize("hostile", ["\ud800", "k" * 2000])
def test_what_the_format_cannot_hold_is_refused(hostile: str) -> None:
    """Half of a surrogate pair, or a key that YAML cannot read back, leave the file as it is."""
    with pytest.raises(CannotAppend):
        appended(HEAD, Entry({"call": {"tool": "t", "args": {hostile: hostile}}}))


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(-1e9, 1e9, width=32) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


def as_read(value: Any) -> Any:
    """A JSON value as YAML gives it: tuples, decimals as floats."""
    if isinstance(value, dict):
        return {key: as_read(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(as_read(item) for item in value)
    return float(value) if type(value).__name__ == "Decimal" else value


@given(JSON, TEXTS)
def test_every_value_is_read_back(value: Any, comment: str) -> None:
    """Whatever JSON an entry holds, and whatever its comment says, it is read as it was, and the rest stays."""
    text = appended(HEAD, Entry({"name": "n", "prompt": value}, comment))
    assert text.startswith(HEAD)
    read = plain(parse_yaml(Source("p.yaml", text)))
    assert as_read(read["tests"][0]["prompt"]) == as_read(value)
    assert read["name"] == "x"
