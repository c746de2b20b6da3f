"""A policy's canonical document, written as the YAML that has it.

The canonical document is everything that decides, and what the hash is made of. The text that comes back says the same
with nothing left out, which is not believed but seen: it is checked like any other file, and must have the very
document. What a policy cannot be written for is refused: stages, of which the document holds only a digest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any as Json

from ...diagnostics import PolicyError, Source
from ...document.append import CannotAppend, flow
from ...document.typespec import parse_type
from ...effects import DERIVED_TAGS
from ...language.types import Any, Dec, Record, ToolDecl
from ...language.values import duration_text
from ...load import check_policy
from ...policy import SEMANTICS, CheckedPolicy, canonical_text
from ...tools import to_yaml
from .spelling import Unspeakable, spell


class CannotWrite(ValueError):
    """The policy cannot be written as a file; the message says why and what to do."""


def written(document: Mapping[str, Json], file: str = "<policy>") -> tuple[str, CheckedPolicy]:
    """The YAML of a policy's canonical document, and the policy that it is read as, which has this very document.

    Raises :class:`CannotWrite`.
    """
    problem = ""
    wanted = canonical_text(document)
    for full in (False, True):
        try:
            text = "\n".join(_Writer(document, full).lines()) + "\n"
            policy = check_policy(Source(file, text))
        except (PolicyError, Unspeakable, CannotWrite, CannotAppend) as error:
            problem = str(error)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            problem = f"it is not the canonical document of a policy ({type(error).__name__}: {error})"
        else:
            if canonical_text(policy.document()) == wanted:
                return text, policy
            problem = "a file would not mean the same to the last letter"
    raise CannotWrite(f"the policy cannot be written as a file: {problem}")


class _Writer:
    """The lines of one document. ``full``: decimals keep all their digits."""

    def __init__(self, document: Mapping[str, Json], full: bool) -> None:
        self.document, self.full = document, full
        self.tools = {name: _tool(name, about) for name, about in document["tools"].items()}

    def lines(self) -> Iterator[str]:
        document = self.document
        if document["semantics"] != SEMANTICS:
            raise CannotWrite(f"it is of semantics {document['semantics']}, and this is {SEMANTICS}")
        if "stages" in document:
            raise CannotWrite("it has stages, of which only a digest is known: keep the file that it is from")
        yield "version: 1"
        yield f"name: {flow(document['name'])}"
        yield to_yaml(self.tools.values()).rstrip("\n")
        yield from _section(
            "signals", (f"{flow(name)}: {flow(s)}" for name, s in document["signals"].items())
        )
        yield from _section("rules", (line for rule in document["rules"] for line in self.rule(rule)))
        yield from _section("text", (f"- {flow(_text(rule))}" for rule in document.get("text", ())))
        yield from _section(
            "repair", (f"{flow(t)}: {flow(_repair(c))}" for t, c in document["repair"].items())
        )
        yield from _section("invariants", (f"- {flow(self.invariant(i))}" for i in document["invariants"]))

    def rule(self, rule: Mapping[str, Json]) -> Iterator[str]:
        conditions: Mapping[str, Json] = rule["conditions"]
        yield f"- id: {flow(rule['id'])}"
        yield f"  {rule['effect']}: {flow(sorted(conditions) or [self.nobody(rule)])}"
        condition = self.condition(conditions, f"the rule {rule['id']}") if conditions else "true"
        if condition != "true":
            yield f"  when: {flow(condition)}"
        if rule["reason"]:
            yield f"  reason: {flow(rule['reason'])}"
        if rule["label"] is not None:
            yield f"  as: {flow(rule['label'])}"
        if rule["shadow"]:
            yield "  mode: shadow"

    def condition(self, conditions: Mapping[str, Json], what: str) -> str:
        """The one text for every tool: what a file says once, it says of all."""
        found = {spell(condition, full=self.full) for condition in conditions.values()}
        if len(found) != 1:
            raise CannotWrite(f"{what} has another condition for each tool: make it one for each")
        return found.pop()

    def nobody(self, rule: Mapping[str, Json]) -> str:
        """A selector that selects no tool, for a rule that is about none."""
        for tag in sorted(DERIVED_TAGS):
            if not any(tag in tool.tags for tool in self.tools.values()):
                return f"@{tag}"
        raise CannotWrite(f"the rule {rule['id']} is about no tool: leave it out")

    def invariant(self, invariant: Mapping[str, Json]) -> dict[str, Json]:
        kind, parameters = invariant["kind"], invariant["parameters"]
        if kind in ("never", "possible"):
            return {kind: self.condition(invariant["conditions"], f"an invariant of kind {kind}")}
        if kind == "without":
            return {kind: {"signals": parameters["signals"]}}
        if type(parameters["at-most"]) is not int:  # a text could be a number of any length
            raise CannotWrite(f"the limit of an invariant is no whole number: {parameters['at-most']!r:.40}")
        tool, limit = parameters["tool"], Decimal(parameters["at-most"])
        if (name := parameters["sum"]) is not None:
            args = self.tools[tool].args
            field = args.get(name) if isinstance(args, Record) else None
            if field is not None and isinstance(field.type, Dec):
                limit = limit.scaleb(-field.type.digits)
        window = duration_text(parameters["window"])
        added = {} if name is None else {"sum": name}
        return {kind: {"tool": tool, **added, "window": window, "at-most": limit}}


def _section(name: str, lines: Iterator[str]) -> Iterator[str]:
    found = [f"  {line}" for line in lines]
    if found:
        yield from (f"{name}:", *found)


def _tool(name: str, about: Mapping[str, Json]) -> ToolDecl:
    args = parse_type(about["args"])
    if not isinstance(args, Record | Any):
        raise CannotWrite(f"the arguments of {name} are no record")
    exceptions = tuple((path, label) for path, label in about["exceptions"])
    return ToolDecl(name, args, frozenset(about["tags"]), about["label"], exceptions)


def _text(rule: Mapping[str, Json]) -> dict[str, Json]:
    made: dict[str, Json] = {"id": rule["id"], "with": rule["instead"]}
    if rule["redact"] is not None:
        made["redact"] = rule["redact"]
        if rule["spared"] is not None:
            made["except"] = rule["spared"]
    else:
        of = [rule["needed"], rule["window"]]
        made["withhold"] = {"signal": rule["signal"], "above": rule["above"], "of": of}
        made["missing"] = rule["missing"]
    if rule["reason"]:
        made["reason"] = rule["reason"]
    return made | ({"mode": "shadow"} if rule["shadow"] else {})


def _repair(classes: Mapping[str, Json]) -> dict[str, Json]:
    return {pointer: _class(form) for pointer, form in classes.items()}


def _class(form: Mapping[str, Json]) -> dict[str, Json]:
    made = {key: value for key, value in form.items() if key not in ("values", "costs")}
    if "costs" in form:
        pairs = zip(form["values"], form["costs"], strict=True)
        made["values"] = [{"value": value, "cost": cost} for value, cost in pairs]
    elif form["values"]:
        made["values"] = form["values"]
    return made
