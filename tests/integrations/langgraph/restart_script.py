"""One process of the restart test: ``restart_script.py DIRECTORY KIND ask|resume``.

``ask`` runs the agent up to the interrupt, says so, and waits to be killed; ``resume`` approves and finishes.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from langchain.agents import create_agent
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import Command

from bartizan.guard import Guard
from bartizan.guard.audit import FileAuditLog
from bartizan.guard.sqlite import SqliteStore
from bartizan.guard.testing import StaticProgram
from bartizan.integrations.langgraph import LangGraphGuard
from bartizan.integrations.langgraph.testing import ScriptedModel, calling

directory, kind, phase = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
effects = directory / "effects"
model = ScriptedModel(script=[calling(("read", {"path": "a"}), ("pay", {"amount": 3}))])


@tool
def read(path: str) -> str:
    """Read a file."""
    with effects.open("a") as file:
        file.write(f"read {path}\n")
    return f"text of {path}"


@tool
def pay(amount: int) -> str:
    """Pay an amount."""
    with effects.open("a") as file:
        file.write(f"pay {amount}\n")
    return f"paid {amount}"


def build(checkpointer: SqliteSaver):  # type: ignore[no-untyped-def]
    if kind == "agent":
        return create_agent(model, [read, pay], checkpointer=checkpointer)
    builder = StateGraph(MessagesState)
    builder.add_node("model", lambda state: {"messages": [model.invoke(state["messages"])]})
    builder.add_node("tools", ToolNode([read, pay]))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", tools_condition)
    builder.add_edge("tools", "model")
    return builder.compile(checkpointer=checkpointer)


program = StaticProgram(allow=["read"], escalate=["pay"], budgets={"read": 1, "pay": 1})
kernel = Guard(
    program,
    store=SqliteStore(directory / "sessions.db"),
    audit=FileAuditLog(directory / "audit"),
    deadline=60,
)
config = {"configurable": {"thread_id": "t"}}
with (
    SqliteSaver.from_conn_string(str(directory / "graph.db")) as checkpointer,
    LangGraphGuard(kernel) as guard,
):
    agent = guard.wrap(build(checkpointer))
    if phase == "ask":
        out = agent.invoke({"messages": [("user", "Pay 3.")]}, config)
        print("asked" if out["__interrupt__"] else "not asked", flush=True)
        time.sleep(600)
    out = agent.invoke(Command(resume={"type": "approve", "by": "ann"}), config)
    for message in out["messages"]:
        if message.type == "tool":
            print(message.status, message.content)
    session = guard._portal.submit(kernel.session("t")).result()
    print([event.kind for event in session.events])
