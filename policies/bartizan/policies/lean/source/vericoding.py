"""The specification, and policies with their invariants, as tasks for provers: the vericoding benchmark's split.

One JSON object a task, with the fields of the benchmark's Lean tasks (Beneficial-AI-Foundation/vericoding-benchmark): a
file is the preamble, the helpers, the definitions, the theorems and the postamble, in this order, and what is to be
done is every ``sorry`` in it. A task of ours asks for the proof of one theorem, or for a function that has the theorems
which say what it must do; a policy's task asks for the proofs of its invariants, and its definitions are the policy.

The specification is taken from the Lean project, which a wheel does not bring: ``project`` is its folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any as Json

from bartizan.guard import BartizanError

from ...policy import CheckedPolicy
from ..calculus.build import spine
from ..calculus.declarations import Declaration, Inductive
from ..calculus.terms import Const, Expr
from ..certificates.binding import claimed
from ..certificates.certificate import Certificate
from ..proving.claims import NAMESPACE as CERTIFIED
from ..proving.claims import POLICY, Claim, Claims
from ..theory import NAMESPACE, theory
from .commands import Command, Module, read_project
from .printer import Printer

PARTS = ("vc-preamble", "vc-helpers", "vc-definitions", "vc-theorems", "vc-postamble")
FUNCTIONS: Mapping[str, tuple[str, ...]] = {"gate": ("gate_sound", "gate_transparent")}
"""Functions that are asked for, each with the theorems that say what it must do."""

_CLAIMED = "Spec.Budget"
"""The module with all that a claim about a policy is made of, by itself or by what it imports."""
Task = dict[str, Json]


class NoProject(BartizanError):
    """The folder of the Lean project is not there."""


def default_project() -> Path:
    """The Lean project of a checkout."""
    return Path(__file__).resolve().parents[4] / "lean"


def specification_tasks(project: Path) -> Iterator[Task]:
    """A task for each theorem of the project that is told with a sentence, and one for each of ``FUNCTIONS``."""
    spec, theorems = _project(project)
    for module in theorems:
        needed = [each for each in spec if each.name in _imports(module, [*spec, *theorems])]
        own = tuple(command for command in module.commands if command.kind != "theorem")
        for command in module.commands:
            if command.kind == "theorem" and command.doc:
                yield _task(
                    command.name,
                    command.doc,
                    preamble=_opened([*needed, Module(module.name, (), own)], NAMESPACE),
                    theorems=_stated([command]),
                    postamble=f"end {NAMESPACE}",
                )
    commands = {command.name: command for module in (*spec, *theorems) for command in module.commands}
    for name, wanted in FUNCTIONS.items():
        yield _task(
            f"{name}-function",
            f"{commands[name].doc} Write it, and prove that it does what it must do.",
            preamble=_opened(_before(spec, name), NAMESPACE),
            definitions=f"{commands[name].statement} :=\n  sorry",
            theorems=_stated([commands[theorem] for theorem in wanted]),
            postamble=f"end {NAMESPACE}",
        )


def policy_task(policy: CheckedPolicy, certificate: Certificate | None, project: Path) -> Task | None:
    """The invariants of a policy, given the facts that its certificate assumes; None if none is about all calls."""
    spec, _ = _project(project)
    claims = Claims.of(policy)
    wanted = list(invariant_claims(claims, certificate))
    if not wanted:
        return None
    printer = Printer(_types(), CERTIFIED, NAMESPACE)
    theorems = [
        f"/-- {_comment(claim.english)} -/\ntheorem {printer.name(claim.name)} :\n"
        f"    {_wrapped(printer, claim.statement)} := by\n  sorry"
        for claim in wanted
    ]
    (last,) = (module for module in spec if module.name == _CLAIMED)
    needed = [module for module in spec if module.name in _imports(last, spec)] + [last]
    opened = f"end {NAMESPACE}\n\nopen {NAMESPACE}\n\nnamespace {CERTIFIED}"
    return _task(
        f"policy-{policy.name}",
        f"Prove the invariants of the policy {policy.name} ({policy.hash}).",
        preamble=f"{_opened(needed, NAMESPACE)}\n\n{opened}",
        definitions=f"def {printer.name(POLICY)} : Policy :=\n  {_laid_out(printer, claims.term)}",
        theorems="\n\n".join(theorems),
        postamble=f"end {CERTIFIED}",
    )


def lean_file(task: Task) -> str:
    """A task as a Lean file, its parts between the benchmark's markers."""
    return "\n\n".join(f"-- <{part}>\n{task[part]}\n-- </{part}>" for part in PARTS) + "\n"


def write_tasks(path: Path, tasks: Iterable[Task]) -> int:
    """Writes a task a line; how many there are."""
    lines = [json.dumps(task, ensure_ascii=False) for task in tasks]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return len(lines)


# --- parts


def _comment(text: str) -> str:
    """Text that neither ends nor opens the comment that it stands in."""
    return text.replace("-/", "- /").replace("/-", "/ -")


def _task(
    name: str, description: str, *, preamble: str, theorems: str, postamble: str, definitions: str = ""
) -> Task:
    return {
        "id": f"bartizan/{name}",
        "language": "lean",
        "source": "bartizan",
        "source-id": name,
        "source-notes": "",
        "vc-description": description,
        "vc-preamble": preamble,
        "vc-helpers": "",
        "vc-definitions": definitions,
        "vc-theorems": theorems,
        "vc-postamble": postamble,
        "qa-issue": 0,
        "qa-issue-type": "",
        "qa-definitions-with-sorry": definitions.count("sorry"),
        "qa-near-duplicate-group": "",
        "qa-score": -1,
    }


def _project(project: Path) -> tuple[list[Module], list[Module]]:
    spec, theorems = read_project(project, "Spec"), read_project(project, "Thm")
    if not spec or not theorems:
        raise NoProject(
            f"{project} is no Lean project of Bartizan; give the folder policies/lean of a checkout of its sources"
        )
    return spec, theorems


def _opened(modules: Sequence[Module], namespace: str) -> str:
    """Modules as one text, without their imports, in a namespace that stays open."""
    commands = [_text(command) for module in modules for command in module.commands]
    return "\n\n".join([f"namespace {namespace}", *commands])


def _text(command: Command) -> str:
    return f"/-- {command.doc} -/\n{command.text}" if command.doc else command.text


def _stated(commands: Sequence[Command]) -> str:
    return "\n\n".join(f"/-- {each.doc} -/\n{each.statement} := by\n  sorry" for each in commands)


def _before(modules: Sequence[Module], name: str) -> list[Module]:
    """What comes before a definition, as modules."""
    found = []
    for module in modules:
        names = [command.name for command in module.commands]
        if name in names:
            found.append(Module(module.name, module.imports, module.commands[: names.index(name)]))
            wanted = _imports(module, modules)
            return [each for each in found if each.name in wanted or each.name == module.name]
        found.append(module)
    raise KeyError(name)


def _imports(module: Module, modules: Sequence[Module]) -> set[str]:
    """The names of the modules that a module imports, directly or not."""
    by_name = {each.name: each for each in modules}
    found, waiting = set[str](), list(module.imports)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += by_name[name].imports
    return found


# --- a policy


def invariant_claims(claims: Claims, certificate: Certificate | None) -> Iterator[Claim]:
    """What invariants claim of all calls or sessions, for each tool, with the facts that the certificate assumes.

    Raises:
        Mismatch: the certificate is about another policy.
    """
    told = {each.name: each for each in claimed(claims, certificate)} if certificate else {}
    for index in range(len(claims.policy.invariants)):
        for tool in claims.tools(index):
            claim = claims.about(index, tool, [])
            yield told.get(claim.name, claim)


def _types() -> Json:
    types: dict[str, Expr] = {POLICY: Const(f"{NAMESPACE}.Policy")}
    for declaration in theory():
        types |= _typed(declaration)
    return types.__getitem__


def _typed(declaration: Declaration) -> dict[str, Expr]:
    if not isinstance(declaration, Inductive):
        return {declaration.name: declaration.type}
    found = {family.name: family.type for family in declaration.types}
    return found | {each.name: each.type for family in declaration.types for each in family.constructors}


def _laid_out(printer: Printer, term: Expr) -> str:
    """``Policy.mk`` with an argument, a leaf and a rule a line."""
    head, args = spine(term)
    return "\n".join([printer.text(head), *(f"    {_lines(printer, arg)}" for arg in args)])


def _lines(printer: Printer, term: Expr) -> str:
    items = []
    head, args = spine(term)
    while isinstance(head, Const) and head.name == "List.cons":
        items.append(printer.text(args[1]))
        head, args = spine(args[2])
    return "[" + ",\n      ".join(items) + "]"


def _wrapped(printer: Printer, term: Expr) -> str:
    """A statement with an argument a line."""
    head, args = spine(term)
    return "\n      ".join([printer.text(head), *(printer.text(arg, (), 1025) for arg in args)])
