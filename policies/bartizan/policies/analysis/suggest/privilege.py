"""Least privilege from a log: the tightest policy of the same shape that lets every observed call go again.

Only allow rules change, and they only lose: tools that they were never needed for, and argument values outside the
hull of those observed. The result is loaded, proved to be a refinement of the old policy (no call in any session is
decided less strictly), and every observed call is decided again. What does not pass all three is not suggested.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from bartizan.guard import BartizanError, Outcome, ToolCall

from ...casework import run_tests
from ...diagnostics import PolicyError, Source
from ...document.loading import Located, load_document
from ...evaluation.plan import Evaluate, compile_expression
from ...evaluation.scope import Scope
from ...language.checker import check_condition
from ...language.environment import call_environment
from ...language.parser import parse_expression
from ...load import check_policy
from ...policy import CheckedPolicy
from ...program import Program
from .. import gate
from ..answers import Answer, Budget, Proved, Unknown
from ..solve.worker import Asking
from .edit import Uneditable, apply
from .narrow import Change, Narrowed, edits, narrow
from .observed import Observed, Usage, conforming, usage
from .options import Options


class NotSuggested(BartizanError):
    """There is no suggestion that could be written and checked. Says why."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A tighter policy file.

    Attributes:
        text: the file.
        changes: what it changes, each with a reason; none if the policy is as tight as the log allows.
        refinement: the proof that it allows nothing more. Always :class:`Proved`.
        observed: how many observed calls the old policy lets go; the new one lets all of them go.
        foreign: how many calls of the log do not conform to the policy's tools, and were left out.
        tools: how many tools are decided otherwise, hence compared by the solver.
        left: what could have been narrowed and was not, a sentence each.
        broken: the names of the policy's own tests that fail now: they ask for calls that the log does not have.
    """

    text: str
    changes: tuple[Change, ...]
    refinement: Answer
    observed: int
    foreign: int
    tools: int
    left: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


def least_privilege(
    source: Source,
    program: Program,
    calls: Iterable[Observed | tuple[ToolCall, Outcome]],
    options: Options | None = None,
    budget: Budget | None = None,
) -> Suggestion:
    """The tightest version of the policy in ``source``, which is ``program``'s, that lets ``calls`` go again.

    Raises :class:`NotSuggested` when the file cannot be edited, the refinement cannot be proved, or an observed
    call would no longer go.
    """
    options = options or Options()
    old = program.policy
    located = load_document(source)
    seen = usage(old, calls)
    narrowed, left = _narrowed(located, old, seen, options)
    try:
        made = [edit for index, each in narrowed.items() for edit in edits(located, index, each)]
    except Uneditable as error:
        raise NotSuggested(str(error)) from error
    text = apply(source.text, made)
    try:
        new = check_policy(Source(source.file, text), tuple(old.tools.values()))
    except PolicyError as error:
        raise NotSuggested(f"the edited file does not load:\n{error}") from error
    proof, tools = refinement(new, old, budget or Budget())
    if not isinstance(proof, Proved):
        raise NotSuggested(_why_not(proof))
    _let_go_again(new, narrowed.values(), seen)
    changes = tuple(change for each in narrowed.values() for change in each.changes)
    return Suggestion(
        text, changes, proof, len(seen.calls), seen.foreign, tools, tuple(left), _broken(program, new)
    )


def _narrowed(
    located: Located, old: CheckedPolicy, seen: Usage, options: Options
) -> tuple[dict[int, Narrowed], list[str]]:
    """The allow rules of this file, narrowed, by their place; and what is left because it is in another file."""
    places = {rule.id: index for index, rule in enumerate(located.document.rules)}
    taken = {rule.id for rule in old.rules}
    narrowed, left = {}, []
    for rule in old.rules:
        if rule.effect != "allow" or rule.shadow or not rule.conditions:
            continue
        each = narrow(old, rule, seen, options, taken)
        if rule.id in places:
            narrowed[places[rule.id]] = each
        elif each.changes:
            file = rule.source.file if rule.source is not None else "another file"
            left.append(f"`{rule.id}` could be narrowed too, in {file}")
    return narrowed, left


def refinement(new: CheckedPolicy, old: CheckedPolicy, budget: Budget) -> tuple[Answer, int]:
    """Whether ``new`` decides no call less strictly than ``old``, and how many tools had to be compared.

    Asks what the refinement gate asks, but not about tools of which both versions say the same.
    """
    tools = {*old.tools, *new.tools}
    same = {tool for tool in tools if _said(old, tool) == _said(new, tool)}
    skip = frozenset(f"{tool}: {what}" for tool in same for what in ("calls", "results"))
    asked = gate.questions(new, old, None, budget, skip)
    answer = gate.together(each for each in asked if not isinstance(each, Asking))
    compared = len(tools) - len(same)
    if isinstance(answer, Proved):
        answer = Proved(f"no call of {compared} changed tools is decided less strictly, in any session")
    return answer, compared


def _said(policy: CheckedPolicy, tool: str) -> object:
    rules = {(r.id, r.effect, r.shadow): r.conditions[tool] for r in policy.rules if tool in r.conditions}
    return policy.tools.get(tool), rules, policy.signals


def _why_not(answer: Answer) -> str:
    reason = answer.reason if isinstance(answer, Unknown) else "it allows more than before"
    return f"that the suggestion allows nothing more could not be proved: {reason}"


def _let_go_again(new: CheckedPolicy, narrowed: Iterable[Narrowed], seen: Usage) -> None:
    """Decide every observed call again; raise if one does not go."""
    program = Program(new)
    added = {
        (each.rule.id, tool): _added(new, tool, group.texts)
        for each in narrowed
        for group in each.groups
        for tool in group.tools
    }
    for observed in seen.calls:
        if observed.moment is not None:
            request, session = observed.moment
            goes = program.decide(request, session).outcome <= observed.outcome
        else:
            goes = _holds(new, observed, added)
        if not goes:
            raise NotSuggested(
                f"an observed call of {observed.call.tool} would no longer go: {observed.call.canonical.decode()[:200]}"
            )


def _added(policy: CheckedPolicy, tool: str, texts: Iterable[str]) -> list[Evaluate]:
    """The conditions that a rule now has on top, for one tool."""
    environment = call_environment(policy.tools[tool], policy.tools, policy.signals)
    nodes = (check_condition(parse_expression(t, 0, Source("<suggestion>", t)), environment) for t in texts)
    return [compile_expression(node) for node in nodes]


def _holds(
    policy: CheckedPolicy, observed: Observed, added: Mapping[tuple[str, str], list[Evaluate]]
) -> bool:
    """Whether each rule that let the call go still does. What was added looks at the arguments only."""
    args = conforming(policy, observed.call)
    if args is None:
        return False
    scope = Scope({"args": args}, {"args": observed.call.args}, 0, {}, _nothing)
    tool = observed.call.tool
    rules = [id for id, name in added if name == tool and (observed.rules is None or id in observed.rules)]
    return all(condition(scope) is True for id in rules for condition in added[id, tool])


def _nothing() -> NoReturn:
    raise AssertionError("what was added asks for no provenance")


def _broken(program: Program, new: CheckedPolicy) -> tuple[str, ...]:
    passed = {result.name for result in run_tests(program) if result.passed}
    return tuple(r.name for r in run_tests(Program(new)) if not r.passed and r.name in passed)
