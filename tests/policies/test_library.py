"""The packs that ship, and the policies of the examples."""

from __future__ import annotations

from pathlib import Path

import pytest

from bartizan.policies import ToolDecl, compile_policy, load_policy, packs, read_source, run_tests

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "policies/bartizan/policies/library"
FILES = sorted([*LIBRARY.glob("**/*.yaml"), *ROOT.glob("examples/**/policies/*.yaml")])


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_policy_passes_its_own_tests(path: Path) -> None:
    """A shipped policy loads, and every one of its tests passes."""
    failed = [result for result in run_tests(load_policy(path)) if not result.passed]
    assert failed == []


def test_every_pack_has_tests_and_says_what_it_does_not_stop() -> None:
    """Each pack carries tests (the tool-agnostic baseline beside itself) and states its limits."""
    assert set(packs()) == {
        "baseline",
        "baseline-monitored",
        "databases",
        "email",
        "files",
        "payments",
        "shell",
        "web",
    }
    for name in packs():
        source = read_source(name)
        assert "What it stops" in source.text
        assert "What it does not stop" in source.text
        tested = LIBRARY / "checks" / f"{name}.yaml"
        program = load_policy(tested if tested.exists() else name)
        assert len(program.policy.tests) >= 5


def test_packs_can_be_included_and_extended() -> None:
    """Including a pack merges its tools and rules; a rule of one's own adds to them."""
    program = compile_policy(
        "version: 1\nname: mine\ninclude: [payments, email]\nrules:\n"
        "  - {id: mine, deny: [send_money], when: args.amount > 10.00}\n"
    )
    assert {"send_money", "send_email"} <= set(program.tools)
    assert {rule.id for rule in program.policy.rules} >= {"mine", "payments-limit", "email-rate"}


@pytest.mark.parametrize("taken", ["file", "folder"])
def test_nothing_in_the_current_folder_takes_the_place_of_a_pack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    """A pack is the library's: a file or folder of its name where the process runs does not replace it."""
    monkeypatch.chdir(tmp_path)
    if taken == "file":
        Path("payments").write_text("version: 1\nname: other\nrules: [{id: all, allow: ['*']}]\n")
    else:
        Path("payments").mkdir()
    assert "payments-limit" in {rule.id for rule in load_policy("payments").policy.rules}
    mine = compile_policy("version: 1\nname: mine\ninclude: [payments]\n")
    assert "payments-limit" in {rule.id for rule in mine.policy.rules}


def test_a_file_that_is_called_like_a_pack_can_include_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``payments.yaml`` with ``include: [payments]`` has the pack's rules, wherever it is loaded from."""
    monkeypatch.chdir(tmp_path)
    Path("payments.yaml").write_text("version: 1\nname: mine\ninclude: [payments]\n")
    here, elsewhere = load_policy("payments.yaml"), load_policy(tmp_path / "payments.yaml")
    assert "payments-limit" in {rule.id for rule in here.policy.rules}
    assert here.hash == elsewhere.hash


def test_baseline_takes_the_tools_it_is_given() -> None:
    """The baseline names no tool: what it guards is what it is given."""
    program = load_policy("baseline", [ToolDecl("wipe", tags=frozenset({"write", "destructive"}))])
    assert set(program.tools) == {"wipe"}
