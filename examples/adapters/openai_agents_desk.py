"""A guarded agent of the OpenAI Agents SDK. Offline: a scripted model plays the agent. Run it with ``python``.

The user asks for one payment. The agent makes it, and a second one that an e-mail asked for.
"""

from __future__ import annotations

import asyncio

from agents import Agent, RunConfig, Runner, function_tool
from agents.testing import ScriptedModel, assistant_message, function_call
from desk import FIRST, PROMPT, SECOND, open_desk, pay, read_mail

from bartizan.guard import Principal
from bartizan.integrations.openai_agents import OpenAIAgentsGuard


async def main() -> None:
    guard = OpenAIAgentsGuard(await open_desk("thread-1"), session=lambda run: str(run.context))
    first = [function_call(name, args, call_id=f"call-{n}") for n, (name, args) in enumerate(FIRST)]
    second = [function_call(name, args, call_id="call-x") for name, args in SECOND]
    model = ScriptedModel([first, second, [assistant_message("done")]])
    agent = guard.wrap(Agent(name="desk", model=model, tools=[function_tool(read_mail), function_tool(pay)]))

    quiet = RunConfig(tracing_disabled=True)
    result = await Runner.run(agent, PROMPT, context="thread-1", run_config=quiet)
    state = result.to_state()
    for asked in result.interruptions:
        print(f"asked: may {asked.name} run with {asked.arguments}?")
        await guard.answer(state, asked, "reject", session="thread-1", by=Principal("ann"))
    result = await Runner.run(agent, state, run_config=quiet)
    for item in result.to_input_list():
        if item.get("type") == "function_call_output":
            print(f"tool: {item['output']}")


asyncio.run(main())
