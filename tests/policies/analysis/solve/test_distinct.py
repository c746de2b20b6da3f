"""Distinct words are chosen if they exist."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.policies.analysis.solve.distinct import TooMany, choose, neighbours

KEYS = range(5)
PAIRS = list(itertools.combinations(KEYS, 2))


@given(
    st.lists(st.lists(st.sampled_from("abcd"), unique=True, max_size=4), min_size=5, max_size=5),
    st.lists(st.sampled_from(PAIRS), unique=True),
)
def test_choices_are_those_of_enumeration(words: list[list[str]], edges: list[tuple[int, int]]) -> None:
    """A choice is found exactly if there is one, and is one."""
    candidates = dict(zip(KEYS, words, strict=True))
    found = choose(candidates, neighbours(edges))
    if found is None:
        assert not any(
            all(chosen[left] != chosen[right] for left, right in edges)
            for chosen in itertools.product(*words)
        )
    else:
        assert all(found[key] in candidates[key] for key in KEYS)
        assert all(found[left] != found[right] for left, right in edges)


def test_a_hopeless_search_is_given_up() -> None:
    """Fifteen texts over fourteen words are not searched to the end."""
    keys = range(15)
    candidates = {key: [str(word) for word in range(14)] for key in keys}
    with pytest.raises(TooMany):
        choose(candidates, neighbours(itertools.combinations(keys, 2)))
