"""``load_guard(store=...)``: an agent whose sessions are in Redis, or in a store that the caller made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, ToolMessage

from bartizan.guard import InMemoryStore
from bartizan.integrations.langgraph import load_guard
from bartizan.integrations.langgraph.testing import ScriptedModel, calling

from .server import Server, free_port

POLICY = """version: 1
name: shared
tools: {pay: {args: {amount: int}}}
rules:
  - {id: pay, allow: [pay]}
  - {id: twice, deny: [pay], when: 'session.count("pay", within="24h") >= 2'}
"""


def pay(amount: int) -> str:
    "Pay."
    return f"paid {amount}"


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY, "utf-8")
    return path


def said(policy: Path, thread: str, store: Any) -> list[str]:
    """What the tool's messages say when an agent pays once, under a guard of its own."""
    with load_guard(policy, store=store) as guard:
        model = ScriptedModel(script=[calling(("pay", {"amount": 5})), AIMessage("done")])
        agent = guard.wrap(create_agent(model, [pay]))
        state = agent.invoke({"messages": [("user", "Pay 5.")]}, {"configurable": {"thread_id": thread}})
    return [message.text for message in state["messages"] if isinstance(message, ToolMessage)]


def test_guards_one_after_the_other_share_a_redis(policy: Path, server: Server) -> None:
    """What one guard counted, the next knows."""
    outcomes = [said(policy, "shared", server.patient) for _ in range(3)]
    assert outcomes[:2] == [["paid 5"], ["paid 5"]]
    assert "Rule twice" in outcomes[2][0]


def test_without_its_redis_a_guard_denies(policy: Path) -> None:
    """Nothing answers at that port: no call runs, and nothing is counted in memory instead."""
    [message] = said(policy, "nobody", f"redis://127.0.0.1:{free_port()}/0")
    assert "denied and has not been executed" in message


def test_a_store_of_the_callers_own_is_taken(policy: Path) -> None:
    """It holds the session afterwards."""
    store = InMemoryStore()
    assert said(policy, "own", store) == [["paid 5"]][0]
