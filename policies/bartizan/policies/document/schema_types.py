"""JSON Schema to declared types. What the type system cannot say becomes ``any``: opaque, never wrong."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any as Json

from ..language.types import (
    F64,
    MAX_LIST,
    MAX_TEXT,
    Any,
    Bool,
    Dec,
    Enum,
    Field,
    Int,
    List,
    Record,
    Str,
    Type,
)
from .typespec import MAX_DIGITS, is_field_name

MAX_DEPTH = 12  # of the imported types; deeper is any
MAX_NODES = 4_096  # schemas visited; references can multiply them without end

_OPEN_ENDED = {"allOf", "anyOf", "oneOf", "if", "then", "else", "patternProperties", "dependentSchemas"}
_HOPS = 32


def arguments_of(schema: Mapping[str, Json]) -> Record | Any:
    """The type of a tool's arguments. A JSON Schema for anything but an object of named fields is ``any``."""
    importer = _Importer(schema)
    root = importer.resolve(schema)
    if isinstance(root, Mapping) and "type" not in root and "properties" in root:
        root = {**root, "type": "object"}
    type_, _ = importer.type(root, 0)
    return type_ if isinstance(type_, Record) else Any()


class _Importer:
    """Types from one schema. Each method gives the type, and whether null is allowed too."""

    def __init__(self, root: Mapping[str, Json]) -> None:
        self.root = root
        self.budget = MAX_NODES
        self.open_refs: list[str] = []

    def resolve(self, schema: Json) -> Json:
        """``schema`` with its chain of local references followed; what cannot be followed is ``True`` (anything)."""
        for _ in range(_HOPS):
            if not isinstance(schema, Mapping) or "$ref" not in schema:
                return schema
            schema = self.target(schema["$ref"])
        return True

    def target(self, reference: Json) -> Json:
        if not isinstance(reference, str) or not reference.startswith("#"):
            return True
        found: Json = self.root
        for part in reference[1:].split("/")[1:]:
            name = part.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, Mapping) or name not in found:
                return True
            found = found[name]
        return found

    def type(self, schema: Json, depth: int) -> tuple[Type, bool]:
        self.budget -= 1
        if not isinstance(schema, Mapping) or depth > MAX_DEPTH or self.budget < 0:
            return Any(), True
        if "$ref" not in schema:
            return self.inline(schema, depth)
        reference = str(schema["$ref"])
        if reference in self.open_refs or len(self.open_refs) > _HOPS:
            return Any(), True  # recursive: a tree has no bounded type
        self.open_refs.append(reference)
        type_ = self.type(self.target(reference), depth)
        self.open_refs.pop()
        return type_

    def inline(self, schema: Mapping[str, Json], depth: int) -> tuple[Type, bool]:
        if "const" in schema:
            return _of_values([schema["const"]])
        if isinstance(schema.get("enum"), list):
            return _of_values(schema["enum"])
        for combinator in ("anyOf", "oneOf"):
            if isinstance(schema.get(combinator), list):
                return self.union(schema[combinator], depth)
        if isinstance(schema.get("allOf"), list):
            parts = schema["allOf"]
            return (
                self.type(parts[0], depth + 1)
                if len(parts) == 1 and "properties" not in schema
                else (Any(), True)
            )
        names = schema.get("type")
        if isinstance(names, list):
            return self.union([{**schema, "type": name} for name in names], depth)
        return self.single(schema, names, depth)

    def union(self, members: list[Json], depth: int) -> tuple[Type, bool]:
        others = [m for m in members if not (isinstance(m, Mapping) and m.get("type") == "null")]
        found = [self.type(member, depth + 1) for member in others]
        nullable = len(others) < len(members) or any(null for _, null in found)
        types = {type_ for type_, _ in found}
        if types == {Int(), F64()}:
            return F64(), nullable
        return (types.pop(), nullable) if len(types) == 1 else (Any(), True)

    def single(self, schema: Mapping[str, Json], name: Json, depth: int) -> tuple[Type, bool]:
        match name:
            case "boolean":
                return Bool(), False
            case "integer":
                return Int(), False
            case "number":
                return _number(schema.get("multipleOf")), False
            case "string":
                limit = schema.get("maxLength")
                return Str(min(max(limit, 1), MAX_TEXT)) if isinstance(limit, int) else Str(), False
            case "array":
                return self.array(schema, depth), False
            case "object":
                return self.object(schema, depth), False
        return Any(), True

    def array(self, schema: Mapping[str, Json], depth: int) -> Type:
        if "prefixItems" in schema or isinstance(schema.get("items"), list):
            return Any()  # a tuple
        element, nullable = self.type(schema.get("items", True), depth + 1)
        limit = schema.get("maxItems")
        bound = min(max(limit, 1), MAX_LIST) if isinstance(limit, int) else MAX_LIST
        return List(Any() if nullable else element, bound)

    def object(self, schema: Mapping[str, Json], depth: int) -> Type:
        properties = schema.get("properties", {} if schema.get("additionalProperties") is False else None)
        if not isinstance(properties, Mapping) or schema.get("additionalProperties", False) is not False:
            return Any()
        if _OPEN_ENDED & set(schema) or not all(is_field_name(name) for name in properties):
            return Any()
        required = schema.get("required")
        required = required if isinstance(required, list) else []
        fields = []
        for name, inner in properties.items():
            type_, nullable = self.type(inner, depth + 1)
            may_be_left_out = name not in required or (nullable and not isinstance(type_, Any))
            fields.append((name, Field(type_, may_be_left_out)))
        return Record(tuple(fields))


def _of_values(values: list[Json]) -> tuple[Type, bool]:
    """The type of an enumeration; null among the values makes it nullable."""
    others = [value for value in values if value is not None]
    nullable = len(others) < len(values)
    if others and all(isinstance(value, str) and value.isprintable() for value in others):
        return Enum(tuple(dict.fromkeys(others))), nullable
    for python, type_ in ((bool, Bool()), (int, Int())):
        if others and all(type(value) is python for value in others):
            return type_, nullable
    return Any(), True


def _number(multiple_of: Json) -> Type:
    """``dec(k)`` for a multiple of ``10**-k``, else a float."""
    try:
        sign, digits, exponent = Decimal(str(multiple_of)).normalize().as_tuple()
    except InvalidOperation:
        return F64()
    is_power = (sign, digits) == (0, (1,)) and isinstance(exponent, int) and -MAX_DIGITS <= exponent < 0
    return Dec(-exponent) if is_power and isinstance(exponent, int) else F64()
