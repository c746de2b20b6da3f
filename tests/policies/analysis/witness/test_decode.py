"""Values of variables as JSON, and back."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bartizan.policies.analysis.encode.expressions import Encoder, Moment
from bartizan.policies.analysis.encode.inputs import EARLIEST, LATEST
from bartizan.policies.analysis.encode.past import FreePast
from bartizan.policies.analysis.formula import Formulas
from bartizan.policies.analysis.witness.assign import assigned, follow, steps
from bartizan.policies.analysis.witness.decode import (
    Decoder,
    decimal_json,
    duration_text,
    plainest,
    time_text,
    without_value,
)
from bartizan.policies.evaluation.generators import TOOLS, Generator
from bartizan.policies.evaluation.scope import Scope
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
)
from bartizan.policies.language.values import E, conform, parse_duration, parse_time

TYPES = (
    Bool(), Int(), Dec(0), Dec(2), Dec(9), F64(), Str(5), Enum(("a", "b")), Time(), Duration(), List(Int(), 2),
    Record((("n", Field(Int())), ("m", Field(Str(), optional=True)))),
)  # fmt: skip


def test_decoding_undoes_assigning_for_generated_calls() -> None:
    """A call whose values became variables comes back as JSON that means the same, E included."""
    for seed in range(1_500):
        call = Generator(random.Random(seed)).call("pay", "c")
        declared = TOOLS["pay"].args
        args = conform(dict(call.args), declared)
        args.pop("extra", None)  # of type any: only its origin is known
        encoder = Encoder(Formulas())
        symbol = encoder.inputs.make(declared, "args", "args")
        moment = Moment("", {"args": symbol}, FreePast())
        model = assigned(encoder, moment, Scope({"args": args}, {}, 0, {}, lambda: None))  # type: ignore[arg-type, return-value]
        decoded = Decoder(encoder, model).value(symbol, declared)
        assert conform(decoded, declared) == args, seed


@given(st.integers(-(10**30), 10**30), st.integers(0, 9))
def test_decimals_are_read_back_exactly(scaled: int, digits: int) -> None:
    """Whatever JSON a decimal is written as, it conforms to the same scaled integer."""
    assert conform(decimal_json(scaled, digits), Dec(digits)) == scaled


@pytest.mark.parametrize(
    ("scaled", "digits", "written"),
    [
        (150, 2, 1.5),
        (100, 2, 1),
        (1, 2, 0.01),
        (-1, 2, -0.01),
        (1, 9, "0.000000001"),
        (10**20 + 1, 2, "1000000000000000000.01"),
    ],
)
def test_decimals_are_written_plainly(scaled: int, digits: int, written: Any) -> None:
    """Numbers where a float says the same in plain digits, texts elsewhere."""
    found = decimal_json(scaled, digits)
    assert found == written and type(found) is type(written)


@given(st.integers(EARLIEST, LATEST))
def test_times_are_read_back_exactly(microseconds: int) -> None:
    """RFC 3339 text reads back to the same microsecond, beyond the years 1 and 9999 by the offset."""
    assert parse_time(time_text(microseconds)) == microseconds


@given(st.integers(0, 10**20))
def test_durations_are_read_back_exactly(microseconds: int) -> None:
    """Duration text reads back to the same microsecond."""
    assert parse_duration(duration_text(microseconds)) == microseconds


@pytest.mark.parametrize("type_", [Dec(0), Dec(2), Dec(9), F64(), Str(3), List(Int(), 2)], ids=str)
def test_what_has_no_value_conforms_and_is_e(type_: Any) -> None:
    """The JSON for a value over its bounds is of the type, and E."""
    assert conform(without_value(type_), type_) is E


@pytest.mark.parametrize("type_", TYPES, ids=str)
def test_the_plainest_value_conforms(type_: Any) -> None:
    """Every type has a plainest value, and it is one."""
    assert conform(plainest(type_), type_) is not E


def test_paths_are_followed_as_the_encoder_writes_them() -> None:
    """Fields, indexes, and names that need quoting."""
    path = 'args.rows[1]["any . [text]"].to'
    assert list(steps(path)) == ["args", "rows", 1, "any . [text]", "to"]
    assert follow({"args": {"rows": [0, {"any . [text]": {"to": "x"}}]}}, path) == "x"
    assert follow({"args": {"rows": [0]}}, path) is None
