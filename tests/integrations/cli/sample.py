"""A policy, and what the analyses might say about it, hostile texts included."""

from __future__ import annotations

from bartizan.guard import Outcome
from bartizan.policies import CheckedPolicy, check_policy
from bartizan.policies.analysis.answers import Counterexample, Proved, Refuted, Unknown
from bartizan.policies.analysis.findings import Change, Difference, Finding, Proof, Report
from bartizan.policies.analysis.justifications import apply_justifications
from bartizan.policies.diagnostics import Source

POLICY = """\
version: 1
name: sample
tools:
  pay: {args: {to: str, cost: dec(2)}}
  read: {args: {path: str}}
rules:
  - {id: payee, allow: [pay], when: from_user(args.to)}
  - id: cap
    deny: [pay]
    when: args.cost > 100.00
    justified: {shadowed: "a second [bold]line[/] ::error::"}
invariants:
  - never: allowed(pay) && args.cost > 50.00
  - possible: allowed(pay) && args.cost == 1.00
"""

HOSTILE = (
    "\x1b[31mred\x07\r\n::error file=x::owned\n[bold]b[/] %0A \u202eevil \u2028 {0} "
    "[link](https://evil) :smile: ##[add-mask]x \x9b1m"
)
CASE = {
    "prompt": f"pay ann {HOSTILE}",
    "history": [
        {"call": {"tool": "pay", "args": {"to": "ann", "cost": 1.5}}, "at": "1h"},
        {"result": {"tool": "read", "text": HOSTILE}, "signals": {"s": "missing"}},
    ],
    "principal": {"id": HOSTILE},
    "call": {"tool": "pay", "args": {"to": HOSTILE, "cost": 60.0}},
}
WITNESS = Counterexample(CASE, Outcome.ALLOW, ("payee",))


def policy(file: str = "policies/a b,c:d%.yaml", text: str = POLICY) -> CheckedPolicy:
    return check_policy(Source(file, text))


def report(checked: CheckedPolicy | None = None) -> Report:
    """Findings of every severity, one justified, and an invariant of each fate."""
    checked = checked or policy()
    payee, cap = checked.rules
    never, possible = checked.invariants
    found = [
        Finding.of("shadowed", f"no change {HOSTILE}", rule="cap", source=cap.source, span=cap.span,
                   answer=Proved(core=("payee",)), related=("payee",)),
        Finding.of("may-error", f"can fail {HOSTILE}", rule="payee", tool="pay", source=payee.source, span=payee.span,
                   answer=Refuted(WITNESS), related=("cap", "nobody")),
        Finding.of("unconstrained", "no rule looks at `path`", tool="read"),
        Finding.of("unknown", f"not answered {HOSTILE}", rule="payee", source=payee.source, span=payee.span,
                   answer=Unknown(HOSTILE)),
    ]  # fmt: skip
    assumed = Counterexample(
        {"call": {"tool": "pay"}}, Outcome.ALLOW, (), (f"the index overflowed {HOSTILE}",)
    )
    proofs = (
        Proof(never, Refuted(assumed), 0.5),
        Proof(possible, Proved("by a session that does", witness=WITNESS), 0.25),
        Proof(possible, Refuted(None)),
        Proof(never, Unknown(f"too long {HOSTILE}")),
        Proof(never, Proved(f"2-induction {HOSTILE}")),
    )
    return Report(checked, apply_justifications(found, checked), proofs, 1.25)


def difference() -> Difference:
    other = Counterexample({"result": {"tool": "read", "text": HOSTILE}})
    return Difference(
        (
            Change("pay", ("cap",), ("payee",), Outcome.DENY, Outcome.ALLOW, WITNESS),
            Change("read", ("hide",), ("shown",), Outcome.DENY, Outcome.ALLOW, other),
        ),
        (Change("pay", ("payee",), ("default",), Outcome.ALLOW, Outcome.DENY, WITNESS),),
        (f"calls of read: too hard {HOSTILE}",),
    )
