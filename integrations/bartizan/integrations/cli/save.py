"""Saving counterexamples as tests: appended to a policy file, or to a file of tests of its own."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any as Json

from bartizan.policies import CheckedPolicy, PolicyError, Program, Source, ToolDecl, check_policy, load_case
from bartizan.policies.analysis.answers import Counterexample
from bartizan.policies.analysis.findings import Finding, Report
from bartizan.policies.casework import expectation, run_test
from bartizan.policies.diagnostics import visible
from bartizan.policies.document.append import CannotAppend, Entry, append_tests, block, new_file
from bartizan.policies.document.loading import plain
from bartizan.policies.document.model import TestCase
from bartizan.policies.document.source import parse_yaml

_ANSWER = ("name", "expect", "because")


@dataclass(slots=True)
class Saved:
    """What became of the counterexamples. ``refused_file`` says that the file could not be changed at all."""

    file: Path
    added: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)
    refused_file: str = ""

    def lines(self) -> Iterator[str]:
        """What there is to tell, a line each."""
        if self.refused_file:
            yield visible(f"{self.file} was left as it is: ") + self.refused_file
            return
        yield visible(f"{self.file}: {self.added} tests added, {self.known} were there already")
        yield from (visible(f"not saved: {reason}") for reason in self.refused)


def save_all(reports: Iterable[Report], file: Path, tools: Sequence[ToolDecl] = ()) -> Saved:
    """Add the counterexamples of every report to ``file``."""
    found = [
        (report.policy, _name(problem), problem.message, witness)
        for report in reports
        for problem in report.problems
        if (witness := problem.witness) is not None
    ]  # fmt: skip
    return save_tests(found, file, tools)


def _name(problem: Finding) -> str:
    return " ".join([problem.code, problem.rule or problem.tool or "", *problem.related]).strip()


def save_tests(
    found: Iterable[tuple[CheckedPolicy, str, str, Counterexample]],
    file: Path,
    tools: Sequence[ToolDecl] = (),
) -> Saved:
    """Add counterexamples (each with its policy, a name and what it shows) to ``file`` as tests that pass now.

    A policy file keeps its text, and its tests must pass under that very file. Another file is a bare list of
    tests, made if it is not there. Nothing is written unless the result loads and every added test passes.
    """
    saved = Saved(file)
    try:
        source = Source.decode(str(file), file.read_bytes()) if file.exists() else None
        target, there = _target(source, tools) if source is not None else (None, set())
        entries: list[Entry] = []
        for policy, name, message, witness in found:
            entry = _entry(Program(target or policy), name, message, witness, saved)
            if entry is None:
                continue
            content = _content(_case(entry.case))
            if content in there:
                saved.known += 1
                continue
            there.add(content)
            entries.append(entry)
        if entries:
            changed = new_file(str(file), entries) if source is None else append_tests(source, entries)
            if target is not None:
                check_policy(changed, tools)  # it loads, before it is written
            _replace(file, changed.text)
        saved.added = len(entries)
    except (CannotAppend, PolicyError) as error:
        saved.refused_file = str(error)
    except OSError as error:
        saved.refused_file = error.strerror or str(error)
    return saved


def _target(source: Source, tools: Sequence[ToolDecl]) -> tuple[CheckedPolicy | None, set[str]]:
    """The policy that the file holds, None for a bare list of tests; and what is tested already."""
    root = parse_yaml(source)
    keys = plain(root)
    if isinstance(keys, Mapping) and "version" in keys:
        policy = check_policy(source, tools)
        return policy, {_content(test) for test in policy.tests}
    if not isinstance(keys, Mapping) or set(keys) != {"tests"} or not isinstance(keys["tests"], tuple):
        raise CannotAppend("it is neither a policy nor a list `tests:`")
    return None, {_content(_case(test)) for test in keys["tests"]}


def _entry(program: Program, name: str, message: str, witness: Counterexample, saved: Saved) -> Entry | None:
    """The counterexample with what the program answers now; None, with the reason noted, if it is no test."""
    if witness.assumed:
        saved.refused.append(f"{name}: it assumes that {witness.assumed[0]}")
        return None
    situation = {key: value for key, value in witness.case.items() if key not in _ANSWER}
    try:
        answered = expectation(program, _case(situation))
        if witness.outcome is not None and answered["expect"] != witness.outcome.name.lower():
            saved.refused.append(f"{name}: the policy in {saved.file} decides it otherwise")
            return None
        entry = Entry({"name": name, **situation, **answered}, message)
        if run_test(program, _case(entry.case)).passed:
            return entry
        saved.refused.append(f"{name}: it does not pass under the policy")
    except (CannotAppend, PolicyError) as error:
        saved.refused.append(f"{name}: it cannot be written as a test: {error}")
    return None


def _case(case: Mapping[str, Json]) -> TestCase:
    """A case as the loader reads it from a file. Raises PolicyError, CannotAppend."""
    text = "\n".join(line[2:] for line in block(case))
    return load_case(Source("<test>", text))


def _content(case: TestCase) -> str:
    """What a test is about, whatever it is called and whatever it expects."""
    content = case.model_dump(exclude=set(_ANSWER), exclude_none=True)
    return json.dumps(content, sort_keys=True, default=float)


def _replace(file: Path, text: str) -> None:
    """Write the whole file or nothing. A link stays a link, permissions stay."""
    real = file.resolve()
    beside = real.with_name(f".{real.name}.{os.getpid()}.new")
    try:
        beside.write_bytes(text.encode("utf-8"))
        if real.exists():
            shutil.copymode(real, beside)
        beside.replace(real)
    finally:
        beside.unlink(missing_ok=True)
