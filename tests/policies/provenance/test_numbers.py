"""Which numbers a session says: none of which a strict question says yes is left out."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bartizan.guard import Event, Session, ToolCall
from bartizan.policies.history import result
from bartizan.policies.provenance import Provenance

WRITTEN = [
    "5", "12", "1,000.50", "-3", "0.1", "007", "GB33 1234", "12 34 56 78", "+49 170 1234567", "13 May 2024",
    "2024-05-15", "10:30", "$5", "5%", "12-34-5678", "a5b", "1e3", ".5", "5.", "3/4", "1 234 567", "x", "(0)30 123456",
]  # fmt: skip


def test_the_numbers_of_a_session(ask: Callable[..., Provenance], prompt: Callable[[str], Event]) -> None:
    """By value, however they are written; digits of a code together; none of a word."""
    asked = ask(prompt("Pay 1,000.50 or 7 to 12 34 56 78, not a5b"))
    assert asked.numbers() >= {Decimal("1000.5"), Decimal(7), Decimal(12345678)}
    assert Decimal(5) not in asked.numbers()


@given(st.lists(st.sampled_from(WRITTEN), min_size=1, max_size=6), st.booleans(), st.data())
def test_no_number_that_stands_somewhere_is_left_out(
    texts: list[str], leaf: bool, data: st.DataObject
) -> None:
    """Of any number that is not among them, every strict question says no."""
    text = " ".join(texts)
    events = [Event("prompt", 0, text)]
    if leaf:
        events.append(result(ToolCall.of("1", "t", {}), 1, value=[text, 5, 0.1, 12345678]))
    asked = Provenance.of(Session("s", events=tuple(events)))
    digits = "".join(filter(str.isdigit, text)) or "0"
    start = data.draw(st.integers(0, len(digits) - 1))
    piece = int(digits[start : start + data.draw(st.integers(1, 12))])
    for number in (piece, -piece, piece / 10, piece / 100):
        forms: tuple[Any, ...] = (number, str(number))
        for form in forms:
            stands = asked.from_user(form), asked.from_tool(form, "t"), asked.grounded(form)
            assert stands == (False, False, False) or Decimal(str(number)) in asked.numbers()
