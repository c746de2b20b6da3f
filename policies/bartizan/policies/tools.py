"""Tool declarations from what tools already say about themselves: JSON Schema, MCP lists, LangChain tools.

An import is never wrong, only opaque: what a schema says that the type system cannot is ``any``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any as Json

from . import effects
from .document.fields import is_slug, is_tool_name
from .document.scalars import resolve
from .document.schema_types import arguments_of
from .document.typespec import format_type
from .language.trees import quoted
from .language.types import Any, Record, ToolDecl, Type

_PLAIN_TYPE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_(), ")


def tool_from_json_schema(
    name: str,
    schema: Mapping[str, Json],
    description: str = "",
    annotations: Mapping[str, Json] | None = None,
    guess_effect: bool = False,
) -> ToolDecl:
    """The declaration of a tool whose arguments have this JSON Schema.

    ``annotations`` are MCP tool annotations; hints that are absent have MCP's defaults (not read-only,
    destructive, open world). ``guess_effect`` reads the effect off the name instead, where there are none:
    a guess, to be reviewed (see :func:`~.effects.guess_effect`).
    """
    args = arguments_of(schema)
    if guess_effect and not effects.has_hints(annotations):
        tags = effects.guess_effect(name, args)
    else:
        tags = effects.tags_from_annotations(annotations)
    return ToolDecl(name, args, tags, description=description)


def tools_from_mcp(tools: Iterable[Json], guess_effect: bool = False) -> tuple[ToolDecl, ...]:
    """The declarations of an MCP tool list: the SDK's ``Tool`` objects, or the wire's dictionaries."""
    return tuple(
        tool_from_json_schema(
            str(_part(tool, "name")),
            _part(tool, "inputSchema", "input_schema") or {},
            str(_part(tool, "description") or ""),
            _mapping(_part(tool, "annotations")),
            guess_effect,
        )
        for tool in tools
    )


def tools_from_langchain(tools: Iterable[Json], guess_effect: bool = False) -> tuple[ToolDecl, ...]:
    """The declarations of LangChain tools, by shape (LangChain is not imported).

    Injected arguments (state, store, runtime, tool call id) are left out, as the model never supplies them.
    MCP annotations are read from ``metadata`` or ``extras``, where adapters put them.
    """
    return tuple(
        tool_from_json_schema(
            str(tool.name),
            _langchain_schema(tool),
            str(tool.description or ""),
            _langchain_annotations(tool),
            guess_effect,
        )
        for tool in tools
    )


def to_yaml(declarations: Iterable[ToolDecl]) -> str:
    """A ``tools:`` block that loads back as the same declarations.

    A declaration without effect tags is written without an effect, and so loads as the worst case.
    Raises ValueError for a tool's name or tag that a policy file cannot hold.
    """
    lines = []
    for tool in declarations:
        if not is_tool_name(tool.name):
            raise ValueError(f"a policy cannot declare a tool named {tool.name!r}: rename it")
        lines += [
            f"  {_yaml(tool.name)}:",
            *_args_lines(tool.args),
            *_result_lines(tool),
            *_effect_lines(tool),
        ]
        if tool.description:
            text = tool.description.encode("utf-8", "replace").decode("utf-8")
            lines.append(f"    description: {quoted(text)}")
    return "\n".join(["tools:", *lines]) + "\n" if lines else "tools: {}\n"


def _part(tool: Json, *names: str) -> Json:
    if isinstance(tool, Mapping):
        return next((tool[name] for name in names if name in tool), None)
    return next((getattr(tool, name) for name in names if hasattr(tool, name)), None)


def _mapping(value: Json) -> Mapping[str, Json] | None:
    if value is None or isinstance(value, Mapping):
        return value
    dump = getattr(value, "model_dump", None)
    dumped = dump() if dump is not None else getattr(value, "__dict__", None)
    return dumped if isinstance(dumped, Mapping) else None


def _langchain_schema(tool: Json) -> Mapping[str, Json]:
    schema = getattr(tool, "tool_call_schema", None) or getattr(tool, "args_schema", None)
    if isinstance(schema, Mapping):
        return schema
    for method in ("model_json_schema", "schema"):  # pydantic 2, and its pydantic 1 namespace
        if hasattr(schema, method):
            generated: Mapping[str, Json] = getattr(schema, method)()
            return generated
    return {}


def _langchain_annotations(tool: Json) -> Mapping[str, Json] | None:
    for holder in (getattr(tool, "metadata", None), getattr(tool, "extras", None)):
        found = _mapping(holder) or {}
        inner = _mapping(found.get("annotations")) or found
        if effects.has_hints(inner):
            return inner
    return None


def _yaml(text: str, suffix: str = "") -> str:
    """``text`` as a YAML scalar that is certainly a text."""
    plain = text.isascii() and text.isidentifier() and resolve(text) == text
    return text + suffix if plain else quoted(text + suffix)


def _args_lines(args: Record | Any) -> Iterator[str]:
    if isinstance(args, Record) and args.fields:
        yield "    args:"
        yield from _field_lines(args, "      ")
    else:
        yield "    args: {}" if isinstance(args, Record) else "    args: any"


def _field_lines(record: Record, indent: str) -> Iterator[str]:
    for name, field in record.fields:
        key = _yaml(name, "?" if field.optional else "")
        if isinstance(field.type, Record) and field.type.fields:
            yield f"{indent}{key}:"
            yield from _field_lines(field.type, indent + "  ")
        else:
            yield f"{indent}{key}: {_yaml_type(field.type)}"


def _yaml_type(type_: Type) -> str:
    text = format_type(type_)
    return text if _PLAIN_TYPE.issuperset(text) else "'" + text.replace("'", "''") + "'"


def _result_lines(tool: ToolDecl) -> Iterator[str]:
    if tool.exceptions:
        exceptions = ", ".join(f"{quoted(path)}: {label}" for path, label in tool.exceptions)
        yield f"    result: {{label: {tool.label}, except: {{{exceptions}}}}}"
    elif tool.label != "untrusted":
        yield f"    result: {{label: {tool.label}}}"


def _effect_lines(tool: ToolDecl) -> Iterator[str]:
    effect = next((name for name in ("destructive", "write", "read") if name in tool.tags), None)
    if effect is not None:
        yield f"    effect: {effect}"
        if "open" in tool.tags:
            yield "    open: true"
    if own := sorted(tool.tags - effects.DERIVED_TAGS):
        odd = next((tag for tag in own if not is_slug(tag)), None)
        if odd is not None:
            raise ValueError(f"a policy cannot declare the tag {odd!r} of {tool.name}: rename it")
        yield f"    tags: [{', '.join(map(_yaml, own))}]"
