"""The document's JSON Schema, for editors (YAML language servers) and other tools."""

from __future__ import annotations

from typing import Any

from .model import PolicyDocument

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TYPE_TEXT = r"^(bool|int|f64|time|duration|any|str(\([0-9]+\))?|dec\([0-9]\)|enum\(.+\)|list\(.+\)|\{.*\})$"
_TYPES: dict[str, Any] = {
    "Type": {
        "description": "bool, int, dec(2), f64, str, str(200), enum(a, b), time, duration, list(str, 16), any; "
        "or the fields of a record, an optional one with ? after its name",
        "anyOf": [{"type": "string", "pattern": _TYPE_TEXT}, {"$ref": "#/$defs/Fields"}],
    },
    "Fields": {"type": "object", "additionalProperties": {"$ref": "#/$defs/Type"}},
    "Arguments": {"anyOf": [{"const": "any"}, {"$ref": "#/$defs/Fields"}]},
}


def json_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of a policy file.

    A file that it refuses does not load; one that it accepts may still be refused, for its names,
    types and conditions.
    """
    generated = _tidied(PolicyDocument.model_json_schema(by_alias=True))
    definitions = {**generated.pop("$defs"), **_TYPES}
    definitions["ToolSpec"]["properties"]["args"] = {"$ref": "#/$defs/Arguments"}
    return {"$schema": DIALECT, "title": "Bartizan policy", **generated, "$defs": definitions}


def _tidied(schema: Any) -> Any:
    """One schema in the terms of the format.

    A key may be left out, but it may not be null (pydantic adds a null for optional fields); a name that does
    not match is refused; generated titles say nothing.
    """
    if isinstance(schema, list):
        return [_tidied(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidy: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "patternProperties", "$defs"):
            tidy[key] = {name: _tidied(inner) for name, inner in value.items()}
        elif key not in ("title", "default"):
            tidy[key] = _tidied(value)
    if "patternProperties" in tidy:
        tidy["additionalProperties"] = False
    members = tidy.get("anyOf", [])
    if {"type": "null"} in members:
        del tidy["anyOf"]
        rest = [member for member in members if member != {"type": "null"}]
        return {**rest[0], **tidy} if len(rest) == 1 else {"anyOf": rest, **tidy}
    return tidy
