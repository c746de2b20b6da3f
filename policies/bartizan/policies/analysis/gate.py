"""The refinement gate: is a new version at most as permissive as the old one?

For policy edits that a model, or anyone, proposes at run time: an edit is taken only if it is proved not to let
more go, or to let more go only within an envelope. What stays unknown is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..policy import CheckedPolicy
from ..program import Program
from ..texts.rules import uncovered
from .answers import Answer, Budget, Proved, Refuted, Unknown
from .checks.difference import Comparison
from .checks.exposure import Results
from .checks.merging import Incomparable
from .formula import Model
from .solve.worker import Asking
from .witness.build import counterexample
from .witness.histories import by_search


def together(answers: Iterable[Answer]) -> Answer:
    """Refuted if anything is looser, unknown if anything is unknown, and only then proved."""
    unknown: Unknown | None = None
    for answer in answers:
        if isinstance(answer, Refuted):
            return answer
        if isinstance(answer, Unknown):
            unknown = unknown or answer
    return unknown or Proved("for every call in every session")


def questions(
    new: CheckedPolicy,
    old: CheckedPolicy,
    envelope: CheckedPolicy | None,
    budget: Budget,
    skip: frozenset[str],
) -> Iterator[Asking | Answer]:
    """What is looser or unknown, each question announced before it is asked; what is fine is passed over."""
    program = Program(new)
    yield from (Unknown(reason) for reason in uncovered(old.texts, new.texts))
    for tool in sorted(new.tools):
        if f"{tool}: calls" not in skip:
            yield Asking(f"{tool}: calls")
            yield from _calls(program, old, envelope, tool, budget)
        if tool in old.tools and f"{tool}: results" not in skip:
            yield Asking(f"{tool}: results")
            yield from _results(program, old, tool, budget)


def _calls(
    program: Program, old: CheckedPolicy, envelope: CheckedPolicy | None, tool: str, budget: Budget
) -> Iterator[Answer]:
    try:
        compared = Comparison(old, program.policy, tool, budget, envelope=envelope)
    except Incomparable as error:
        yield Unknown(f"calls of {tool} cannot be compared: {error}")
        return
    wanted = compared.changed("loosened")
    found = compared.inquiry.check(wanted)
    if isinstance(found, Model):
        histories = by_search(program.policy, budget)
        yield Refuted(counterexample(program, compared.inquiry, found, wanted, histories))
    elif isinstance(found, Unknown):
        yield found


def _results(program: Program, old: CheckedPolicy, tool: str, budget: Budget) -> Iterator[Answer]:
    results = Results(old, program.policy, tool, budget)
    for each in results.exposed():
        if isinstance(each, Unknown):
            yield each
        else:
            yield Refuted(counterexample(program, results, each.model, each.wanted))
