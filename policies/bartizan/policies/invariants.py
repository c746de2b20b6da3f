"""Checks the part of a policy that the analyses prove: its invariants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any as Json
from typing import Literal

from .diagnostics import Diagnostic, PolicyError, did_you_mean
from .document.loading import Located
from .document.model import AlwaysWithin, Invariant, Without
from .language import syntax
from .language.ast import Machine
from .language.checker import check_condition
from .language.environment import SignalDecl, call_environment
from .language.parser import parse_expression
from .language.problems import CheckError, fail, noting
from .language.types import Dec, Int, Record, ToolDecl
from .language.values import parse_duration, scale_decimal
from .policy import CheckedInvariant


def check_invariants(
    located: Located,
    tools: Mapping[str, ToolDecl],
    signals: Mapping[str, SignalDecl],
    stages: Machine | None = None,
) -> list[CheckedInvariant]:
    """The invariants of one document. Raises :class:`PolicyError` with every problem."""
    found: list[CheckedInvariant] = []
    problems: list[Diagnostic] = []
    for index, invariant in enumerate(located.document.invariants):
        with noting(problems):
            found.append(_check(located, index, invariant, tools, signals, stages))
    if problems:
        raise PolicyError(located.source, problems)
    return found


def _check(
    located: Located,
    index: int,
    invariant: Invariant,
    tools: Mapping[str, ToolDecl],
    signals: Mapping[str, SignalDecl],
    stages: Machine | None,
) -> CheckedInvariant:
    if invariant.never is not None:
        found = _about_calls(located, index, "never", invariant.never, tools, signals, stages)
    elif invariant.possible is not None:
        found = _about_calls(located, index, "possible", invariant.possible, tools, signals, stages)
    elif invariant.always_within is not None:
        found = _always_within(located, index, invariant.always_within, tools)
    else:
        assert invariant.without is not None
        found = _without(located, index, invariant.without, signals)
    return replace(found, source=located.source, span=located.span(("invariants", index)))


def _without(
    located: Located, index: int, spec: Without, signals: Mapping[str, SignalDecl]
) -> CheckedInvariant:
    wanted = spec.signals
    names = tuple(signals) if wanted == "all" else tuple(wanted)
    for position, name in enumerate(names):
        if name not in signals:
            span = located.span(("invariants", index, "without", "signals", position))
            fail(span, "unknown-signal", f"no signal `{name}` is declared", did_you_mean(name, signals))
    return CheckedInvariant("without", {}, {"signals": sorted(names)})


def _about_calls(
    located: Located,
    index: int,
    kind: Literal["never", "possible"],
    text: str,
    tools: Mapping[str, ToolDecl],
    signals: Mapping[str, SignalDecl],
    stages: Machine | None,
) -> CheckedInvariant:
    """Checked for each tool that it names by ``allowed(tool)``; for every tool when it names none."""
    path = ("invariants", index, kind)
    node = parse_expression(text, located.text_offsets(path), located.source)
    named = set(_allowed_tools(node))
    conditions = {}
    for tool in sorted(named & set(tools) or tools):
        env = replace(call_environment(tools[tool], tools, signals), invariant=True, stages=stages)
        try:
            conditions[tool] = check_condition(node, env)
        except CheckError as error:
            if named or error.diagnostic.code != "unknown-field":
                raise
            help = "an invariant is about every tool, unless it names those that it is about: allowed(tool)"
            raise CheckError(replace(error.diagnostic, help=help)) from error
    for name in sorted(named - set(tools)):
        fail(located.span(path), "unknown-tool", f"no tool `{name}` is declared", did_you_mean(name, tools))
    return CheckedInvariant(kind, conditions, {}, text)


def _allowed_tools(node: Json) -> Iterator[str]:
    if isinstance(node, syntax.Call) and node.function == "allowed":
        yield from (arg.name for arg in node.args if isinstance(arg, syntax.Name))
        yield from (str(arg.value) for arg in node.args if isinstance(arg, syntax.Literal))
    if isinstance(node, tuple):
        for item in node:
            yield from _allowed_tools(item)
    elif hasattr(node, "__dataclass_fields__"):
        for name in node.__dataclass_fields__:
            yield from _allowed_tools(getattr(node, name))


def _always_within(
    located: Located, index: int, spec: AlwaysWithin, tools: Mapping[str, ToolDecl]
) -> CheckedInvariant:
    path: tuple[str | int, ...] = ("invariants", index, "always-within")
    tool = tools.get(spec.tool)
    if tool is None:
        fail(
            located.span((*path, "tool")),
            "unknown-tool",
            f"no tool `{spec.tool}` is declared",
            did_you_mean(spec.tool, tools),
        )
    digits = 0 if spec.sum is None else _digits(located, path, tool, spec.sum)
    limit = scale_decimal(str(spec.at_most), digits)
    if not isinstance(limit, int):
        wanted = f"a decimal with {digits} fraction digits" if digits else "a whole number"
        fail(located.span((*path, "at-most")), "inexact", f"{spec.at_most} is not {wanted}")
    parameters = {"tool": spec.tool, "sum": spec.sum, "window": parse_duration(spec.window), "at-most": limit}
    return CheckedInvariant("always-within", {}, parameters)


def _digits(located: Located, path: tuple[str | int, ...], tool: ToolDecl, name: str) -> int:
    """The fraction digits of an argument that can be added up."""
    field = tool.args.get(name) if isinstance(tool.args, Record) else None
    span = located.span((*path, "sum"))
    if field is None:
        names = tool.args.names if isinstance(tool.args, Record) else ()
        fail(
            span,
            "unknown-field",
            f"tool `{tool.name}` has no argument `{name}`",
            did_you_mean(name, names),
        )
    if not isinstance(field.type, (Int, Dec)):
        fail(span, "type-mismatch", f"only int and dec arguments can be added up, `{name}` is {field.type}")
    return field.type.digits if isinstance(field.type, Dec) else 0
