"""How a policy file opens an argument: its repair class, and what that class needs to know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from .fields import Given, JsonValue, Strict, only_one, problem

RepairClass = Literal["locked", "clamp", "enum", "drop", "redact", "template"]
_SCALARS = ["boolean", "number", "string"]


def _named(value: Any) -> Any:
    return {"class": value} if isinstance(value, str) else value


def _alone(value: Any) -> Any:
    return value if isinstance(value, Mapping) else {"value": value}


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _cost(number: int) -> int:
    if number < 1:
        raise problem("cost", f"a cost is a whole number from 1, found {number}", "leave it out for 1")
    return number


Cost = Annotated[int, AfterValidator(_cost)]
Texts = Annotated[tuple[str, ...], BeforeValidator(_listed), Field(min_length=1)]


class ListedValue(Strict):
    """A value that may stand in the place of another, with what choosing it costs."""

    value: JsonValue
    cost: Given[Cost] = None


REPAIR_KEYS: Mapping[str, tuple[str, ...]] = {
    "locked": (),
    "clamp": ("sign", "cost"),
    "enum": ("values", "cost"),
    "drop": ("cost",),
    "redact": ("matches", "with_", "cost"),
    "template": ("root", "scheme", "append", "cost"),
}
"""What each repair class may say besides its name."""


class RepairSpec(Strict):
    """How one argument may be repaired: a class by name, or with its own keys, ``{class: enum, values: [...]}``."""

    class_: RepairClass
    values: tuple[Annotated[ListedValue, BeforeValidator(_alone)], ...] = ()
    cost: Given[Cost] = None
    sign: Given[Literal["keep", "any"]] = None
    matches: Given[Texts] = None
    with_: Given[str] = None
    root: Given[Texts] = None
    scheme: Given[Literal["https", "wss"]] = None
    append: Given[Annotated[str, Field(min_length=1)]] = None

    @model_validator(mode="after")
    def _keys_belong_to_the_class(self) -> RepairSpec:
        for key in ("values", "cost", "sign", "matches", "with_", "root", "scheme", "append"):
            if getattr(self, key) not in (None, ()) and key not in REPAIR_KEYS[self.class_]:
                owners = [name for name, keys in REPAIR_KEYS.items() if key in keys]
                name, owner = (
                    key.rstrip("_"),
                    " or ".join(owners if len(owners) == 1 else ["what can be changed"]),
                )
                what = f"the class {owner}" if len(owners) == 1 else owner
                raise problem("unknown-key", f"`{name}` is for {what}", "remove it", (name,))
        if self.class_ == "template":
            only_one(self, ("root", "scheme", "append"), "a template")
        return self


def _class_schema(name: str, required: tuple[str, ...], **keys: Any) -> dict[str, Any]:
    cost = {} if name == "locked" else {"cost": {"type": "integer", "minimum": 1}}
    return {
        "type": "object",
        "properties": {"class": {"const": name}, **keys, **cost},
        "required": ["class", *required],
        "additionalProperties": False,
    }


_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
_LISTED = {
    "type": "object",
    "properties": {"value": {"type": _SCALARS}, "cost": {"type": "integer", "minimum": 1}},
    "required": ["value"],
    "additionalProperties": False,
}
_REPAIR_SCHEMA = {
    "anyOf": [
        {"enum": ["locked", "clamp", "drop", "redact"]},
        _class_schema("locked", ()),
        _class_schema("clamp", (), sign={"enum": ["keep", "any"]}),
        _class_schema("drop", ()),
        _class_schema("redact", (), matches=_TEXTS, **{"with": {"type": "string"}}),
        _class_schema(
            "enum",
            ("values",),
            values={"type": "array", "items": {"anyOf": [{"type": _SCALARS}, _LISTED]}, "minItems": 1},
        ),
        _class_schema("template", ("root",), root=_TEXTS),
        _class_schema("template", ("scheme",), scheme={"enum": ["https", "wss"]}),
        _class_schema("template", ("append",), append=_TEXT),
    ]
}
Repair = Annotated[RepairSpec, BeforeValidator(_named), WithJsonSchema(_REPAIR_SCHEMA)]
