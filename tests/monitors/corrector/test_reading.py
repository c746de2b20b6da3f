"""What the corrector is told of a refused call: what may be edited, what was violated, what is left of a budget."""

from __future__ import annotations

from bartizan.guard import Decision, Event, Outcome, Principal, Reason, Refused, Request, Session, ToolCall
from bartizan.guard.testing import StaticProgram
from bartizan.monitors.corrector import vocabulary
from bartizan.monitors.corrector.reading import (
    ToolReading,
    call_input,
    conditions,
    marks,
    short,
    spent,
    text_input,
)

HOUR = 3_600_000_000
NOW = 1_800_000_000_000_000
SUM = 'session.sum("pay", "amount", within="24h") + args.amount > 1000.00'
PROGRAM = StaticProgram(allow=["pay"])


def refused(*atoms: tuple[str, ...], session: Session | None = None, **args: object) -> Refused:
    call = ToolCall.of("c", "pay", args or {"amount": 900})
    reasons = tuple(Reason(f"rule{i}", "deny", "T", "", found) for i, found in enumerate(atoms))
    request = Request(call, NOW, Principal("ann", frozenset({"night", "clerk"})))
    decision = Decision(Outcome.DENY if reasons else Outcome.ALLOW, reasons)
    return Refused(request, session or Session("s"), decision, PROGRAM)


def paid(*amounts: tuple[int, float]) -> Session:
    calls = [(hours, ToolCall.of("b", "pay", {"amount": amount})) for hours, amount in amounts]
    return Session("s", events=tuple(Event("call", NOW - hours * HOUR, call=call) for hours, call in calls))


def text(tokens: list[int]) -> str:
    names = {
        getattr(vocabulary, name): f"<{name}>" for name in ("CALL", "TEXT", "CONTEXT", "CORE", "OUT", "PLACE")
    }
    return "".join(names.get(token) or chr(token) for token in tokens)


def test_a_call_is_told_with_its_conditions() -> None:
    """What may be edited is starred, its choices stand behind it, what nobody asks about is left out."""
    tools = {"pay": ToolReading({"amount": (), "currency": ("USD", "EUR"), "urgent": (False,)})}
    asked = refused(
        ("args.urgent", "args.amount > 500.00"), ('args.payee in ["acme"]',),
        amount=9000, currency="EUR", urgent=True, payee="evil", memo="nobody asks",
    )  # fmt: skip
    assert text(call_input(asked, tools)) == (
        '<CALL>pay:*amount=9000;*currency="EUR";payee="evil";*urgent=true?false<CONTEXT>clerk,night'
        '<CORE>urgent&amount>500\npayee in ["acme"]<OUT>'
    )
    assert (
        text(call_input(refused(amount=5, memo="x"), tools))
        == "<CALL>pay:*amount=5<CONTEXT>clerk,night<CORE><OUT>"
    )


def test_conditions_are_short_and_numbers_are_json() -> None:
    """No spaces, no ``args.``, texts untouched."""
    assert short('args.a >= 10.50 && args.b in ["x y", "args.c"]') == 'a>=10.5&&b in ["x y","args.c"]'
    assert short('"night" in principal.roles') == '"night" in roles'
    assert conditions(refused(())) == ["rule0"]


def test_what_is_left_of_a_budget_stands_there() -> None:
    """The window's past calls are taken off the limit, exactly; older ones are not."""
    session = paid((1, 300.10), (23, 0.2), (25, 500))
    assert conditions(refused((SUM,), session=session)) == ["amount>699.7"]
    assert conditions(refused((SUM,), session=Session("s"))) == ["amount>1000"]


def test_what_cannot_be_summed_is_left_as_it_is() -> None:
    """Events that were dropped, or without the number: the condition is told as it was written."""
    for session in (
        Session("s", dropped=1),
        Session("s", events=(Event("call", NOW, call=ToolCall.of("b", "pay", {})),)),
    ):
        assert spent(session, NOW, "pay", "amount", "24h") is None
        assert conditions(refused((SUM,), session=session)) == [
            'session.sum("pay","amount",within="24h")+amount>1000'
        ]


def test_offsets_stand_before_words() -> None:
    """Every offset that stands there is that of a word or a mark of punctuation, in bytes; the text is all there."""
    segment = "Naïve, the pin is 12.34: ok?"
    told = text(text_input("said before", segment))
    assert told.startswith("<TEXT><CORE>said before<CONTEXT><PLACE>0|Na")
    for offset in marks(segment):
        assert f"<PLACE>{offset}" in told
    assert marks(segment)[-1] == len(segment.encode())
    assert f"<PLACE>{segment.encode().index(b' 12.34')}| 12.34" in told
