"""The analyses as their callers see them: in a worker process that can be killed, unless told otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from ..policy import CheckedPolicy
from . import differing, gate, linting, proving
from .answers import Answer, Unknown
from .differing import Found
from .findings import Change, Difference, Finding, Options, Proof
from .solve.worker import Unanswered, run

DEFAULTS = Options()


def lint(policy: CheckedPolicy, options: Options = DEFAULTS) -> Iterator[Finding]:
    """What is wrong with a policy, finding by finding, as they come up; justifications are not applied.

    Raises:
        SolveError: an internal error, or no solver is installed.
    """
    for item in run(
        linting.questions, policy, options.budget, budget=options.budget, isolated=options.isolated
    ):
        if isinstance(item, Unanswered):
            yield Finding.of("unknown", f"{item.question}: {item.answer.reason}", answer=item.answer)
        else:
            yield item


def prove(policy: CheckedPolicy, options: Options = DEFAULTS) -> Iterator[Proof]:
    """What becomes of each invariant of a policy, in order.

    Raises:
        SolveError: an internal error, or no solver is installed.
    """
    fates = ("missing", "adversarial") if options.ablation else ("missing",)
    for item in run(
        proving.questions, policy, options.budget, fates, budget=options.budget, isolated=options.isolated
    ):
        if not isinstance(item, Unanswered):
            yield item
        elif item.question.isdigit():
            yield Proof(policy.invariants[int(item.question)], item.answer)
        else:
            yield from (Proof(invariant, item.answer) for invariant in policy.invariants)


def diff(old: CheckedPolicy, new: CheckedPolicy, options: Options = DEFAULTS) -> Difference:
    """What ``new`` decides otherwise than ``old``.

    Raises:
        SolveError: an internal error, or no solver is installed.
    """
    looser: list[Change] = []
    stricter: list[Change] = []
    unknown: list[str] = []
    found: Iterator[Found | Unknown | Unanswered] = run(
        differing.questions, old, new, options.budget, budget=options.budget, isolated=options.isolated
    )
    for item in found:
        if isinstance(item, Found):
            (looser if item.direction == "loosened" else stricter).append(item.change)
        elif isinstance(item, Unanswered):
            unknown.append(f"{item.question}: {item.answer.reason}")
        else:
            unknown.append(item.reason)
    return Difference(tuple(looser), tuple(stricter), tuple(unknown))


def refines(
    new: CheckedPolicy,
    old: CheckedPolicy,
    *,
    envelope: CheckedPolicy | None = None,
    options: Options = DEFAULTS,
) -> Answer:
    """The refinement gate: whether ``new`` decides every call at least as strictly as ``old``, in every session.

    For policy edits proposed by a model, or by anyone: take the edit only if the answer is ``Proved``. ``Refuted``
    carries a call that ``new`` decides less strictly; ``Unknown`` refuses too. With an ``envelope``, calls may be
    decided less strictly than by ``old``, though no less strictly than by the envelope. What ``old`` hides in results
    must stay hidden, and what it does not trust must stay untrusted.

    It blocks; on an event loop, call it through ``asyncio.to_thread``.

    Raises:
        SolveError: an internal error, or no solver is installed.
    """
    answers: Iterator[Answer | Unanswered] = run(
        gate.questions, new, old, envelope, options.budget, budget=options.budget, isolated=options.isolated
    )
    return gate.together(item.answer if isinstance(item, Unanswered) else item for item in answers)
