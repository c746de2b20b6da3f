"""Counterexamples saved as tests: they load, they pass, they are there once, and the file keeps its text."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bartizan.guard import Outcome
from bartizan.integrations.cli.save import save_all, save_tests
from bartizan.policies import CheckedPolicy, load_policy, run_tests
from bartizan.policies.analysis.answers import Counterexample

from .sample import CASE, POLICY, WITNESS, policy, report

PAY = {"prompt": "pay ann", "call": {"tool": "pay", "args": {"to": "ann", "cost": 5.5}}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def one(
    case: dict[str, object], outcome: Outcome | None = None
) -> list[tuple[CheckedPolicy, str, str, Counterexample]]:
    return [(policy(), "found", "what it shows", Counterexample(case, outcome))]


def test_saved_tests_pass_and_the_file_keeps_its_text(file: Path) -> None:
    """A counterexample becomes a passing test under a comment; saying it again adds nothing."""
    saved = save_tests(one(PAY, Outcome.ALLOW), file)
    assert (saved.added, saved.known, saved.refused, saved.refused_file) == (1, 0, [], "")
    assert file.read_text() == POLICY + (
        'tests:\n  # what it shows\n  - name: found\n    prompt: "pay ann"\n'
        "    call: {tool: pay, args: {to: ann, cost: 5.5}}\n    expect: allow\n    because: [payee]\n"
    )
    assert [result.passed for result in run_tests(load_policy(file))] == [True]
    renamed = [(policy(), "another name", "", Counterexample(PAY, Outcome.ALLOW))]
    again = save_tests([*one(PAY, Outcome.ALLOW), *renamed], file)
    assert (again.added, again.known) == (0, 2)


def test_a_situation_twice_in_one_go_is_one_test(file: Path) -> None:
    """Duplicates among what is saved count as duplicates too."""
    saved = save_tests([*one(PAY), *one(PAY)], file)
    assert (saved.added, saved.known) == (1, 1)


def test_results_and_hostile_texts_are_saved(tmp_path: Path) -> None:
    """A case about a result expects what becomes of it; control characters are written as escapes."""
    file = tmp_path / "policy.yaml"
    text = POLICY.replace("invariants:", "signals: {s: {on: result, monitor: m}}\ninvariants:")
    file.write_text(text)
    call = {key: value for key, value in CASE.items() if key != "prompt"}
    result = {"result": {"tool": "read", "text": "\x1b[31m\u202e"}}
    saved = save_tests([*one(call), *one(result)], file)
    assert (saved.added, saved.refused) == (2, [])
    assert "\x1b" not in file.read_text()
    assert "\u202e" not in file.read_text()
    assert all(result.passed for result in run_tests(load_policy(file)))


@pytest.mark.parametrize(
    ("witness", "reason"),
    [
        (
            Counterexample(PAY, Outcome.ALLOW, (), ("the index overflowed",)),
            "assumes that the index overflowed",
        ),
        (Counterexample(PAY, Outcome.DENY), "decides it otherwise"),
        (Counterexample({"call": {"tool": "pay", "args": {"to": "\ud800"}}}), "cannot be written"),
        (Counterexample({"call": {"tool": "pay"}, "history": [{}]}), "cannot be written"),
    ],
)
def test_what_is_no_test_is_left_out_with_the_reason(
    file: Path, witness: Counterexample, reason: str
) -> None:
    """Assumptions, another policy's answer and what YAML cannot hold are not saved; the others are."""
    saved = save_tests([(policy(), "found", "", witness), *one({**PAY, "prompt": "pay ann now"})], file)
    assert (saved.added, saved.refused_file) == (1, "")
    assert reason in saved.refused[0]
    assert any("not saved" in line for line in saved.lines())


def test_a_case_that_the_policy_cannot_name_leaves_the_file_alone(file: Path) -> None:
    """The result is loaded before it is written: an undeclared signal in a test would make the policy invalid."""
    saved = save_tests(one({**PAY, "signals": {"nowhere": 0.5}}), file)
    assert "unknown-signal" in saved.refused_file
    assert file.read_text() == POLICY


def test_a_new_file_is_a_list_of_tests(tmp_path: Path) -> None:
    """A file that is not there is made; more tests join it, each once."""
    file = tmp_path / "found.yaml"
    assert save_tests(one(PAY), file).added == 1
    saved = save_tests([*one(PAY), *one({**PAY, "prompt": "pay ann now"})], file)
    assert (saved.added, saved.known) == (1, 1)
    beside = tmp_path / "policy.yaml"
    beside.write_text(POLICY + file.read_text())
    assert [result.passed for result in run_tests(load_policy(beside))] == [True, True]


@pytest.mark.parametrize(
    "text", ["tools: {}\n", "tests: 5\n", "a: 1\na: 2\n", "- a\n", "", "\udcff", "version: 1\n"]
)
def test_a_file_of_another_kind_is_left_alone(tmp_path: Path, text: str) -> None:
    """Neither a policy nor a list of tests, or broken: nothing is written."""
    file = tmp_path / "other.yaml"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    saved = save_tests(one(PAY), file)
    assert saved.refused_file
    assert file.read_bytes() == text.encode("utf-8", "surrogateescape")
    assert next(iter(saved.lines())).startswith(str(file))


def test_links_and_permissions_stay(tmp_path: Path, file: Path) -> None:
    """The file behind a link is written; the link and the file's mode stay; nothing else is left behind."""
    file.chmod(0o640)
    link = tmp_path / "link.yaml"
    link.symlink_to(file)
    assert save_tests(one(PAY), link).added == 1
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert sorted(os.listdir(tmp_path)) == ["link.yaml", "policy.yaml"]


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    """A folder that is not there is a reason, not a traceback."""
    assert save_tests(one(PAY), tmp_path / "nowhere" / "tests.yaml").refused_file


def test_every_counterexample_of_a_report_is_saved(file: Path) -> None:
    """Findings and refuted invariants alike; what assumes something is named and left out."""
    file.write_text(POLICY.replace("invariants:", "signals: {s: {on: result, monitor: m}}\ninvariants:"))
    saved = save_all([report(load_policy(file).policy)], file)
    assert WITNESS.outcome is Outcome.ALLOW
    assert saved.added + len(saved.refused) == 2
    assert any("assumes that" in reason for reason in saved.refused)
