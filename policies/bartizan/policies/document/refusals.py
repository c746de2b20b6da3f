"""What pydantic finds wrong with a document, in the words of the format and at its place in the file."""

from __future__ import annotations

import types
from collections.abc import Iterator
from collections.abc import Mapping as Dict
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ..diagnostics import Diagnostic, did_you_mean, suggest
from ..language.syntax import Span
from .source import MAX_PROBLEMS, Mapping, Node, Scalar, Sequence

Path = tuple[str | int, ...]

_EXPECTED = {
    "string_type": ("text", "quote it"),
    "bool_type": ("true or false", None),
    "int_type": ("a whole number", None),
    "tuple_type": ("a list", "write [a, b], or one `- a` a line"),
    "list_type": ("a list", "write [a, b], or one `- a` a line"),
    "dict_type": ("a mapping", "write `key: value` lines"),
    "model_type": ("a mapping", "write `key: value` lines"),
    "model_attributes_type": ("a mapping", "write `key: value` lines"),
    "too_short": ("at least one item", None),
    "string_too_short": ("text", None),
}


def locate(root: Node, path: Path) -> tuple[Node, Scalar | None, Path]:
    """The node at ``path``, its key, and what of the path was found. What is not there is skipped."""
    node, key = root, None
    found: list[str | int] = []
    for part in path:
        below: Node | None = None
        if isinstance(node, Mapping) and isinstance(part, str):
            below = node.get(part)
            key = node.key(part) if below is not None else key
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            below, key = node.items[part], None
        if below is not None:
            node = below
            found.append(part)
    return node, key, tuple(found)


def describe(node: Node) -> str:
    """What stands in the file, for a message."""
    if isinstance(node, Mapping):
        return "a mapping" if node.entries else "an empty mapping"
    if isinstance(node, Sequence):
        return "a list" if node.items else "an empty list"
    if node.value is None:
        return "nothing"
    kind = {bool: "the boolean", int: "the number", float: "the number"}.get(type(node.value), "the text")
    return f"{kind} `{node.text[:60]}`"


def diagnostics(error: ValidationError, model: type[BaseModel], root: Node) -> list[Diagnostic]:
    """One diagnostic for each thing wrong, of the first of them."""
    found = error.errors(include_url=False, include_input=False)[:MAX_PROBLEMS]
    misspelt = {
        (details["loc"][:-1], suggest(str(details["loc"][-1]), _keys_at(model, details["loc"][:-1])))
        for details in found
        if details["type"] == "extra_forbidden"
    }
    return [
        _translate(details, model, root)
        for details in found
        if details["type"] != "missing" or (details["loc"][:-1], details["loc"][-1]) not in misspelt
    ]


def _translate(details: ErrorDetails, model: type[BaseModel], root: Node) -> Diagnostic:
    kind, path, context = details["type"], details["loc"], details.get("ctx", {})
    if kind == "bartizan":
        path = (*path, *context["at"])
    node, key, _ = locate(root, path)
    on_key = key is not None and (path[-1:] == ("[key]",) or bool(context.get("at")))
    span = key.span if on_key and key is not None else head(node)
    if kind == "bartizan":
        return Diagnostic(context["code"], context["message"], span, context["help"])
    if kind == "missing":
        return Diagnostic("missing-key", f"the key `{path[-1]}` is missing", span, f"add `{path[-1]}: ...`")
    if kind == "extra_forbidden":
        return _unknown_key(str(path[-1]), model, path, key.span if key is not None else span)
    if isinstance(node, Scalar) and node.value is None:
        place = key.span if key is not None else span
        return Diagnostic("empty", "there is no value here", place, "write one, or remove the key")
    if kind == "literal_error":
        return _unknown_word(node, span, str(context.get("expected", "")))
    if kind in ("greater_than_equal", "less_than_equal"):
        return Diagnostic("range", f"expected a number from 0 to 1, found {describe(node)}", span)
    expected, help = _EXPECTED.get(kind, ("something else", None))
    if help == "quote it" and not isinstance(node, Scalar):
        help = None
    return Diagnostic("type", f"expected {expected}, found {describe(node)}", span, help)


def head(node: Node) -> Span:
    """A place to point at: all of a scalar, the first key of a mapping, the first item of a list."""
    if isinstance(node, Mapping) and node.entries:
        return node.entries[0][0].span
    if isinstance(node, Sequence) and node.items:
        return head(node.items[0])
    return node.span


def _unknown_key(name: str, model: type[BaseModel], path: Path, span: Span) -> Diagnostic:
    keys = _keys_at(model, path[:-1])
    help = did_you_mean(name, keys) or f"the keys here are: {', '.join(keys)}"
    return Diagnostic("unknown-key", f"unknown key `{name[:60]}`", span, help)


def _unknown_word(node: Node, span: Span, expected: str) -> Diagnostic:
    words = expected.split("'")[1::2] or [expected]  # pydantic writes 'a', 'b' or 'c'
    help = did_you_mean(node.text, words) if isinstance(node, Scalar) else None
    choice = " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
    return Diagnostic("unknown-word", f"expected {choice}, found {describe(node)}", span, help)


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _keys_at(model: type[BaseModel], path: Path) -> list[str]:
    return sorted({key for found in _models_at(model, path) for key in _fields(found)})


def _models_at(model: type[BaseModel], path: Path) -> list[type[BaseModel]]:
    """The models that may stand at ``path``; the names that pydantic gives to alternatives are skipped."""
    current: list[Any] = [model]
    for part in path:
        below = [inner for annotation in current for inner in _descend(annotation, part)]
        current = below or current
    return [a for annotation in current for a in _alternatives(annotation) if _is_model(a)]


def _descend(annotation: Any, part: str | int) -> Iterator[Any]:
    for alternative in _alternatives(annotation):
        arguments = get_args(alternative)
        if _is_model(alternative) and part in _fields(alternative):
            yield _fields(alternative)[str(part)]
        elif get_origin(alternative) in (dict, Dict):
            yield arguments[1]
        elif get_origin(alternative) is tuple and isinstance(part, int):
            yield arguments[0]


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The members of a union, without their annotations."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif origin in (Union, types.UnionType):
        for argument in get_args(annotation):
            yield from _alternatives(argument)
    else:
        yield annotation


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
