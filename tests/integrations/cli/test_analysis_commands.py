"""``lint``, ``prove``, ``diff`` and ``suggest`` as people and CI meet them: real questions, exit codes, formats."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from bartizan.guard import FileAuditLog, Guard, ToolCall, ToolResult
from bartizan.policies import load_policy

from .command import run

CLEAN = """\
version: 1
name: sample
tools:
  pay: {args: {to: str, cost: dec(2)}}
rules:
  - {id: payee, allow: [pay], when: from_user(args.to)}
  - {id: cap, deny: [pay], when: args.cost > 100.00, reason: Too much.}
invariants:
  - never: allowed(pay) && args.cost > 100.00
  - possible: allowed(pay) && args.cost == 7.00
"""
SHADOWED = CLEAN.replace("invariants:", "  - {id: more, deny: [pay], when: args.cost > 200.00}\ninvariants:")


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(CLEAN)
    return path


def test_lint_passes_and_fails(policy: Path) -> None:
    """A policy with nothing but notes exits 0; a finding exits 1 at its place, and 0 once it is justified."""
    code, out, _ = run("lint", policy, "--no-notes")
    assert code == 0, out
    policy.write_text(SHADOWED)
    code, out, _ = run("lint", policy)
    assert code == 1
    assert "policy.yaml:8:5: warning[shadowed]: " in out
    policy.write_text(SHADOWED.replace("> 200.00}", "> 200.00, justified: {shadowed: twice is safer}}"))
    code, out, _ = run("lint", policy)
    assert (code, "justified: twice is safer" in out) == (0, True)


def test_lint_for_machines(policy: Path) -> None:
    """JSON, SARIF and GitHub's commands carry the same finding; the exit code is the same."""
    policy.write_text(SHADOWED)
    code, out, _ = run("lint", policy, "--format", "json")
    (report,) = json.loads(out)
    assert (code, [f["code"] for f in report["findings"] if f["severity"] == "warning"]) == (1, ["shadowed"])
    code, out, _ = run("lint", policy, "--format", "sarif", "--no-notes")
    assert (code, [r["ruleId"] for r in json.loads(out)["runs"][0]["results"]]) == (1, ["shadowed"])
    code, out, _ = run("lint", policy, "--format", "github", "--no-notes")
    assert (code, out.startswith("::warning file="), out.count("\n")) == (1, True, 1)


def test_lint_takes_several_policies(policy: Path, tmp_path: Path) -> None:
    """The exit code is the worst one."""
    bad = tmp_path / "bad.yaml"
    bad.write_text(SHADOWED)
    assert run("lint", policy, bad)[0] == 1


def test_what_does_not_load_cannot_be_analysed(policy: Path, tmp_path: Path) -> None:
    """A broken or missing policy is exit code 2, with the usual message."""
    policy.write_text(CLEAN.replace("args.cost >", "args.cots >"))
    for command in ("lint", "prove"):
        code, _, err = run(command, policy)
        assert (code, "did you mean `cost`?" in err) == (2, True)
    code, _, err = run("diff", tmp_path / "nothing.yaml", policy)
    assert (code, "cannot read" in err) == (2, True)


def test_prove_passes_and_fails(policy: Path) -> None:
    """Proved invariants exit 0; a refuted one exits 1 and shows a call."""
    code, out, _ = run("prove", policy)
    assert (code, out.count(": proved: ")) == (0, 2), out
    policy.write_text(CLEAN.replace("> 100.00\n  - possible", "> 50.00\n  - possible"))
    code, out, _ = run("prove", policy)
    assert code == 1
    assert "error[refuted]: this does not hold: never: allowed(pay) && args.cost > 50.00" in out
    assert "this call is ALLOW, because of payee:" in out


def test_what_is_refuted_becomes_a_test(policy: Path) -> None:
    """``--save-tests`` on the policy itself: the call is there, passes, and is not added again."""
    policy.write_text(CLEAN.replace("> 100.00\n  - possible", "> 50.00\n  - possible"))
    code, out, _ = run("prove", policy, "--save-tests", policy)
    assert (code, "1 tests added, 0 were there already" in out) == (1, True)
    assert run("test", policy)[:2] == (0, f"pass {policy}: refuted\n1 passed, 0 failed\n")
    code, out, _ = run("prove", policy, "--save-tests", policy)
    assert (code, "0 tests added, 1 were there already" in out) == (1, True)


def test_diff_fails_on_what_is_newly_allowed(policy: Path, tmp_path: Path) -> None:
    """A looser version exits 1 with a call of each class; a stricter one 0, or 1 when strict."""
    looser = tmp_path / "looser.yaml"
    looser.write_text(CLEAN.replace("args.cost > 100.00, reason", "args.cost > 200.00, reason"))
    code, out, _ = run("diff", policy, looser)
    assert code == 1
    assert "newly allowed: 1 class" in out
    assert "DENY (because of cap) becomes ALLOW (because of payee)" in out
    code, out, _ = run("diff", looser, policy)
    assert (code, "newly allowed: nothing" in out, "newly denied: 1 class" in out) == (0, True, True)
    assert run("diff", looser, policy, "--strict")[0] == 1
    assert run("diff", policy, policy, "--strict")[0] == 0


def test_second_opinions_agree(policy: Path) -> None:
    """Asking cvc5 too changes no answer."""
    assert run("prove", policy, "--second-opinion")[0] == 0


def test_suggested_tests_pass(policy: Path) -> None:
    """What is suggested can be added to the policy, and passes."""
    code, out, err = run("suggest", "tests", policy, "--save-tests", policy)
    assert code in (0, 2)  # some things cannot be shown in a short test
    assert (out, "tests added" in err) == ("", True)
    assert run("test", policy)[0] == 0
    code, out, err = run("suggest", "tests", policy, "--json")
    assert json.loads(out)["tests"] == []


def test_suggested_tests_are_printed(policy: Path, tmp_path: Path) -> None:
    """Without a file the tests are printed as YAML that stands under ``tests:``."""
    _, out, _ = run("suggest", "tests", policy)
    both = tmp_path / "both.yaml"
    both.write_text(CLEAN + "tests:\n" + out)
    code, out, _ = run("test", both)
    assert (code, "0 failed" in out) == (0, True)


@pytest.fixture
def log(policy: Path, tmp_path: Path) -> Path:
    """An audit log, with content, of three small payments."""

    async def session() -> None:
        guard = Guard(load_policy(policy), audit=FileAuditLog(tmp_path / "audit"), capture_content=True)
        await guard.observe("prompt", "pay ann 5, 6 and 7", session="s")

        async def execute(call: ToolCall) -> ToolResult:
            return ToolResult("paid")

        for cost in (5, 6, 7):
            await guard.enforce(
                ToolCall.of(str(cost), "pay", {"to": "ann", "cost": cost}), execute, session="s"
            )
        await guard.aclose()

    asyncio.run(session())
    return tmp_path / "audit"


def test_least_privilege_is_tighter_and_loads(policy: Path, log: Path, tmp_path: Path) -> None:
    """The suggestion narrows what was seen, is written where asked, and lets nothing more go."""
    tight = tmp_path / "tight.yaml"
    code, out, err = run("suggest", "least-privilege", policy, "--log", log, "--out", tight)
    assert code == 0, err
    assert "proved to let nothing more go; 3 recorded calls go as before" in out
    assert "+" in out
    assert run("check", tight)[0] == 0
    code, out, _ = run("diff", policy, tight)
    assert (code, "newly denied: nothing" in out) == (0, False)
    code, out, _ = run("suggest", "least-privilege", policy, "--log", log, "--json")
    assert json.loads(out)["policy"] == tight.read_text()


def test_a_log_that_is_none_is_refused(policy: Path, tmp_path: Path) -> None:
    """What cannot be read as a recording is a clear line and exit code 2."""
    (tmp_path / "log").mkdir()
    assert run("suggest", "least-privilege", policy, "--log", tmp_path / "log")[0] == 2


def test_without_a_solver_there_is_a_clear_message(policy: Path) -> None:
    """Where z3 is not installed the commands say what to install and exit 2; the others work."""
    hide = "import sys\nfor name in ('z3', 'cvc5'): sys.modules[name] = None\n"
    main = hide + "from bartizan.integrations.cli import main; main()"
    for command in ("lint", "prove"):
        done = subprocess.run(
            [sys.executable, "-c", main, command, str(policy)], capture_output=True, text=True
        )
        assert done.returncode == 2
        assert "pip install 'bartizan[prove]'" in done.stderr
        assert "Traceback" not in done.stderr
    done = subprocess.run([sys.executable, "-c", main, "check", str(policy)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_command_line_imports_no_solver() -> None:
    """Importing the command line leaves the analyses and their solvers alone."""
    code = (
        "import sys, bartizan.integrations.cli\n"
        "heavy = [n for n in sys.modules if n.split('.')[0] in ('z3', 'cvc5') or n == 'bartizan.policies.analysis']\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
