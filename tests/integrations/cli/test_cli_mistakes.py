"""What is asked for and cannot be: a sentence and an exit code, never a trace."""

from __future__ import annotations

from pathlib import Path

import pytest

from .command import here

POLICY = "version: 1\nname: p\ntools: {pay: {args: {to: str}}}\nrules: [{id: all, allow: [pay]}]\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["schema", "--out", "DIR/none/x"], "cannot write"),
        (["schema", "--out", "DIR"], "Is a directory"),
        (["tools", "import", "os:environ"], "expected LangChain tools"),
        (["tools", "import", "os:system"], "os:system: "),
        (["tools", "import", "..:x"], "..:x: "),
        (["tools", "import", "DIR/tools.json"], "expected a list of tools"),
        (["audit", "verify", "DIR", "--head", f"{'9' * 5000}:00"], "a head is SEQ:HASH"),
        (["lint", "DIR/policy.yaml", "--timeout", "inf"], "less than or equal to 86400"),
        (["replay", "DIR/calls.jsonl", "--policy", "DIR/policy.yaml", "--html", "DIR"], "cannot write"),
    ],
    ids=lambda each: "-".join(each[:2]) if isinstance(each, list) else None,
)
def test_a_mistake_ends_with_a_sentence(tmp_path: Path, arguments: list[str], said: str) -> None:
    """Files that cannot be written, modules that hold no tools, numbers without end."""
    (tmp_path / "policy.yaml").write_text(POLICY)
    (tmp_path / "tools.json").write_text("[5]")
    session = '{"id": "1", "user": "x", "label": 0, "turns": [{"tool": "pay", "args": {"to": "a"}}]}'
    (tmp_path / "calls.jsonl").write_text(f"{session}\n")
    done = here(*(argument.replace("DIR", str(tmp_path)) for argument in arguments))
    assert done.returncode == 2
    assert said in (done.stdout + done.stderr).replace("\n", " ")
