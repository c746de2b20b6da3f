"""What no rule is about: tools that never go, enum values that never go, arguments that nobody looks at."""

from __future__ import annotations

from collections.abc import Iterator

from ...language.types import Enum, Record
from ...policy import CheckedPolicy
from ..answers import Proved, Unknown
from ..encode.symbols import Amount, Fields
from ..findings import Finding
from ..formula import Model
from .places import inputs
from .study import Study


def never_allowed(study: Study, tool: str) -> Iterator[Finding]:
    """``never-allowed``: no call of the tool can go, approved or not; ``enum-uncovered``: none with a value."""
    rules = [r for r in study.call_rules if tool in r.conditions]
    if not rules:
        yield Finding.of(
            "never-allowed",
            f"no rule is about `{tool}`: every call of it is denied",
            tool=tool,
            severity="note",
        )
        return
    asked = study.tool(tool)
    go = asked.verdict.let_go()
    found = asked.check(go)
    if isinstance(found, Unknown):
        yield Finding.of(
            "unknown", f"whether `{tool}` can be called: {found.reason}", tool=tool, answer=found
        )
    elif not isinstance(found, Model):
        lets_go = any(r.effect in ("allow", "escalate") for r in rules)
        yield Finding.of(
            "never-allowed",
            f"no call of `{tool}` can ever go, approved or not",
            tool=tool,
            answer=Proved(),
            severity="warning" if lets_go else "note",
        )
    else:
        yield from _enum_values(study, tool)


def _enum_values(study: Study, tool: str) -> Iterator[Finding]:
    asked = study.tool(tool)
    f = asked.inquiry.formulas
    args = study.policy.tools[tool].args
    symbol = asked.inquiry.moment.inputs["args"]
    if not isinstance(args, Record) or not isinstance(symbol, Fields):
        return
    go = asked.verdict.let_go()
    for name, field in args.fields:
        if isinstance(field.type, Enum):
            there, value = symbol.fields[name]
            assert isinstance(value, Amount)
            for text in field.type.values:
                code = asked.inquiry.encoder.number(text, field.type)
                found = asked.check(go, there, f.equal(value.number, code))
                if not isinstance(found, Model):
                    answer = found if isinstance(found, Unknown) else Proved()
                    message = f"no call of `{tool}` with {name} = {text} can go"
                    yield Finding.of("enum-uncovered", message, tool=tool, answer=answer)


def unconstrained(policy: CheckedPolicy, tool: str) -> Iterator[Finding]:
    """``unconstrained``: an argument that no rule about the tool's calls looks at."""
    args = policy.tools[tool].args
    rules = [r for r in policy.rules if tool in r.conditions and r.effect in ("allow", "deny", "escalate")]
    if not isinstance(args, Record) or not rules:
        return
    seen = {path for rule in rules for path in inputs(rule.conditions[tool])}
    if ("args",) in seen:
        return
    used = {path[1] for path in seen if path[0] == "args" and len(path) > 1}
    for name in args.names:
        if name not in used:
            yield Finding.of("unconstrained", f"no rule looks at `{name}` of `{tool}`", tool=tool)
