"""Repair classes, checked when a policy is loaded: each names an argument, fits its type, and can do something."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any as Json

from ..diagnostics import Diagnostic, PolicyError, did_you_mean
from ..document.loading import Located
from ..document.loading import Path as Place
from ..document.repairs import RepairSpec
from ..language.problems import fail, noting
from ..language.types import Any, Bool, Enum, Field, Record, Str, ToolDecl
from ..language.values import E, Nonconforming, conform
from ..policy import CheckedRule
from ..regular import Language, RegexError, regex
from .reading import MASK, declared, path_of, tested_for
from .writing import NUMERIC

Classes = dict[str, dict[str, Json]]


def check_repair(
    located: Located, tools: Mapping[str, ToolDecl], rules: Sequence[CheckedRule]
) -> dict[str, Classes]:
    """The repair classes by tool and argument, in their canonical form. Raises :class:`PolicyError`.

    A key is there only if it says something beyond the class, so that a policy's hash changes only with its meaning.
    """
    result: dict[str, Classes] = {}
    problems: list[Diagnostic] = []
    for name, classes in located.document.repair.items():
        tool = tools.get(name)
        if tool is None:
            span, help = located.key_span(("repair", name)), did_you_mean(name, tools)
            problems.append(Diagnostic("unknown-tool", f"no tool `{name}` is declared", span, help))
            continue
        checked: Classes = {}
        seen: dict[tuple[str, ...], str] = {}
        for pointer, spec in classes.items():
            with noting(problems):
                checked[pointer] = _Checker(located, tool, rules, pointer).check(spec, seen)
        result[name] = checked
    if problems:
        raise PolicyError(located.source, problems)
    return result


class _Checker:
    """One argument's class."""

    def __init__(self, located: Located, tool: ToolDecl, rules: Sequence[CheckedRule], pointer: str) -> None:
        self.located, self.tool, self.rules, self.pointer = located, tool, rules, pointer
        self.place: Place = ("repair", tool.name, pointer)

    def check(self, spec: RepairSpec, seen: dict[tuple[str, ...], str]) -> dict[str, Json]:
        form: dict[str, Json] = {"class": spec.class_, "values": []}
        if spec.cost not in (None, 1):
            form["cost"] = spec.cost
        if self.pointer == "*":
            if spec.class_ != "locked":
                message = "`*` stands for every other argument, and can only be locked"
                fail(self.located.span(self.place), "repair", message, "open each argument by its name")
            return form
        path = path_of(self.pointer)
        if path in seen:
            message = f"`{self.pointer}` is the same argument as `{seen[path]}`"
            fail(self.span(), "duplicate-key", message, "remove one of them")
        seen[path] = self.pointer
        field = self.field(path)
        if spec.class_ != "locked" and field is not None:
            form |= {
                "clamp": self.clamp, "enum": self.enum, "drop": self.drop, "redact": self.redact,
                "template": self.template,
            }[spec.class_](spec, field)  # fmt: skip
        return form

    def span(self, *below: str | int) -> Json:
        path = (*self.place, *below)
        return self.located.span(path) if below else self.located.key_span(path)

    def field(self, path: tuple[str, ...]) -> Field | None:
        """The argument's declaration; None where the tool does not say what its arguments are."""
        record: Record | Any = self.tool.args
        known = dict(declared(record))
        for depth, name in enumerate(path, 1):
            if isinstance(record, Any):
                message = f"what is in `{self.pointer}` has no declared type, and so cannot be opened"
                fail(self.span(), "type-mismatch", message, "declare its fields, or leave it locked")
            field = known.get(path[:depth])
            if field is None:
                names = record.names
                where = f"`{'.'.join(path[: depth - 1])}` of tool" if depth > 1 else "tool"
                what = "field" if depth > 1 else "argument"
                message = f"{where} `{self.tool.name}` has no {what} `{name}`"
                fail(self.span(), "unknown-field", message, did_you_mean(name, names))
            if depth < len(path) and not isinstance(field.type, Record | Any):
                message = f"`{'.'.join(path[:depth])}` is {field.type}: a pointer leads only into records"
                fail(self.span(), "type-mismatch", message)
            record = field.type if isinstance(field.type, Record) else Any()
        return field

    def clamp(self, spec: RepairSpec, field: Field) -> dict[str, Json]:
        if not isinstance(field.type, NUMERIC):
            self.misfit("clamp", "an int, dec, f64, time or duration", field)
        return {"sign": "any"} if spec.sign == "any" else {}

    def drop(self, spec: RepairSpec, field: Field) -> dict[str, Json]:
        if not field.optional:
            name = path_of(self.pointer)[-1]
            message = f"`{name}` is not optional: a call without it is no call"
            fail(
                self.located.span(self.place),
                "repair",
                message,
                f"declare it as `{name}?`, or choose another class",
            )
        return {}

    def enum(self, spec: RepairSpec, field: Field) -> dict[str, Json]:
        if not isinstance(field.type, (*NUMERIC, Bool, Str, Enum)):
            self.misfit("enum", "a single value", field)
        if not spec.values:
            fail(
                self.located.span(self.place),
                "missing-key",
                "the class enum needs `values`",
                "list them: values: [a, b]",
            )
        seen: list[Json] = []
        for index, listed in enumerate(spec.values):
            seen.append(self.value(index, listed.value, field, seen))
        default = spec.cost or 1
        costs = [default if listed.cost is None else listed.cost for listed in spec.values]
        form: dict[str, Json] = {"values": [listed.value for listed in spec.values]}
        return form | ({"costs": costs} if set(costs) != {default} else {})

    def value(self, index: int, value: Json, field: Field, seen: Sequence[Json]) -> Json:
        span = self.span("values", index)
        try:
            found = conform(value, field.type, self.pointer)
        except Nonconforming as error:
            help = (
                did_you_mean(value, field.type.values)
                if isinstance(field.type, Enum) and isinstance(value, str)
                else None
            )
            fail(span, "type-mismatch", f"expected {error.expected}, found {error.found}", help)
        if found is E:
            fail(span, "inexact", f"{value!r:.60} is no value of {field.type}")
        if any(found == other for other in seen):
            fail(span, "duplicate-value", f"{value!r:.60} is listed twice", "remove one of them")
        return found

    def redact(self, spec: RepairSpec, field: Field) -> dict[str, Json]:
        if not isinstance(field.type, Str):
            self.misfit("redact", "a str", field)
        languages = [
            language for index in range(len(spec.matches or ())) for language in self.language(spec, index)
        ]
        languages = languages or list(tested_for(path_of(self.pointer), self.tool.name, self.rules))
        if not languages:
            message = "nothing says what to redact here: no deny or escalate rule searches this argument"
            fail(self.located.span(self.place), "repair", message, "say it: {class: redact, matches: [...]}")
        mask = MASK if spec.with_ is None else spec.with_
        if any(language.matches(mask) for language in languages):
            span = self.span("with") if spec.with_ is not None else self.located.span(self.place)
            message = f"the replacement `{mask[:60]}` itself matches what is to be redacted"
            fail(span, "repair", message, "choose another text under `with`")
        form = {} if spec.matches is None else {"matches": list(spec.matches)}
        return form | ({} if spec.with_ is None else {"with": spec.with_})

    def language(self, spec: RepairSpec, index: int) -> Iterator[Language]:
        assert spec.matches is not None
        place = (
            ("matches", index)
            if self.located.node((*self.place, "matches", index)) is not None
            else ("matches",)
        )
        try:
            yield regex(spec.matches[index], mode="search")
        except RegexError as error:
            message = f"{error.message} (at character {error.position + 1} of the pattern)"
            fail(self.span(*place), "bad-regex", message, error.help)

    def template(self, spec: RepairSpec, field: Field) -> dict[str, Json]:
        if not isinstance(field.type, Str):
            self.misfit("template", "a str", field)
        if spec.root is not None:
            for root in spec.root:
                if not root.startswith("/") or {"..", "."} & set(root.split("/")) or "\\" in root:
                    message = f"`{root[:60]}` is no absolute directory"
                    fail(self.span("root"), "repair", message, "write it like /srv/reports, without . and ..")
            return {"root": list(spec.root)}
        return {"scheme": spec.scheme} if spec.scheme is not None else {"append": spec.append}

    def misfit(self, class_: str, wanted: str, field: Field) -> None:
        message = f"the class {class_} is for {wanted}, and `{self.pointer.lstrip('/')}` is {field.type}"
        fail(self.located.span(self.place), "type-mismatch", message)
