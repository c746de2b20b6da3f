"""Which policy decides which sessions: one for all, or one per suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bartizan.guard.decision import Program
from bartizan.policies import ToolDecl, compile_policy, read_source

from .record import RecordError

Tools = Mapping[str, Sequence[ToolDecl]]
"""The inferred tools of each suite; empty where policies declare their own."""


@dataclass(frozen=True, slots=True)
class PolicyText:
    """A policy that any process can compile for itself."""

    file: str
    text: str
    tools: tuple[ToolDecl, ...] = ()

    def __call__(self) -> Program:
        """Raises ``PolicyError`` with located diagnostics."""
        return compile_policy(self.text, self.file, tools=self.tools)


def programs(path: Path, tools: Tools) -> dict[str, PolicyText]:
    """The policies at ``path``, by suite.

    A file decides every suite: with tools of its own (``"*"``), or compiled once per suite of ``tools``. A folder
    holds one ``<suite>.yaml`` per suite; sessions of other suites are left out. A name without a suffix is a pack
    of the library.
    """
    if path.is_dir():
        files = sorted(path.glob("*.yaml"))
        if not files:
            raise RecordError(
                str(path), "expected a policy file, or a folder with one <suite>.yaml per suite"
            )
        return {file.stem: _text(file, tools.get(file.stem, ())) for file in files}
    if tools:
        return {suite: _text(path, declared) for suite, declared in tools.items()}
    return {"*": _text(path, ())}


def _text(path: Path, tools: Sequence[ToolDecl]) -> PolicyText:
    try:
        source = read_source(path)
    except OSError as error:
        raise RecordError(str(path), f"the policy cannot be read: {error}") from error
    return PolicyText(source.file, source.text, tuple(tools))
