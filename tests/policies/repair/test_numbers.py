"""Numbers as integers and as JSON again, and the cheapest hitting sets."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bartizan.guard import canonical_json, parse_json
from bartizan.policies.edits.writing import EARLIEST, LATEST, write
from bartizan.policies.language.types import F64, Dec, Duration, Int, Time, Type
from bartizan.policies.language.values import conform
from bartizan.policies.repair.hitting import cheapest
from bartizan.policies.repair.numbers import LARGEST, double, rank

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(FINITE, FINITE)
def test_doubles_are_integers_in_the_order_of_their_values(a: float, b: float) -> None:
    """Equal, less and next are what they are for doubles; each place is one double."""
    assert (rank(a) < rank(b)) == (a < b) and (rank(a) == rank(b)) == (a == b)
    assert double(rank(a)) == a
    assert rank(math.nextafter(a, math.inf)) == rank(a) + 1
    assert double(LARGEST) == 1.7976931348623157e308


VALUES: dict[str, tuple[Type, st.SearchStrategy[Any], st.SearchStrategy[Any]]] = {
    "int": (Int(), st.integers(), st.integers() | st.just(5.0)),
    "dec": (Dec(2), st.integers() | st.integers(-(10**6), 10**6), st.sampled_from([1, 1.5, "1.50", "7"])),
    "dec0": (Dec(0), st.integers(), st.sampled_from([1, 1.0, "7"])),
    "f64": (F64(), FINITE, FINITE | st.integers(-9, 9)),
    "time": (
        Time(),
        st.integers(EARLIEST, LATEST),
        st.sampled_from(["2026-01-01T12:00:00Z", "2026-01-01T12:00:00.5+05:30", "2026-01-01T12:00:00-23:59"]),
    ),
    "duration": (Duration(), st.integers(0, 10**20), st.sampled_from(["1h", "90s"])),
}


@given(st.sampled_from(list(VALUES)), st.data())
def test_a_number_is_written_as_what_reads_as_it(kind: str, data: st.DataObject) -> None:
    """In the manner of the value that it replaces: text for text, a number for a number where one is exact."""
    type_, values, likes = VALUES[kind]
    value, like = data.draw(values), data.draw(likes)
    written = write(value, type_, like)
    assert conform(parse_json(canonical_json(written)), type_) == value
    if isinstance(like, str):
        assert isinstance(written, str)
    elif abs(value) < 10**15:
        assert isinstance(written, (int, float))


@given(
    st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=2), min_size=1, max_size=4),
    st.lists(st.dictionaries(st.integers(0, 3), st.integers(0, 1), min_size=1, max_size=3), max_size=5),
)
def test_the_cheapest_caps_are_those_of_enumeration(
    steps: list[list[int]], cores: list[dict[int, int]]
) -> None:
    """Above every contradiction somewhere, and nothing cheaper is."""
    costs = [[0, *sorted(set(more))] for more in steps]
    known = [{i: level for i, level in core.items() if i < len(costs)} for core in cores]
    known = [core for core in known if core]

    def price(caps: tuple[int, ...]) -> int:
        return sum(scale[level] for scale, level in zip(costs, caps, strict=True))

    fitting = [
        caps
        for caps in product(*(range(len(scale)) for scale in costs))
        if all(any(caps[i] > level for i, level in core.items()) for core in known)
    ]
    found = cheapest(costs, known)
    if found is None:
        assert fitting == []
    else:
        assert found in fitting and price(found) == min(map(price, fitting))
