"""What is read is believed only in the shape that the other side writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from bartizan.guard import BartizanError
from bartizan.guard.canonical import JSON

T = TypeVar("T")


class NotTheShape(BartizanError):
    """Well-formed JSON that is not what was expected: says where, what was expected and what was found."""


def an_object(body: JSON, where: str, known: set[str] | None) -> dict[str, Any]:
    """The fields of an object, of these names only (``None``: of any)."""
    if not isinstance(body, dict):
        raise NotTheShape(f"{where}: expected an object, found {kind_of(body)}")
    if known is not None and (unknown := set(body) - known):
        raise NotTheShape(f"{where}: expected only {', '.join(sorted(known))}; found {min(unknown)!r:.60}")
    return body


def text_of(fields: Mapping[str, Any], name: str) -> str:
    """A field that is a text with something in it."""
    text: str = typed(fields, name, str)
    if not text:
        raise NotTheShape(f"{name}: expected a text, found an empty one")
    return text


_REQUIRED: Any = object()


def typed(fields: Mapping[str, Any], name: str, kind: type[T], default: Any = _REQUIRED) -> Any:
    """A field of one kind; ``default`` where it is absent or null, if there is one."""
    value = fields.get(name)
    if value is None and default is not _REQUIRED:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise NotTheShape(f"{name}: expected {_NAMES[kind]}, found {kind_of(value)}")
    return value


_NAMES: Mapping[type, str] = {str: "a text", bool: "true or false", int: "a whole number", list: "a list"}


def kind_of(value: object) -> str:
    """What a value is, in JSON's words."""
    if value is None:
        return "nothing"
    return {dict: "an object", list: "a list", str: "a text", bool: "true or false"}.get(
        type(value), "a number"
    )
