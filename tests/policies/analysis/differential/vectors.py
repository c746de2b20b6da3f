"""Writes ``policies/vectors``: policies, calls, and what becomes of them, for any implementation to read.

``python -m tests.policies.analysis.differential.vectors`` writes them anew. The same sources give the same bytes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from bartizan.guard import Request
from bartizan.policies import PolicyError, Program, compile_policy, load_policy, packs
from bartizan.policies.analysis.witness.replay import stage
from bartizan.policies.document.typespec import format_type
from bartizan.policies.evaluation.generators import SECOND, SIGNALS, TOOLS, Case, Generator

from .corners import CORNERS
from .notation import Unwritable, entry_of, written

ROOT = Path(__file__).parents[4]
VECTORS = ROOT / "policies/vectors"
LIBRARY = ROOT / "policies/bartizan/policies/library"
GENERATED = 26
_CASES = 6
_EFFECTS = ("deny", "escalate", "escalate", "allow", "allow", "allow")

Vector = tuple[str, dict[str, str], list[dict[str, Any]]]
"""A name, files by name (``policy.yaml`` among them), and cases as under ``tests:``, without ``expect``."""


def vectors() -> Iterator[Vector]:
    """Every vector, in order of its name's kind: corners, generated policies, packs."""
    for name, (policy, cases) in sorted(CORNERS.items()):
        yield f"corner-{name}", {"policy.yaml": policy}, cases
    for seed in range(GENERATED):
        yield f"generated-{seed:02}", *_generated(seed)
    for name in packs():
        yield f"pack-{name}", *_pack(name)


def _generated(seed: int) -> tuple[dict[str, str], list[dict[str, Any]]]:
    generator = Generator(Random(seed))
    lines = [f"version: 1\nname: generated-{seed:02}\ntools:"]
    lines += [f"  {name}: {{args: {_json(format_type(tool.args))}}}" for name, tool in TOOLS.items()]
    lines += ["signals:"]
    lines += [
        f"  {name}: {{on: {s.on}, monitor: {s.monitor}, missing: {s.missing}}}" for name, s in SIGNALS.items()
    ]
    head = "\n".join([*lines, "rules:\n"])
    rules = ""
    for index, effect in enumerate(_EFFECTS):
        rules += _rule(head, generator, f"rule-{index}", effect)
    cases = []
    for index in range(_CASES):
        history = generator.history()
        now = (history[-1].time if history else 100 * SECOND) + generator.random.choice((0, 1, SECOND))
        case = Case(
            generator.boolean(0), generator.call("pay", "now"), generator.signals("call"), history, now
        )
        cases.append(entry_of(case, f"case {index}"))
    return {"policy.yaml": head + rules}, cases


def _rule(head: str, generator: Generator, id: str, effect: str) -> str:
    """A rule that can be written down: most expressions of the generator are within the language."""
    while True:
        try:
            text = written(generator.boolean(3))
            rule = f"  - {{id: {id}, {effect}: [pay], when: {json.dumps(text)}}}\n"
            compile_policy(head + rule)
        except (Unwritable, PolicyError):
            continue
        return rule


def _pack(name: str) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """A pack with its own tests, or with those of the file that tests it."""
    tested = LIBRARY / "checks" / f"{name}.yaml"
    files = {"policy.yaml": (LIBRARY / f"{name}.yaml").read_text(encoding="utf-8")}
    if tested.exists():
        files = {f"{name}.yaml": files["policy.yaml"], "policy.yaml": tested.read_text(encoding="utf-8")}
        files["policy.yaml"] = files["policy.yaml"].replace(f"include: [{name}]", f"include: [{name}.yaml]")
    program = load_policy(tested if tested.exists() else LIBRARY / f"{name}.yaml")
    unexpected = {"expect", "because"}
    return files, [
        {k: v for k, v in json.loads(test.model_dump_json(by_alias=True, exclude_unset=True), object_hook=_read).items()
         if k not in unexpected}
        for test in program.policy.tests
    ]  # fmt: skip


def _read(found: dict[str, Any]) -> dict[str, Any]:
    """Signals are decimals, which JSON was given as texts."""
    if isinstance(signals := found.get("signals"), dict):
        found["signals"] = {name: _number(value) for name, value in signals.items()}
    return found


def _number(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _number(part) for key, part in value.items()}
    return value if value == "missing" else float(value)


def answer(program: Program, case: dict[str, Any]) -> dict[str, Any]:
    """What the program makes of a case: ``decision`` of a call, or ``inspection`` of a result."""
    staged = stage(program, case)
    found = staged.happen(program)
    because = sorted(set(found.because))
    if not isinstance(staged.subject, Request):
        return {"inspection": {"text": found.text, "label": found.label, "because": because}}
    assert found.outcome is not None
    traces = program.explain(staged.subject, staged.session).rules
    rules = {trace.rule: trace.value for trace in sorted(traces, key=lambda each: each.rule)}
    return {"decision": {"outcome": found.outcome.name.lower(), "because": because, "rules": rules}}


def write(directory: Path) -> None:
    """Write every vector below ``directory``, in place of those that are there."""
    for old in directory.glob("*/policy.yaml"):
        shutil.rmtree(old.parent)
    for name, files, cases in vectors():
        place = directory / name
        place.mkdir(parents=True)
        for file, text in files.items():
            (place / file).write_text(text, encoding="utf-8", newline="\n")
        program = load_policy(place / "policy.yaml")
        rows = [f"    {_json({'case': case, **answer(program, case)})}" for case in cases]
        text = '{\n  "hash": ' + _json(program.hash) + ',\n  "cases": [\n' + ",\n".join(rows) + "\n  ]\n}\n"
        (place / "cases.json").write_text(text, encoding="utf-8", newline="\n")


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


if __name__ == "__main__":
    write(VECTORS)
