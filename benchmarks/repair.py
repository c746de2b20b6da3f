"""What a repair costs, and that it is the optimum: ours beside ``z3.Optimize`` on the same calls, in the same run.

    python benchmarks/repair.py [--calls 300] [--seed 0] [--optimize 60]

The policy has four arguments that may be changed: an amount, a flag, one of 50 payees and one of four currencies; the
hour is context. Both minimise the same objective in the same order: the number of changed arguments, then how far each
is from what it was, then the smaller value. ``Optimize`` is given the conditions directly, built by hand for each call.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from random import Random
from typing import Any

import z3

from bartizan.guard import Request, ToolCall
from bartizan.policies import Program, compile_policy
from bartizan.policies.history import begin
from bartizan.policies.repair import Repair, repair

PAYEES = [f"u{i}@corp.com" for i in range(50)]
CURRENCIES = ["EUR", "USD", "GBP", "CHF"]
HOUR = 3_600_000_000
POLICY = f"""version: 1
name: transfers
tools:
  pay: {{args: {{amount: int, urgent: bool, to: str, currency: "enum({", ".join(CURRENCIES)})", hour: int}}}}
rules:
  - {{id: pay, allow: [pay], when: 'args.to in ["{'", "'.join(PAYEES)}"]'}}
  - {{id: amount, deny: [pay], when: "args.amount <= 0 || args.amount > 10000"}}
  - {{id: urgent, deny: [pay], when: "args.urgent && args.amount > 500"}}
  - {{id: foreign, deny: [pay], when: 'args.currency != "USD" && args.amount > 2000'}}
  - id: night
    deny: [pay]
    when: (args.hour < 8 || args.hour >= 18) && (args.urgent || args.amount > 100)
repair:
  pay:
    amount: {{class: clamp, sign: any}}
    urgent: {{class: enum, values: [false, true]}}
    to: {{class: enum, values: [{", ".join(PAYEES)}]}}
    currency: {{class: enum, values: [{", ".join(CURRENCIES)}]}}
"""


def calls(number: int, seed: int) -> list[dict[str, Any]]:
    """Calls of which most violate something."""
    random = Random(seed)
    return [
        {
            "amount": random.choice(
                (random.randint(-50, 200), random.randint(1, 3_000), random.randint(1, 20_000))
            ),
            "urgent": random.random() < 0.5,
            "to": random.choice(PAYEES)
            if random.random() < 0.6
            else random.choice(("eve@evil.com", "bob@corp.com")),
            "currency": random.choice(CURRENCIES),
            "hour": random.randrange(24),
        }
        for _ in range(number)
    ]


def optimized(args: Mapping[str, Any]) -> dict[str, Any] | None:
    """The same optimum by ``z3.Optimize``, objectives in lexicographic order."""
    amount, payee, currency = z3.Ints("amount payee currency")
    urgent = z3.Bool("urgent")
    optimize = z3.Optimize()
    night = not 8 <= args["hour"] < 18
    payees = [*PAYEES, args["to"]] if args["to"] not in PAYEES else PAYEES
    optimize.add(payee >= 0, payee < len(payees), currency >= 0, currency < len(CURRENCIES))
    optimize.add(payee < len(PAYEES), amount > 0, amount <= 10_000)
    optimize.add(
        z3.Implies(urgent, amount <= 500), z3.Implies(currency != CURRENCIES.index("USD"), amount <= 2_000)
    )
    if night:
        optimize.add(z3.Not(urgent), amount <= 100)
    was = (payees.index(args["to"]), CURRENCIES.index(args["currency"]))
    changed = [amount != args["amount"], urgent != args["urgent"], payee != was[0], currency != was[1]]
    ranks = [
        z3.If(amount >= args["amount"], amount - args["amount"], args["amount"] - amount),
        z3.If(urgent == args["urgent"], 0, z3.If(urgent, 2, 1)),
        z3.If(payee == was[0], 0, payee + 1),
        z3.If(currency == was[1], 0, currency + 1),
    ]
    optimize.minimize(z3.Sum([z3.If(edit, 1, 0) for edit in changed]))
    for rank in (*ranks, amount):
        optimize.minimize(rank)
    if optimize.check() != z3.sat:
        return None
    model = optimize.model()

    def value(term: Any) -> Any:
        return model.eval(term, model_completion=True)

    return {
        **args,
        "amount": value(amount).as_long(),
        "urgent": z3.is_true(value(urgent)),
        "to": payees[value(payee).as_long()],
        "currency": CURRENCIES[value(currency).as_long()],
    }


def timed(run: Callable[[], Any]) -> tuple[Any, float, float]:
    """What it returned, and milliseconds of wall clock and of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = run()
    return found, (time.perf_counter() - wall) * 1e3, (time.process_time() - cpu) * 1e3


def row(name: str, times: list[float], base: list[float] | None = None) -> str:
    ordered = sorted(times)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    ratio = "" if base is None else f"{statistics.median(times) / statistics.median(base):>9.1f}"
    return f"{name:<34}{at(0.5):>8.2f}{at(0.95):>8.2f}{at(0.99):>8.2f}{ordered[-1]:>8.2f}{ratio}"


def ours(program: Program, args: Mapping[str, Any]) -> Repair | None:
    call = ToolCall.of("1", "pay", args)
    return repair(program, Request(call, args["hour"] * HOUR), begin(program))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--optimize", type=int, default=60, help="calls that Optimize is asked about, too")
    options = parser.parse_args()
    program, build_ms, _ = timed(lambda: compile_policy(POLICY))
    given = calls(options.calls, options.seed)
    _, first_ms, _ = timed(lambda: ours(program, given[0]))
    results = [(args, *timed(lambda args=args: ours(program, args))) for args in given]
    broken = [r for r in results if r[1] is None or r[1].edits]
    walls, cpus = [r[2] for r in broken], [r[3] for r in broken]
    checks = sorted(r[1].checks for r in broken if r[1] is not None)
    peer, same = [], 0
    for args, found, _, _ in broken[: options.optimize]:
        best, wall, cpu = timed(lambda args=args: optimized(args))
        peer.append((wall, cpu))
        same += found is not None and dict(found.call.args) == best
    head = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    print(f"{os.cpu_count()} processors, Python {platform.python_version()}, z3-solver {version('z3-solver')}, "
          f"commit {head.stdout.strip()}")  # fmt: skip
    print(f"policy loaded in {build_ms:.1f} ms; the first repair {first_ms:.1f} ms (plan and context)")
    print(f"{len(given)} calls, {len(broken)} violating, {sum(r[1] is not None for r in broken)} repaired, "
          f"all minimal: {all(r[1].minimal for r in broken if r[1])}")  # fmt: skip
    print(f"\n{'milliseconds a repair':<34}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}{'ratio':>9}")
    print(row("ours, wall", walls))
    print(row("ours, CPU of the process", cpus))
    if peer:
        print(row(f"z3.Optimize, wall ({len(peer)})", [wall for wall, _ in peer], walls))
        print(row(f"z3.Optimize, CPU ({len(peer)})", [cpu for _, cpu in peer], cpus))
        print(f"\nthe same call as z3.Optimize: {same} of {len(peer)}")
    print(f"checks of the solver a repair: median {checks[len(checks) // 2]}, most {checks[-1]}")


if __name__ == "__main__":
    main()
