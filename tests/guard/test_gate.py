"""The gate against every proposer there may be: honest, careless, hostile, broken."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.guard import ToolCall
from bartizan.guard.canonical import canonical_json
from bartizan.guard.gate import Emission, Proposal, gate, patch

LOCKED, EDITABLE = ("to", "path"), ("amount", "note")
VALUES = st.integers(-5, 20) | st.text(max_size=3) | st.none() | st.lists(st.integers(0, 3), max_size=3)
ARGS = st.dictionaries(st.sampled_from([*LOCKED, *EDITABLE]), VALUES, max_size=4)


def allowed(call: ToolCall) -> bool:
    amount = call.args.get("amount", 0)
    return isinstance(amount, int) and 0 <= amount <= 10 and call.args.get("to") != "eve"


def permitted(before: ToolCall, after: ToolCall) -> bool:
    return all(
        (key in before.args, before.args.get(key)) == (key in after.args, after.args.get(key))
        for key in LOCKED
    )


class Liar(dict[str, Any]):
    """Arguments that are other arguments when they are looked at again."""

    def __iter__(self) -> Iterator[str]:
        return iter(["amount"])

    def keys(self) -> Any:
        return ["amount"]

    def __getitem__(self, key: str) -> Any:
        return 5


HOSTILE = st.sampled_from(
    [
        None,
        3,
        "amount=5",
        {1: 2},
        {"amount": float("nan")},
        {"to": "\ud800"},
        {"amount": object()},
        Liar(to="eve"),
    ]
)
PROPOSALS = st.lists(st.builds(Proposal, ARGS | HOSTILE, st.text(max_size=3)), max_size=5)  # type: ignore[arg-type]


@settings(max_examples=2000)
@given(ARGS, PROPOSALS)
def test_only_what_is_allowed_and_permitted_leaves(args: dict[str, Any], proposals: list[Proposal]) -> None:
    """Sound, transparent, locked, accountable; and nothing is refused that was properly proposed."""
    call = ToolCall.of("c", "pay", args)
    found = gate(call, proposals, allows=allowed, permits=permitted)
    if allowed(call):
        assert found == Emission(call)
        return
    if found is None:
        for proposal in proposals:
            if isinstance(proposal.args, dict) and type(proposal.args) is dict:
                try:
                    edited = ToolCall.of("c", "pay", proposal.args)
                except Exception:  # noqa: BLE001
                    continue
                assert not (allowed(edited) and permitted(call, edited))
        return
    assert allowed(found.call)
    assert permitted(call, found.call)
    assert found.call.tool == call.tool
    assert found.call.id == call.id
    assert found.origin is not None
    assert canonical_json(applied(call.arguments(), found.patch)) == canonical_json(found.call.arguments())
    assert found.patch


def test_an_allowed_call_asks_nobody() -> None:
    """No proposer is started, and a failing one spoils nothing."""

    def never() -> Iterator[Proposal]:
        raise AssertionError("asked")
        yield

    call = ToolCall.of("c", "pay", {"amount": 3})
    assert gate(call, never(), allows=allowed, permits=permitted) == Emission(call)

    def failing() -> Iterator[Proposal]:
        yield Proposal({"amount": 99}, "first")
        raise RuntimeError("broken")

    assert gate(ToolCall.of("c", "pay", {"amount": 99}), failing(), allows=allowed, permits=permitted) is None


def test_a_question_that_cannot_be_answered_is_a_no() -> None:
    """Whatever raises, or answers with something that is only true-ish."""

    def raising(*_: ToolCall) -> bool:
        raise RuntimeError

    call, better = ToolCall.of("c", "pay", {"amount": 99}), [Proposal({"amount": 5}, "me")]
    assert gate(call, better, allows=raising, permits=permitted) is None
    assert gate(call, better, allows=allowed, permits=raising) is None
    assert gate(call, better, allows=lambda _: "yes", permits=permitted) is None  # type: ignore[arg-type, return-value]
    assert gate(call, better, allows=allowed, permits=permitted) is not None


def applied(value: Any, operations: Any) -> Any:
    """RFC 6902, as far as it is used."""
    value = copy.deepcopy(value)
    for step in operations:
        if not step["path"]:
            value = step["value"]
            continue
        *way, last = [part.replace("~1", "/").replace("~0", "~") for part in step["path"].split("/")[1:]]
        holder = value
        for part in way:
            holder = holder[int(part)] if isinstance(holder, list) else holder[part]
        if step["op"] == "remove":
            del holder[last]
        else:
            holder[int(last) if isinstance(holder, list) else last] = step["value"]
    return value


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(0, 1) | st.sampled_from(["", "a/b", "m~n"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["", "a/b", "m~n", "k"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=1000)
@given(JSON_VALUES, JSON_VALUES)
def test_a_patch_makes_the_one_of_the_other(before: Any, after: Any) -> None:
    """Whatever the values; equal ones need none (1 and 1.0 are not equal)."""
    steps = patch(before, after)
    assert canonical_json(applied(before, steps)) == canonical_json(after)
    assert (steps == ()) == (canonical_json(before) == canonical_json(after))
