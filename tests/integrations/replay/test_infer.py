from __future__ import annotations

from typing import Any

from bartizan.integrations.replay import Call, RecordedSession
from bartizan.integrations.replay.infer import infer_tools
from bartizan.policies.language.types import F64, MAX_LIST, Bool, Field, Int, List, Record, Str
from bartizan.policies.language.types import Any as AnyType


def _sessions(*calls: Call) -> list[RecordedSession]:
    return [RecordedSession("s", {"suite": "bank"}, calls, "file:1")]


def _args(*values: dict[str, Any]) -> Record:
    (decl,) = infer_tools(_sessions(*(Call(n, "c", "pay_rent", v) for n, v in enumerate(values))))["bank"]
    assert isinstance(decl.args, Record)
    return decl.args


def test_types_come_from_values() -> None:
    """Each JSON type has its type in the policy language; a list has the type of its elements."""
    args = _args(
        {"a": True, "b": 3, "c": 2.5, "d": "x", "e": ["x", "y"], "f": [1, "x"], "g": {"k": 1}, "h": None}
    )
    assert args == Record(
        (
            ("a", Field(Bool())),
            ("b", Field(Int())),
            ("c", Field(F64())),
            ("d", Field(Str())),
            ("e", Field(List(Str(), MAX_LIST))),
            ("f", Field(AnyType())),
            ("g", Field(AnyType())),
            ("h", Field(AnyType())),
        )
    )


def test_mixed_values_are_any_and_absent_ones_optional() -> None:
    """An argument with values of several types is ``any``; one that a call did without is optional."""
    args = _args({"amount": 3, "to": "x"}, {"amount": 2.5})
    assert args.get("amount") == Field(AnyType())
    assert args.get("to") == Field(Str(), optional=True)


def test_tools_that_never_answered_are_not_declared() -> None:
    """A tool that models made up stays undeclared, and so does what only an erring call passed."""
    tools = infer_tools(
        _sessions(
            Call(0, "c", "pay", {"to": "x"}),
            Call(1, "c", "pay", {"to": "x", "odd": 1}, "error"),
            Call(2, "c", "made_up", {}, "error"),
            Call(3, "c", "made_up", {}, "no_result"),
        )
    )
    (pay,) = tools["bank"]
    assert pay.name == "pay"
    assert isinstance(pay.args, Record)
    assert pay.args.names == ("to",)


def test_effects_are_guessed_from_names() -> None:
    """An inferred tool is tagged as its name suggests, so that scopes by effect select it."""
    tools = infer_tools(
        _sessions(Call(0, "c", "get_balance", {}), Call(1, "c", "delete_file", {"path": "x"}))
    )
    tags = {tool.name: tool.tags for tool in tools["bank"]}
    assert "read" in tags["get_balance"]
    assert "destructive" in tags["delete_file"]
