"""What a decision costs: by number of rules, by past calls, and against the reference interpreter.

    python benchmarks/policy_decision.py [--repeat 2000]

``ratio`` compares with the first row of the same table and run. The reference interpreter evaluates the same checked
conditions; it is written to be read, not to be fast.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

from bartizan.guard import Event, Request, Session, ToolCall
from bartizan.policies import Program, compile_policy, load_policy
from bartizan.policies.evaluation.reference import evaluate
from bartizan.policies.evaluation.scope import Scope
from bartizan.policies.history import begin, prompt, record

MINUTE = 60_000_000


def best(run: Callable[[], object], repeat: int) -> float:
    """Microseconds a run, the best of five rounds."""
    rounds = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(repeat):
            run()
        rounds.append((time.perf_counter() - start) / repeat * 1e6)
    return min(rounds)


def table(title: str, rows: list[tuple[str, float]]) -> None:
    print(f"\n{title:<44}{'us':>10}{'ratio':>9}")
    for name, cost in rows:
        print(f"{name:<44}{cost:>10.1f}{cost / rows[0][1]:>9.2f}")


def many_rules(count: int) -> Program:
    """``count`` deny rules over ten tools, two atoms each, of which a call meets a tenth."""
    tools = "\n".join(f"  t{i}: {{args: {{n: int, s: str}}}}" for i in range(10))
    rules = "\n".join(
        f'  - {{id: r{i}, deny: [t{i % 10}], when: args.n > {1000 + i} || args.s.startsWith("x{i}")}}'
        for i in range(count)
    )
    return compile_policy(
        f"version: 1\nname: many\ntools:\n{tools}\nrules:\n  - {{id: ok, allow: ['*']}}\n{rules}\n"
    )


def by_rules(repeat: int) -> None:
    rows = []
    for count in (10, 100, 1_000):
        program = many_rules(count)
        session, call = begin(program), ToolCall.of("1", "t3", {"n": 5, "s": "abc"})
        rows.append(
            (
                f"decide, {count} rules",
                best(lambda p=program, s=session, c=call: p.decide(Request(c, 2), s), repeat),
            )
        )
    table("by number of rules", rows)


def against_reference(repeat: int) -> None:
    program = many_rules(1_000)
    conditions = [rule.conditions["t3"] for rule in program.policy.rules if "t3" in rule.conditions]
    args = {"n": 5, "s": "abc"}
    scope = Scope({"args": args}, {"args": args}, 2, {}, lambda: None)  # type: ignore[arg-type,return-value]
    session, call = begin(program), ToolCall.of("1", "t3", args)
    closures = best(lambda: program.decide(Request(call, 2), session), repeat)
    reference = best(lambda: [evaluate(condition, scope) for condition in conditions], max(repeat // 10, 10))
    table(
        "100 conditions on one call",
        [("closures, the whole decision", closures), ("reference interpreter", reference)],
    )


def by_history(repeat: int) -> None:
    """Calls five minutes apart: a 24-hour budget looks at the last 288 of them."""
    program = load_policy("payments")
    call = ToolCall.of(
        "1", "send_money", {"recipient": "GB29NWBK60161331926819", "amount": 0.01, "subject": "rent"}
    )
    start = record(program, begin(program), prompt("Pay 0.01 to GB29NWBK60161331926819 for the rent", 0))
    rows = []
    for past in (1, 100, 1_000, 10_000):
        session: Session = start
        for index in range(past):
            event = Event("call", (1 + 5 * index) * MINUTE, call=call)
            session = replace(session, state=program.advance(event, session))
        request = Request(call, (2 + 5 * past) * MINUTE)
        rows.append(
            (f"decide, {past} past calls", best(lambda s=session, r=request: program.decide(r, s), repeat))
        )
    table("payments pack (budget, provenance), by history", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=2_000)
    repeat = parser.parse_args().repeat
    by_rules(repeat)
    against_reference(repeat)
    by_history(repeat)


if __name__ == "__main__":
    main()
