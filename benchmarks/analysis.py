"""What static analysis costs, beside Z3's own string solver and cvc5 on the same questions.

    python benchmarks/analysis.py [--sizes 10 100 300 1000] [--seconds 5] [--lint-up-to 100]

The peers get the very formulas that our solver gets, as SMT-LIB 2 (QF_SLIA), one by one, with ``--seconds`` for each;
``?`` counts what they left unanswered in that time. ``ratio`` is their time by ours, the unanswered questions counted
with the time they took. Ours includes encoding; theirs the export.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from large_policies import edited, policy

from bartizan.policies import CheckedPolicy, Source, check_policy, read_source
from bartizan.policies.analysis import Budget, Finding, Proof, Unknown
from bartizan.policies.analysis.checks.difference import Comparison
from bartizan.policies.analysis.differing import Found
from bartizan.policies.analysis.differing import questions as diff_questions
from bartizan.policies.analysis.encode.expressions import Encoder
from bartizan.policies.analysis.formula import Formula, Model
from bartizan.policies.analysis.inquiry import Inquiry
from bartizan.policies.analysis.linting import questions as lint_questions
from bartizan.policies.analysis.proving import questions as prove_questions
from bartizan.policies.analysis.solve import cvc5
from bartizan.policies.analysis.solve.smtlib import script
from bartizan.policies.analysis.solve.z3 import pure_z3

QUESTIONS = Path(__file__).parents[1] / "examples" / "analysis" / "questions.yaml"
PLANTED = Path(__file__).parents[1] / "tests" / "policies" / "analysis" / "planted"
BUDGET = Budget(second_opinion="never")
Conjunction = Sequence[Formula]


def timed(run: Callable[[], object]) -> tuple[float, object]:
    started = time.perf_counter()
    found = run()
    return time.perf_counter() - started, found


def by_z3(asked: Conjunction, seconds: float) -> str:
    written = script(asked)
    if isinstance(written, Unknown):
        return "unknown"
    return pure_z3(written.text + "\n(check-sat)\n", int(seconds * 1000), 0)


def by_cvc5(asked: Conjunction, seconds: float) -> str:
    found = cvc5.second_opinion(asked, Budget(steps=10**9), seconds)
    return "unknown" if isinstance(found, Unknown) else "unsat" if found == "unsat" else "sat"


def peers(questions: Iterable[Conjunction], seconds: float) -> list[tuple[float, int]]:
    """For Z3 strings and for cvc5: seconds in all, and how many stayed unanswered."""
    totals = []
    asked = list(questions)
    for peer in (by_z3, by_cvc5):
        results = [timed(lambda peer=peer, each=each: peer(each, seconds)) for each in asked]  # type: ignore[misc]
        totals.append((sum(cost for cost, _ in results), sum(answer == "unknown" for _, answer in results)))
    return totals


def facts(encoder: Encoder) -> list[Formula]:
    return encoder.new_facts()


def differences(old: CheckedPolicy, new: CheckedPolicy) -> Iterable[Conjunction]:
    """Whether anything is loosened, one question a tool."""
    for tool in sorted(new.tools):
        compared = Comparison(old, new, tool, BUDGET)
        wanted = compared.changed("loosened")
        yield [*facts(compared.inquiry.encoder), wanted]


def violations(checked: CheckedPolicy) -> Iterable[Conjunction]:
    """Whether one call violates an invariant, in any session."""
    for invariant in checked.invariants:
        for tool, condition in invariant.conditions.items():
            inquiry = Inquiry((checked,), tool, BUDGET)
            verdict = inquiry.verdict(checked)
            allowed = {name: inquiry.formulas.truth(False) for name in checked.tools} | {
                tool: verdict.allowed()
            }
            inquiry.moment.allowed = allowed.__getitem__
            holds = inquiry.encoder.condition(condition, inquiry.moment).true
            yield [*facts(inquiry.encoder), inquiry.formulas.both(verdict.let_go(), holds)]


def firings(checked: CheckedPolicy, most: int) -> Iterable[Conjunction]:
    """Whether a rule can fire, of the first rules."""
    for rule in checked.rules[:most]:
        for tool in rule.conditions:
            inquiry = Inquiry((checked,), tool, BUDGET)
            condition = inquiry.encoder.condition(rule.conditions[tool], inquiry.moment)
            yield [*facts(inquiry.encoder), condition.true]


def row(name: str, ours: float, unknown: int, theirs: list[tuple[float, int]]) -> None:
    (z3, z3_open), (cvc, cvc_open) = theirs
    print(
        f"{name:<22}{ours:>9.2f}{unknown:>4}{z3:>10.2f}{z3_open:>4}{z3 / ours:>8.1f}"
        f"{cvc:>10.2f}{cvc_open:>4}{cvc / ours:>8.1f}",
        flush=True,
    )


def scale(size: int, seconds: float, lint: bool) -> None:
    before, after = (check_policy(Source("large.yaml", text)) for text in edited(size))
    cost, found = timed(lambda: list(diff_questions(before, after, BUDGET, frozenset())))
    assert isinstance(found, list) and any(isinstance(each, Found) for each in found)
    unknown = sum(isinstance(each, Unknown) for each in found)
    row(f"diff, {size} rules", cost, unknown, peers(differences(before, after), seconds))

    made = policy(size, faults=True, invariants=True)
    checked = check_policy(Source("large.yaml", made.text))
    cost, proofs = timed(lambda: list(prove_questions(checked, BUDGET, ("missing",), frozenset())))
    assert isinstance(proofs, list)
    unknown = sum(isinstance(each, Proof) and isinstance(each.answer, Unknown) for each in proofs)
    row(f"prove, {size} rules", cost, unknown, peers(violations(checked), seconds))

    if lint:
        cost, findings = timed(lambda: list(lint_questions(checked, BUDGET, frozenset())))
        assert isinstance(findings, list)
        found_at = {(f.code, f.rule) for f in findings if isinstance(f, Finding)}
        missed = [("vacuous", r) for r in made.vacuous if ("vacuous", r) not in found_at]
        missed += [("shadowed", r) for r in made.shadowed if ("shadowed", r) not in found_at]
        unknown = sum(code == "unknown" for code, _ in found_at)
        print(
            f"lint, {size} rules: {cost:.2f} s, {unknown} unknown, planted faults missed: {missed}",
            flush=True,
        )
        few = min(size, 20)
        asked = list(firings(checked, few))
        ours, answers = timed(lambda: [_ask(checked, index) for index in range(few)])
        assert isinstance(answers, list)
        row(f"  {few} rules can fire", ours, answers.count("unknown"), peers(asked, seconds))


def _ask(checked: CheckedPolicy, index: int) -> str:
    rule = checked.rules[index]
    for tool in rule.conditions:
        inquiry = Inquiry((checked,), tool, BUDGET)
        found = inquiry.check(inquiry.encoder.condition(rule.conditions[tool], inquiry.moment).true)
        if isinstance(found, Model):
            return "sat"
        if isinstance(found, Unknown):
            return "unknown"
    return "unsat"


def texts(seconds: float) -> None:
    print(f"\n{'fifteen questions about texts':<22}")
    checked = check_policy(read_source(QUESTIONS))
    proofs = [p for p in prove_questions(checked, BUDGET, ("missing",), frozenset()) if isinstance(p, Proof)]
    for proof, asked in zip(proofs, violations(checked), strict=True):
        row(proof.invariant.written.partition(": ")[2].removeprefix(">- ")[:20], proof.seconds,
            isinstance(proof.answer, Unknown), peers([asked], seconds))  # fmt: skip


def sessions() -> None:
    print("\nwhole sessions, ours only (seconds)")
    planted = {
        "planted: a refund frees a budget": "faulty/sequence/refund-then-pay.yaml",
        "planted: a window shorter than the budget's": "faulty/sequence/budget-window.yaml",
        "proved: payments, 1000.00 in 24 hours": "payments",
    }
    for name, file in planted.items():
        checked = check_policy(read_source(PLANTED / file if file.endswith(".yaml") else file))
        for proof in prove_questions(checked, BUDGET, ("missing",), frozenset()):
            if isinstance(proof, Proof):
                print(
                    f"{name:<46}{proof.seconds:>7.2f}  {type(proof.answer).__name__}  {proof.invariant.written[:50]}"
                )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="*", default=[10, 100, 300, 1000])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--lint-up-to", type=int, default=100)
    options = parser.parse_args()
    print(
        f"{'':<22}{'ours, s':>9}{'?':>4}{'Z3, s':>10}{'?':>4}{'ratio':>8}{'cvc5, s':>10}{'?':>4}{'ratio':>8}"
    )
    texts(options.seconds)
    for size in options.sizes:
        scale(size, options.seconds, size <= options.lint_up_to)
    sessions()


if __name__ == "__main__":
    main()
