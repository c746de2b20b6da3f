"""Files that cannot be a policy: what is said of them, where, and that it is said soon."""

from __future__ import annotations

from pathlib import Path

import pytest

from bartizan.policies import PolicyError, compile_policy, load_policy, read_source
from bartizan.policies.diagnostics import Source
from bartizan.policies.document.source import MAX_PROBLEMS, Mapping, Scalar, parse_yaml

HEAD = "version: 1\nname: p\n"


@pytest.mark.parametrize("escape", ["\\UFFFFFFFF", "\\U80000000", "\\U00110000"])
def test_an_escape_that_is_no_character_has_its_place(escape: str) -> None:
    """However far beyond the last character an escape points, it is a mistake of the file, at its place."""
    with pytest.raises(PolicyError) as caught:
        compile_policy(f'version: 1\nname: "{escape}"\n')
    (problem,) = caught.value.diagnostics
    assert (problem.code, caught.value.source.position(problem.span.start)) == ("yaml-syntax", (2, 8))


def test_a_document_with_very_many_unknown_keys_is_refused_with_the_first_of_them() -> None:
    """What is wrong is looked up for as many problems as a report may have, not for each of a hostile file."""
    with pytest.raises(PolicyError) as caught:
        compile_policy(HEAD + "".join(f"k{number}: 1\n" for number in range(5000)))
    assert len(caught.value.diagnostics) == MAX_PROBLEMS


def test_a_mapping_finds_the_first_of_its_keys() -> None:
    """A value is found by its key, with the key's own place."""
    root = parse_yaml(Source("p.yaml", "a: 1\nb: 2\n"))
    assert isinstance(root, Mapping)
    value, key = root.get("b"), root.key("b")
    assert isinstance(value, Scalar) and key is not None
    assert (value.value, key.span.start, root.get("c"), root.key("c")) == (2, 5, None, None)


def test_no_more_of_a_file_is_read_than_a_policy_may_have() -> None:
    """A file without end is refused like one that is too long."""
    with pytest.raises(PolicyError) as caught:
        read_source("/dev/zero")
    assert [each.code for each in caught.value.diagnostics] == ["too-large"]


def test_an_include_that_cannot_be_read_is_named_where_it_is_included(tmp_path: Path) -> None:
    """It is the include that is wrong, not the file that could be read."""
    (tmp_path / "main.yaml").write_text(f"{HEAD}include: [{'a' * 400}.yaml]\n")
    with pytest.raises(PolicyError) as caught:
        load_policy(tmp_path / "main.yaml")
    (problem,) = caught.value.diagnostics
    assert problem.code == "unreadable"
    assert "File name too long" in problem.message
    assert caught.value.source.position(problem.span.start) == (3, 11)
