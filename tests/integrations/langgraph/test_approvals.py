"""Escalated calls wait for a person, in LangGraph's own way."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.types import Command

from bartizan.guard import Decision, InMemoryStore, Outcome, Principal, Reason
from bartizan.guard.testing import UNAVAILABLE, FailingStore, StaticProgram
from bartizan.integrations.langgraph import InvalidAnswer
from bartizan.integrations.langgraph.testing import calling

THREAD = {"configurable": {"thread_id": "t"}}
PAY = calling(("pay", {"amount": 3}))
TWO = calling(("pay", {"amount": 1}), ("pay", {"amount": 2}))


@pytest.fixture(params=["agent", "handmade"])
def graph(request: pytest.FixtureRequest, world: Any) -> Any:
    """``graph(*script)``: an agent of ``create_agent``, and a hand-made graph."""
    return getattr(world, request.param)


def interrupts(out: Any) -> list[Any]:
    return list(out.get("__interrupt__", ()))


def approvals(guard: Any, session: str = "t") -> Any:
    return guard._portal.submit(guard.guard.approvals(session)).result()


def test_an_escalated_call_interrupts_before_its_tool(world, graph, guard, run) -> None:
    """The interrupt has the shape of LangChain's per-call approvals, with ours under one extra key."""
    out = run(guard.wrap(graph(PAY)), "Pay 3.")
    [interrupt] = interrupts(out)
    value = interrupt.value
    assert world.ran == []
    assert {key: value[key] for key in ("type", "tool_call_id", "name", "args")} == {
        "type": "tool_approval",
        "tool_call_id": "call-0",
        "name": "pay",
        "args": {"amount": 3},
    }
    assert "pay" in value["description"]
    assert value["guard"]["rules"] == ["ask"]
    assert value["guard"]["policy"]["name"] == "static"
    assert value["guard"]["approval_id"] == approvals(guard)[0].id
    assert "approve" in str(interrupt.response_schema)


@pytest.mark.parametrize("shape", ["plain", "decisions"])
@pytest.mark.parametrize("keyed", [False, True])
def test_an_approved_call_runs_once(world, graph, guard, run, results, events_of, shape, keyed) -> None:
    """After approval the call runs as proposed and is counted once; who approved is recorded."""
    agent = guard.wrap(graph(PAY))
    [interrupt] = interrupts(run(agent, "Pay 3."))
    answer: Any = {"type": "approve", "by": "ann"}
    answer = {"decisions": [answer]} if shape == "decisions" else answer
    out = run(agent, Command(resume={interrupt.id: answer} if keyed else answer))
    assert world.ran == [("pay", 3)]
    assert results(out)[0].content == "paid 3"
    assert events_of(guard, "t", "call", "prompt") == ["prompt -: Pay 3.", "call pay: "]
    [approval] = approvals(guard)
    assert (approval.state, approval.by) == ("used", "ann")


def test_a_rejected_call_does_not_run(world, graph, guard, run, results) -> None:
    """After a rejection the model reads that the call was rejected, and the person's words."""
    agent = guard.wrap(graph(PAY))
    run(agent, "Pay 3.")
    out = run(agent, Command(resume={"type": "reject", "message": "Ask the bookkeeper first."}))
    assert world.ran == []
    [message] = results(out)
    assert message.status == "error"
    assert "rejected" in message.content and "Ask the bookkeeper first." in message.content


@pytest.mark.parametrize(
    "edit",
    [
        {"type": "edit", "args": {"amount": 2}},
        {"decisions": [{"type": "edit", "edited_action": {"name": "pay", "args": {"amount": 2}}}]},
    ],
)
def test_an_edited_call_runs_as_edited(world, graph, guard, run, results, edit) -> None:
    """The edited arguments run, and the model is told what was executed."""
    agent = guard.wrap(graph(PAY))
    run(agent, "Pay 3.")
    out = run(agent, Command(resume=edit))
    assert world.ran == [("pay", 2)]
    [message] = results(out)
    assert "a person edited this call" in message.content and "paid 2" in message.content


class _AtMostTen(StaticProgram):
    """Paying needs approval, and paying more than ten is denied whoever approves."""

    def decide(self, request: Any, session: Any) -> Decision:
        if request.call.args.get("amount", 0) > 10:
            return Decision(Outcome.DENY, (Reason("at-most-ten", "deny"),), self.hash)
        return super().decide(request, session)


def test_deny_rules_win_over_an_edit(world, graph, make_guard, run, results) -> None:
    """An edit is decided like any other call: what is forbidden stays forbidden."""
    guard = make_guard(_AtMostTen(escalate=["pay"]))
    agent = guard.wrap(graph(PAY))
    run(agent, "Pay 3.")
    out = run(agent, Command(resume={"type": "edit", "args": {"amount": 11}}))
    assert world.ran == []
    assert "at-most-ten" in results(out)[0].content


def test_who_approves_comes_from_the_application_if_it_says(world, make_guard, run) -> None:
    """With ``approver`` the answer's own claim does not count."""
    guard = make_guard(approver=lambda config: Principal(config["configurable"]["user"]))
    agent = guard.wrap(world.agent(PAY))
    run(agent, "Pay 3.")
    config = {"configurable": {"thread_id": "t", "user": "ann"}}
    run(agent, Command(resume={"type": "approve", "by": "the boss"}), config)
    assert approvals(guard)[0].by == "ann"


BAD = [
    "yes",
    True,
    {},
    {"type": "maybe"},
    {"type": "approve", "args": {"amount": 1}},
    {"type": "edit"},
    {"type": "edit", "args": {"amount": 1}, "edited_action": {"name": "pay", "args": {}}},
    {"type": "edit", "edited_action": {"name": "send", "args": {"to": "x"}}},
    {"type": "edit", "args": {"amount": float("inf")}},
    {"decisions": []},
    {"decisions": [{"type": "approve"}, {"type": "approve"}]},
    {"type": "approve", "approval_id": "0" * 64},
]


@pytest.mark.parametrize("bad", BAD, ids=[str(bad)[:40] for bad in BAD])
def test_a_bad_answer_is_refused_and_can_be_given_again(world, graph, guard, run, bad) -> None:
    """An answer that is none raises, runs nothing, records nothing, and the question stays open."""
    agent = guard.wrap(graph(PAY))
    [interrupt] = interrupts(run(agent, "Pay 3."))
    with pytest.raises(InvalidAnswer):
        run(agent, Command(resume={interrupt.id: bad}))
    assert world.ran == []
    assert approvals(guard)[0].state == "pending"
    run(agent, Command(resume={interrupt.id: {"type": "approve"}}))
    assert world.ran == [("pay", 3)]


def test_a_bad_answer_is_no_message_for_the_model(world, guard, run) -> None:
    """Even a ToolNode that turns all errors into messages does not swallow a bad answer."""
    agent = guard.wrap(world.handmade(PAY, node={"handle_tool_errors": True}))
    run(agent, "Pay 3.")
    with pytest.raises(InvalidAnswer, match="not an answer"):
        run(agent, Command(resume={"type": "yes"}))
    assert world.ran == []
    run(agent, Command(resume={"type": "approve"}))
    assert world.ran == [("pay", 3)]


def test_several_questions_are_asked_at_once_and_answered_by_id(world, graph, guard, run, results) -> None:
    """Two escalated calls of one message give two interrupts; each answer reaches its own call."""
    agent = guard.wrap(graph(TWO))
    asked = {i.value["args"]["amount"]: i.id for i in interrupts(run(agent, "Pay."))}
    assert sorted(asked) == [1, 2]
    out = run(agent, Command(resume={asked[1]: {"type": "reject"}, asked[2]: {"type": "approve"}}))
    assert world.ran == [("pay", 2)]
    assert [m.status for m in results(out)] == ["error", "success"]


def test_questions_may_be_answered_one_after_the_other(world, graph, guard, run, results, events_of) -> None:
    """A partial resume leaves the other question open: same interrupt, same approval, nothing runs twice."""
    agent = guard.wrap(graph(TWO))
    asked = {i.value["args"]["amount"]: i.id for i in interrupts(run(agent, "Pay."))}
    out = run(agent, Command(resume={asked[2]: {"type": "approve"}}))
    assert [i.id for i in interrupts(out)] == [asked[1]]
    assert world.ran == [("pay", 2)]
    out = run(agent, Command(resume={asked[1]: {"type": "approve"}}))
    assert world.ran == [("pay", 2), ("pay", 1)]
    assert [m.content for m in results(out)] == ["paid 1", "paid 2"]
    assert len(approvals(guard)) == 2
    assert len(events_of(guard, "t", "call")) == 2


def test_an_answer_that_could_be_for_either_is_refused(world, graph, guard, run) -> None:
    """Where two calls wait, an answer without an id approves neither."""
    agent = guard.wrap(graph(TWO))
    run(agent, "Pay.")
    with pytest.raises((InvalidAnswer, RuntimeError), match="interrupt id"):
        run(agent, Command(resume={"type": "approve"}))
    assert world.ran == []


def test_an_answer_may_name_its_approval(world, guard, run) -> None:
    """Where LangGraph takes an answer for a step with two questions, one that names its approval reaches just that."""
    agent = guard.wrap(world.handmade(TWO))
    second = interrupts(run(agent, "Pay."))[-1].value
    answer = {"type": "approve", "approval_id": second["guard"]["approval_id"]}
    try:
        out = run(agent, Command(resume=answer))
    except RuntimeError:  # newer releases of LangGraph insist on the interrupt's id
        assert world.ran == []
    else:
        assert world.ran == [("pay", second["args"]["amount"])]
        assert len(interrupts(out)) == 1


def test_an_answer_never_approves_a_later_call(world, graph, guard, run) -> None:
    """An answer given to one call does not let the next escalated call of the same run go."""
    agent = guard.wrap(graph(PAY, calling(("pay", {"amount": 4}), ids=["call-1"])))
    run(agent, "Pay.")
    out = run(agent, Command(resume={"type": "approve"}))
    assert world.ran == [("pay", 3)]
    assert interrupts(out)[0].value["args"] == {"amount": 4}
    assert run(agent, Command(resume={"type": "approve"}))["messages"][-1].content == "done"
    assert world.ran == [("pay", 3), ("pay", 4)]


def test_running_on_without_an_answer_approves_nothing(world, graph, guard, run) -> None:
    """Invoking an interrupted graph with no input asks again; an old answer is not used a second time."""
    agent = guard.wrap(graph(PAY, calling(("pay", {"amount": 4}), ids=["call-1"])))
    [first] = interrupts(run(agent, "Pay."))
    [again] = interrupts(run(agent, None))
    assert first.id == again.id
    run(agent, Command(resume={"type": "approve"}))
    assert interrupts(run(agent, None))[0].value["args"] == {"amount": 4}
    assert world.ran == [("pay", 3)]
    assert [a.state for a in approvals(guard)] == ["used", "pending"]


def test_an_approval_granted_elsewhere_is_enough(world, graph, guard, run) -> None:
    """Approved through the kernel (a page, a command line), the call runs when the graph runs on."""
    agent = guard.wrap(graph(PAY))
    run(agent, "Pay 3.")
    [approval] = approvals(guard)
    guard._portal.submit(
        guard.guard.resolve(approval.id, "approve", session="t", by=Principal("ann"))
    ).result()
    run(agent, None)
    assert world.ran == [("pay", 3)]


@pytest.mark.parametrize("minutes_late", [0, 60])
@pytest.mark.parametrize("keyed", [True, False])
def test_an_answer_that_comes_too_late_asks_again(world, graph, make_guard, run, keyed, minutes_late) -> None:
    """An expired approval cannot be answered: the call is decided anew and asked about anew."""
    late = 0
    ticks = itertools.count(
        1_000_000_000, 5_000_000
    )  # five seconds pass whenever the guard looks at its clock
    guard = make_guard(kernel={"clock": lambda: next(ticks) + late, "approval_ttl": 40.0})
    agent = guard.wrap(graph(PAY))
    [first] = interrupts(run(agent, "Pay 3."))
    late = 20_000_000 + minutes_late * 60_000_000
    answer: Any = {"type": "approve"}
    [second] = interrupts(run(agent, Command(resume={first.id: answer} if keyed else answer)))
    assert second.id != first.id
    assert world.ran == []


@pytest.mark.parametrize("kind", ["agent", "handmade"])
def test_without_a_checkpointer_nothing_can_be_asked(world, guard, run, results, kind) -> None:
    """Without a checkpointer an escalated call is denied, and the message says which setting is missing."""
    agent = guard.wrap(getattr(world, kind)(PAY, checkpointer=None))
    out = run(agent, "Pay 3.")
    [message] = results(out)
    assert world.ran == [] and interrupts(out) == []
    assert message.status == "error"
    assert "approval" in message.content and "checkpointer" in message.content
    assert message.artifact["guard"]["approval"] == approvals(guard)[0].id


def test_an_answer_that_cannot_be_recorded_does_not_count(world, make_guard, run, results) -> None:
    """When the store fails while an answer is being recorded, the call is denied."""
    store = FailingStore(InMemoryStore(), itertools.chain([None] * 6, itertools.repeat(UNAVAILABLE)))
    guard = make_guard(kernel={"store": store})
    agent = guard.wrap(world.agent(PAY))
    assert interrupts(run(agent, "Pay 3."))
    out = run(agent, Command(resume={"type": "approve"}))
    assert world.ran == []
    assert results(out)[0].status == "error"


def test_an_application_that_cannot_say_who_answers_denies(world, make_guard, run, results) -> None:
    """When ``approver`` fails, nothing is approved and its error does not reach the model."""

    def broken(_: Any) -> Principal:
        raise RuntimeError("the secret inside the application")

    guard = make_guard(approver=broken)
    agent = guard.wrap(world.agent(PAY))
    run(agent, "Pay 3.")
    [message] = results(run(agent, Command(resume={"type": "approve"})))
    assert world.ran == []
    assert message.status == "error" and "secret" not in str(message)


def test_a_rejection_counts_for_one_proposal(world, guard, run, results) -> None:
    """A model that uses the same call id again in a later turn is asked about again, not rejected at once."""
    agent = guard.wrap(world.agent(PAY, AIMessage("ok"), PAY))
    run(agent, "Pay 3.")
    run(agent, Command(resume={"type": "reject"}))
    assert interrupts(run(agent, "Now you may."))
    run(agent, Command(resume={"type": "approve"}))
    assert world.ran == [("pay", 3)]
