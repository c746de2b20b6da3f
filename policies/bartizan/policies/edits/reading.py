"""From a policy's repair classes to the openings of a tool, in the order in which its arguments are declared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any as Json

from ..language import ast
from ..language.builtins import STRING_PREDICATES
from ..language.types import Any, Field, Record, ToolDecl
from ..policy import CheckedRule
from ..regular import Language, regex
from .openings import Append, Clamp, Drop, Listed, Opening, Redact, Reroot, Upgrade

UPGRADES = {"https": "http", "wss": "ws"}
"""Schemes that a URL may be upgraded to, and from which."""

MASK = "[redacted]"

Path = tuple[str, ...]


def path_of(pointer: str) -> Path:
    """The path of an argument by name, or of a JSON pointer (RFC 6901) into records."""
    if not pointer.startswith("/"):
        return (pointer,)
    return tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))


def pointer_of(path: Path) -> str:
    return "".join("/" + name.replace("~", "~0").replace("/", "~1") for name in path)


def declared(args: Record | Any, before: Path = ()) -> Iterator[tuple[Path, Field]]:
    """Every field of a tool's arguments, those inside records too, in order; a record before what is in it."""
    for name, field in args.fields if isinstance(args, Record) else ():
        path = (*before, name)
        yield path, field
        if isinstance(field.type, Record):
            yield from declared(field.type, path)


def openings_of(
    decl: ToolDecl, classes: Mapping[str, Mapping[str, Json]], rules: Iterable[CheckedRule]
) -> tuple[Opening, ...]:
    """What a policy opens of a tool's arguments. ``classes`` has been checked (:mod:`.check`)."""
    by_path = {path_of(pointer): spec for pointer, spec in classes.items() if pointer != "*"}
    rules = tuple(rules)
    found = []
    for path, field in declared(decl.args):
        spec = by_path.get(path)
        if spec is not None and spec["class"] != "locked":
            found.append(_opening(path, field, spec, decl, rules))
    return tuple(found)


def _opening(
    path: Path, field: Field, spec: Mapping[str, Json], decl: ToolDecl, rules: tuple[CheckedRule, ...]
) -> Opening:
    pointer, cost = pointer_of(path), spec.get("cost", 1)
    match spec["class"]:
        case "clamp":
            return Clamp(pointer, path, field.type, cost, spec.get("sign") == "any")
        case "enum":
            costs = spec.get("costs") or [cost] * len(spec["values"])
            values = tuple(zip(spec["values"], costs, strict=True))
            return Listed(pointer, path, field.type, cost, values)
        case "drop":
            return Drop(pointer, path, field.type, cost)
        case "redact":
            languages = tuple(regex(pattern, mode="search") for pattern in spec.get("matches", ()))
            languages = languages or tested_for(path, decl.name, rules)
            return Redact(pointer, path, field.type, cost, languages, spec.get("with", MASK))
    if "root" in spec:
        return Reroot(pointer, path, field.type, cost, tuple(spec["root"]))
    if "scheme" in spec:
        return Upgrade(pointer, path, field.type, cost, UPGRADES[spec["scheme"]], spec["scheme"])
    return Append(pointer, path, field.type, cost, spec["append"])


def tested_for(path: Path, tool: str, rules: Iterable[CheckedRule]) -> tuple[Language, ...]:
    """What the tool's deny and escalate rules look for in an argument, by ``matches`` and ``contains``."""
    found: dict[Language, None] = {}
    for rule in rules:
        if rule.effect in ("deny", "escalate") and not rule.shadow and tool in rule.conditions:
            found |= dict.fromkeys(_searches(rule.conditions[tool], ("args", *path), True))
    return tuple(found)


def _searches(node: ast.Expr, path: Path, positive: bool) -> Iterator[Language]:
    if isinstance(node, ast.Not):
        yield from _searches(node.operand, path, not positive)
    elif isinstance(node, ast.StringTest):
        about = isinstance(node.operand, ast.Input) and node.operand.path == path
        if about and positive and node.predicate in ("matches", "contains"):
            yield STRING_PREDICATES[node.predicate].language(*node.params)
    elif not isinstance(node, ast.Register):
        for child in ast.children(node):
            yield from _searches(child, path, positive)
