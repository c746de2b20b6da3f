"""Policies made to hurt the analyses, and a child process that analyses one of them: ``python hostile.py NAME``.

Every invariant in them holds, so that an analysis may prove it, or say that it does not know.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterable
from pathlib import Path

BLOW_UP = '"(a|b)*a(a|b){12}"'
LABELS = '"(([a-z]{1,9}[.]){1,9}x){1,9}"'
WORDS = [f"word{index}" for index in range(20)]
VALUES = [f"v{index}" for index in range(400)]
ROLES = [f'"role{index}" in principal.roles' for index in range(64)]
FAR = "\U000f0000"  # beyond U+2FFFF, where SMT-LIB's characters end
DEEP = "args." + ".".join("a" * 12)


def policy(args: str, rules: Iterable[str], invariants: Iterable[str]) -> str:
    """A policy of one tool, ``call``, which everybody may call. An invariant is ``never: e`` or ``possible: e``."""
    lines = ["version: 1", "name: hostile", "tools:", f"  call: {{args: {args}, effect: write}}"]
    lines += ["rules:", "  - {id: everything, allow: [call]}"]
    lines += [f"  - id: r{index}\n    {rule}" for index, rule in enumerate(rules)]
    lines += ["invariants:"]
    for invariant in invariants:
        kind, _, expression = invariant.partition(": ")
        lines.append(f"  - {kind}: {_quoted(expression)}")
    return "\n".join((*lines, ""))


def stop(expression: str, effect: str = "deny") -> str:
    return f"{effect}: [call]\n    when: {_quoted(expression)}"


def _quoted(expression: str) -> str:
    return json.dumps(expression, ensure_ascii=False)


def _any(tests: Iterable[str]) -> str:
    return " || ".join(tests)


def _all(tests: Iterable[str]) -> str:
    return " && ".join(tests)


def _holds(words: Iterable[str]) -> str:
    return _all(f'args.s.contains("{word}")' for word in words)


def _record(depth: int) -> str:
    return f"{{a: {'str' if depth == 1 else _record(depth - 1)}, b?: bool}}"


ROWS = '{rows: "list({tags: list(str, 64), n: int}, 64)"}'

CASES: dict[str, str] = {
    "exponential-automaton": policy(
        "{s: str}",
        [stop(f"args.s.fullmatches({BLOW_UP})"), stop(f"!args.s.fullmatches({BLOW_UP})", "escalate")],
        [
            f'never: args.s.fullmatches({BLOW_UP}) && !args.s.fullmatches("[ab]*")',
            f'possible: args.s.fullmatches("[ab]{{13}}") && !args.s.fullmatches({BLOW_UP})',
            f'never: args.s.fullmatches({BLOW_UP}) && args.s.fullmatches("(a|b)*b(a|b){{12}}")',
            f'never: args.s.fullmatches("[ab]{{0,40}}") && !args.s.fullmatches({BLOW_UP})'
            ' && args.s.fullmatches("[ab]*a[ab]{12}")',
            f"never: allowed(call) && args.s.fullmatches({BLOW_UP})",
        ],
    ),
    "nested-counters": policy(
        "{s: str}",
        [stop(f"args.s.fullmatches({LABELS}) && size(args.s) > 400")],
        [
            f"never: args.s.fullmatches({LABELS}) && size(args.s) > 819",
            f"possible: args.s.fullmatches({LABELS}) && size(args.s) < 4",
            'never: args.s.fullmatches("((a{2,20}b){3,20}c){2,4}") && size(args.s) < 20',
        ],
    ),
    "twenty-contained": policy(
        "{s: str}",
        [stop(_holds(WORDS))],
        [
            f"possible: {_holds(WORDS[2:])}",
            f"never: {_holds(WORDS)} && size(args.s) < 30",
            f"never: allowed(call) && {_holds(WORDS)}",
        ],
    ),
    "deepest-nesting": policy(
        "{n: int}",
        [stop("!(" * 30 + "args.n > 3" + ")" * 30)],
        [f"never: allowed(call) && {'(' * 60}args.n > 3{')' * 60}"],
    ),
    "largest-expression": policy(
        "{n: int, s: str}",
        [
            stop(_any(f"args.n == {3 * i}" for i in range(800))),
            stop(_any(f'args.s.startsWith("p{i}-")' for i in range(650)), "escalate"),
        ],
        ["never: allowed(call) && args.n == 2397", 'never: allowed(call) && args.s.startsWith("p649-x")'],
    ),
    "beyond-the-solvers-alphabet": policy(
        "{s: str, t: str}",
        [stop(f'args.s.contains("{FAR}")')],
        [
            f'never: args.s == "{FAR}" && size(args.s) != 1',
            'possible: args.s.startsWith("\U00030000\U00040000") && size(args.s) == 2',
            f'never: args.s == "{FAR}" && args.s == args.t && args.t.fullmatches("[\U00040000-\U000effff]")',
            f'never: allowed(call) && args.s.endsWith("{FAR}")',
        ],
    ),
    "escapes-that-are-texts": policy(
        "{s: str, t: str}",
        [stop('args.s.contains("\\\\u{41}")')],
        [
            'never: args.s == "\\\\u{41}" && size(args.s) != 6',
            'never: args.s == "\\\\u{30000}" && size(args.s) != 9',
            'never: args.s == "\\\\u{41}" && args.s == args.t && args.t == "A"',
            'possible: args.s == "\\\\x41\\\\" && size(args.s) == 5',
            'possible: allowed(call) && args.s == "\\\\u{30000}"',
            'never: allowed(call) && args.s == "\\\\u{41}"',
        ],
    ),
    "longest-lists": policy(
        ROWS,
        [
            stop('args.rows.all(r, r.tags.exists(t, t == "x") && r.n > 3)'),
            stop("args.rows.exists(r, r.tags.all(t, size(t) > 9))", "escalate"),
        ],
        [
            'never: allowed(call) && args.rows.all(r, r.n > 5 && r.tags.exists(t, t == "x"))',
            "possible: allowed(call) && args.rows.exists(r, r.n > 5)",
        ],
    ),
    "longest-lists-measured": policy(
        ROWS,
        [stop("size(args.rows) > 3 && args.rows.all(r, size(r.tags) > 60)")],
        ["never: allowed(call) && size(args.rows) == 64 && args.rows.all(r, size(r.tags) == 64)"],
    ),
    "many-roles": policy(
        "{n: int}",
        [stop(_all(ROLES))],
        [f"never: allowed(call) && {_all(ROLES)}", f"possible: allowed(call) && {_all(ROLES[:12])}"],
    ),
    "huge-decimals": policy(
        "{amount: dec(9), n: int}",
        [stop(f"args.amount > {'9' * 50}.123456789"), stop(f"args.n * {'7' * 40} > {'9' * 60}")],
        [
            f"never: allowed(call) && args.amount > {'9' * 51}.0",
            f"possible: allowed(call) && args.amount == {'9' * 50}.123456789",
            f"never: allowed(call) && args.n > {'9' * 30}",
        ],
    ),
    "hundreds-of-values": policy(
        f'{{kind: "enum({", ".join(VALUES)})"}}',
        [stop(f'args.kind == "{value}"') for value in VALUES[:200]],
        [
            'never: allowed(call) && args.kind in ["v7", "v199"]',
            'possible: allowed(call) && args.kind == "v399"',
        ],
    ),
    "deep-records": policy(
        f"{{a: {_record(11)}}}",
        [stop(f'{DEEP}.startsWith("x")')],
        [f'never: allowed(call) && {DEEP} == "xyz"', f'possible: allowed(call) && {DEEP} == "y"'],
    ),
}


def peak() -> int:
    """The most memory that this program held, in mebibytes.

    Not ``ru_maxrss`` where it can be helped: that outlives ``exec``, and begins with what the parent held.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) >> 10


def main() -> None:
    """Analyse one policy, here, and print what came out of it and how much memory that took."""
    from bartizan.policies import Source, check_policy
    from bartizan.policies.analysis import Budget, Options, lint, prove

    asked = Options(Budget(seconds=20.0), isolated=False)
    checked = check_policy(Source("hostile.yaml", CASES[sys.argv[1]]))
    proofs = [(p.invariant.kind, type(p.answer).__name__, str(p.answer)[:300]) for p in prove(checked, asked)]
    findings = [(f.code, f.rule, f.message) for f in lint(checked, asked)]
    megabytes = peak()
    print(json.dumps({"proofs": proofs, "findings": findings, "megabytes": megabytes}))


if __name__ == "__main__":
    main()
